"""From a password or NT hash to the session key, from the bytes of the messages alone, [MS-NLMP] 3.3.2 and 3.4.5."""

from __future__ import annotations

import hmac
import re

from spnego._ntlm_raw.crypto import compute_response_v1, des, hmac_md5, kxkey, rc4k
from spnego._ntlm_raw.md4 import md4

from sipauthctl.mechanisms.base import MalformedToken
from sipauthctl.mechanisms.ntlm.messages import AuthenticateFacts, ChallengeFacts, Flags

_NT_HASH = re.compile(r"(?:([0-9A-Fa-f]{32}):)?([0-9A-Fa-f]{32})")
_NO_LM_HASH = bytes.fromhex("aad3b435b51404eeaad3b435b51404ee")  # that of an empty password; tools print it for none
SESSION_KEY_BYTES = 16
_LM_CHARACTERS = 14


class NtlmSecret:
    """What proves a user: the NT hash of the password. It is as good as the password, and is never shown.

    The LM hash is only needed for some session keys of NTLMv1; it is None where it is not known.
    """

    __slots__ = ("_lm_hash", "_nt_hash")

    def __init__(self, nt_hash: bytes, lm_hash: bytes | None = None) -> None:
        self._nt_hash = nt_hash
        self._lm_hash = lm_hash

    @classmethod
    def from_password(cls, password: str) -> NtlmSecret:
        """MD4 of the password in UTF-16LE, [MS-NLMP] 3.3.1."""
        # Not pyspnego's ntowfv1: that takes a password which looks like a pair of hashes for one.
        return cls(md4(password.encode("utf-16-le", "surrogatepass")), _lm_hash(password))

    @classmethod
    def from_nt_hash(cls, text: str) -> NtlmSecret:
        """Reads 32 hexadecimal digits, or `LM:NT` as tools print it.

        Raises:
            ValueError: it is none; the text is not repeated.
        """
        match = _NT_HASH.fullmatch(text.strip())
        if match is None:
            raise ValueError("an NT hash is 32 hexadecimal digits")
        lm_hash = bytes.fromhex(match[1]) if match[1] else None
        return cls(bytes.fromhex(match[2]), None if lm_hash == _NO_LM_HASH else lm_hash)

    @property
    def rc4_key(self) -> bytes:
        """The user's key of Kerberos with RC4, RFC 4757 2: the hash itself."""
        return self._nt_hash

    def response_key(self, user: str, domain: str) -> bytes:
        """NTOWFv2, [MS-NLMP] 3.3.2: only the user is put in upper case."""
        return hmac_md5(self._nt_hash, (_upcase(user) + domain).encode("utf-16-le", "surrogatepass"))

    def response_v1(self, flags: int, server_challenge: bytes, client_challenge: bytes) -> bytes:
        """The NT response of NTLMv1, [MS-NLMP] 3.3.1; `client_challenge` counts with extended session security."""
        response: bytes = compute_response_v1(flags, self._nt_hash, bytes(16), server_challenge, client_challenge)[0]
        return response

    def key_exchange_key_v1(self, flags: int, server_challenge: bytes, lm_response: bytes) -> bytes | None:
        """KXKEY of NTLMv1, [MS-NLMP] 3.4.5.1; None where it needs the LM hash, which is not known."""
        by_lm = flags & (Flags.lm_key | Flags.non_nt_session_key) and not flags & Flags.extended_session_security
        if by_lm and self._lm_hash is None:
            return None
        key: bytes = kxkey(flags, md4(self._nt_hash), self._lm_hash or bytes(16), lm_response, server_challenge)
        return key


class LmHashNeeded(Exception):
    """The secret is right, and the session key needs the LM hash too, which an NT hash alone does not give."""


def check_response_v1(secret: NtlmSecret, server_challenge: bytes, authenticate: AuthenticateFacts) -> bytes | None:
    """The key exchange key if `secret` made this NTLMv1 response, else None; [MS-NLMP] 3.3.1 and 3.4.5.1.

    Raises:
        LmHashNeeded: it did, and the key cannot be computed.
    """
    if authenticate.version != 1:
        return None
    lm_response = authenticate.lm_response
    response = secret.response_v1(authenticate.flags, server_challenge, lm_response[:8])
    if not hmac.compare_digest(response, authenticate.nt_response):
        return None
    key = secret.key_exchange_key_v1(authenticate.flags, server_challenge, lm_response)
    if key is None:
        raise LmHashNeeded
    return key


def check_response(secret: NtlmSecret, server_challenge: bytes, authenticate: AuthenticateFacts) -> bytes | None:
    """The session base key if `secret` made this NTLMv2 response, else None; [MS-NLMP] 3.3.2.

    The received bytes are hashed as they are; packing them anew could change them.
    """
    if authenticate.version != 2:
        return None
    key = secret.response_key(authenticate.user, authenticate.domain)
    if not hmac.compare_digest(hmac_md5(key, server_challenge + authenticate.proved), authenticate.proof):
        return None
    return hmac_md5(key, authenticate.proof)


def exported_session_key(session_base_key: bytes, authenticate: AuthenticateFacts) -> bytes:
    """The key under all signatures, [MS-NLMP] 3.2.5.2.2.

    Args:
        session_base_key: the key exchange key, which with NTLMv2 is the session base key.
        authenticate: the client's message.

    Raises:
        MalformedToken: a key exchange was negotiated and the key is not 16 bytes long.
    """
    if not authenticate.flags & Flags.key_exch:
        return session_base_key
    if len(authenticate.encrypted_session_key) != SESSION_KEY_BYTES:
        raise MalformedToken("the AUTHENTICATE has no encrypted session key of 16 bytes")
    return rc4k(session_base_key, authenticate.encrypted_session_key)


def mic(session_key: bytes, challenge: ChallengeFacts, authenticate_without_mic: bytes) -> bytes:
    """The MIC of the handshake, [MS-NLMP] 3.1.5.2.1: a connectionless context has no NEGOTIATE to cover."""
    return hmac_md5(session_key, challenge.raw + authenticate_without_mic)


def _lm_hash(password: str) -> bytes | None:
    """LMOWFv1, [MS-NLMP] 3.3.1; None for a password that has none: longer than 14 characters, or not in ASCII."""
    if len(password) > _LM_CHARACTERS or not password.isascii():
        return None
    half = password.upper().encode("ascii").ljust(_LM_CHARACTERS, b"\0")
    return b"".join(des(key, b"KGS!@#$%") for key in (half[:7], half[7:]))


def _upcase(text: str) -> str:
    """Upper case as Windows makes it, character by character: a sharp s stays what it is."""
    return "".join(char.upper() if len(char.upper()) == 1 else char for char in text)
