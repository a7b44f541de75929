"""The client's side of connectionless NTLM, [MS-NLMP] 3.1.5.2: an empty token, then an AUTHENTICATE."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from spnego._ntlm_raw.crypto import compute_response_v2, rc4k
from spnego._ntlm_raw.messages import FileTime

from sipauthctl.mechanisms.base import MechanismError, Scheme
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.context import NtlmContext, Role
from sipauthctl.mechanisms.ntlm.keys import SESSION_KEY_BYTES, NtlmSecret, mic
from sipauthctl.mechanisms.ntlm.messages import (
    ChallengeFacts,
    Flags,
    client_target_info,
    read_challenge,
    write_authenticate,
)
from sipauthctl.trust import Clearance, Credential

CLIENT_CHALLENGE_BYTES = 8

# What Communicator 2007 R2 answers (0x62988255) where the server offers it; SEAL and LM_KEY serve no purpose here.
_TAKEN = (
    Flags.unicode
    | Flags.sign
    | Flags.ntlm
    | Flags.extended_session_security
    | Flags.identity
    | Flags.target_info
    | Flags.key_128
    | Flags.key_56
)
_ALWAYS = Flags.request_target | Flags.datagram | Flags.always_sign | Flags.key_exch | Flags.version


class NtlmInitiator:
    """One logon.

    Args:
        name: who signs in.
        secret: what proves it.
        cleared: the leave to send the response.
        workstation: the NetBIOS name of this computer, which an account may be restricted to; may be empty.
        now: the time in UTC, used when the server tells none.
        token_bytes: gives that many random bytes.
    """

    scheme = Scheme.NTLM

    def __init__(
        self,
        name: LogonName,
        secret: NtlmSecret,
        *,
        cleared: Clearance,
        workstation: str,
        now: Callable[[], datetime],
        token_bytes: Callable[[int], bytes],
    ) -> None:
        self._name = name
        self._secret = secret
        self._cleared = cleared
        self._workstation = workstation
        self._now = now
        self._token_bytes = token_bytes
        self.context: NtlmContext | None = None
        self.challenge: ChallengeFacts | None = None
        """What the server's CHALLENGE said, once it came."""

    def step(self, token: bytes | None) -> bytes:
        """The empty token that asks for a CHALLENGE, then the AUTHENTICATE that answers it.

        Raises:
            MalformedToken: the server's token is no CHALLENGE, or is damaged.
            MechanismError: a name cannot be written in the server's character set.
        """
        if token is None:
            return b""
        self.challenge = read_challenge(token)
        return self._authenticate(self.challenge)

    def _authenticate(self, challenge: ChallengeFacts) -> bytes:
        flags = challenge.flags & _TAKEN | _ALWAYS
        flags |= 0 if flags & Flags.unicode else Flags.oem
        info, with_mic = client_target_info(challenge)
        nt_response, _, session_base_key = compute_response_v2(
            self._secret.response_key(self._name.user, self._name.domain),
            challenge.server_challenge,
            self._token_bytes(CLIENT_CHALLENGE_BYTES),
            FileTime.from_datetime(challenge.timestamp or self._now()),
            info,
        )
        session_key = self._token_bytes(SESSION_KEY_BYTES)
        try:
            token = write_authenticate(
                flags=flags,
                user=self._name.user,
                domain=self._name.domain,
                workstation=self._workstation,
                nt_response=nt_response,
                encrypted_session_key=rc4k(session_base_key, session_key),
                mic=(lambda message: mic(session_key, challenge, message)) if with_mic else None,
            )
        except ValueError as error:
            raise MechanismError(str(error)) from None
        self.context = NtlmContext(flags, session_key, Role.INITIATOR)
        return self._cleared.release(Credential.NTLM_RESPONSE, token)
