"""The server's side of connectionless NTLM, [MS-NLMP] 3.2.5.2: a CHALLENGE, then a verdict on the AUTHENTICATE."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sipauthctl.mechanisms.base import MalformedToken, MechanismError, Scheme
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.context import NtlmContext, Role
from sipauthctl.mechanisms.ntlm.keys import exported_session_key, mic
from sipauthctl.mechanisms.ntlm.messages import (
    AuthenticateFacts,
    ChallengeFacts,
    Flags,
    TargetNames,
    key_bits,
    read_authenticate,
    read_challenge,
    write_challenge,
)

SERVER_CHALLENGE_BYTES = 8

OCS_2007_R2_FLAGS = Flags(0xE29882F3)
"""What Office Communications Server 2007 R2 offers in its CHALLENGE."""


class SecurityLevelMismatch(MechanismError):
    """The client's key is shorter than this server demands, or its responses are of NTLMv1."""


class ResponseChecker(Protocol):
    """The directory behind the server."""

    def check(self, authenticate: AuthenticateFacts, server_challenge: bytes) -> bytes:
        """The session base key of a right NTLMv2 response, 16 bytes.

        Raises:
            LogonRefused: the account or its password is not accepted.
        """


@dataclass(frozen=True, slots=True)
class AcceptorOptions:
    """How the server behaves. `minimum_key_bits` is 128 by default since Windows Server 2008 R2."""

    flags: int = OCS_2007_R2_FLAGS
    with_timestamp: bool = True
    minimum_key_bits: int = 128


class NtlmAcceptor:
    """One logon.

    Args:
        checker: the directory.
        names: what the CHALLENGE says about this server and its domain.
        options: see there.
        now: the time in UTC.
        token_bytes: gives that many random bytes.
    """

    scheme = Scheme.NTLM

    def __init__(
        self,
        checker: ResponseChecker,
        names: TargetNames,
        *,
        options: AcceptorOptions,
        now: Callable[[], datetime],
        token_bytes: Callable[[int], bytes],
    ) -> None:
        self._checker = checker
        self._names = names
        self._options = options
        self._now = now
        self._token_bytes = token_bytes
        self._challenge: ChallengeFacts | None = None
        self.context: NtlmContext | None = None
        self.peer: str | None = None
        self.authenticate: AuthenticateFacts | None = None
        """What the client's AUTHENTICATE said, once it came."""

    def step(self, token: bytes) -> bytes | None:
        """The CHALLENGE for an empty token; None when the AUTHENTICATE is accepted.

        Raises:
            MalformedToken: the token is not what is due, or its MIC is wrong.
            SecurityLevelMismatch: the key is too short, or NTLMv1 was used.
            LogonRefused: the account or its password is not accepted.
        """
        if self._challenge is None:
            if token:
                raise MalformedToken("the first NTLM token must be empty: connectionless NTLM has no NEGOTIATE")
            self._challenge = read_challenge(self._make_challenge())
            return self._challenge.raw
        self._accept(read_authenticate(token), self._challenge)
        return None

    def _make_challenge(self) -> bytes:
        return write_challenge(
            flags=self._options.flags,
            server_challenge=self._token_bytes(SERVER_CHALLENGE_BYTES),
            names=self._names,
            timestamp=self._now() if self._options.with_timestamp else None,
        )

    def _accept(self, authenticate: AuthenticateFacts, challenge: ChallengeFacts) -> None:
        self.authenticate = authenticate
        self.peer = LogonName(authenticate.user, authenticate.domain).text
        if authenticate.version is None:
            raise MalformedToken("an anonymous AUTHENTICATE without any response")
        if authenticate.version == 1:
            raise SecurityLevelMismatch("the client answered with NTLMv1; this server demands NTLMv2")
        bits = key_bits(authenticate.flags)
        if bits < self._options.minimum_key_bits:
            minimum = self._options.minimum_key_bits
            raise SecurityLevelMismatch(f"the client's key has {bits} bits; this server demands {minimum}")
        session_base_key = self._checker.check(authenticate, challenge.server_challenge)
        session_key = exported_session_key(session_base_key, authenticate)
        if authenticate.mic is not None:
            expected = mic(session_key, challenge, authenticate.raw_without_mic)
            if not hmac.compare_digest(expected, authenticate.mic):
                raise MalformedToken("the MIC of the AUTHENTICATE is wrong: a message was changed on the way")
        self.context = NtlmContext(authenticate.flags, session_key, Role.ACCEPTOR)
