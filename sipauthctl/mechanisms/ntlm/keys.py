"""From a password or NT hash to the session key, from the bytes of the messages alone, [MS-NLMP] 3.3.2 and 3.4.5."""

from __future__ import annotations

import hmac
import re

from spnego._ntlm_raw.crypto import hmac_md5, rc4k
from spnego._ntlm_raw.md4 import md4

from sipauthctl.mechanisms.base import MalformedToken
from sipauthctl.mechanisms.ntlm.messages import AuthenticateFacts, ChallengeFacts, Flags

_NT_HASH = re.compile(r"(?:[0-9A-Fa-f]{32}:)?([0-9A-Fa-f]{32})")
SESSION_KEY_BYTES = 16


class NtlmSecret:
    """What proves a user: the NT hash of the password. It is as good as the password, and is never shown."""

    __slots__ = ("_nt_hash",)

    def __init__(self, nt_hash: bytes) -> None:
        self._nt_hash = nt_hash

    @classmethod
    def from_password(cls, password: str) -> NtlmSecret:
        """MD4 of the password in UTF-16LE, [MS-NLMP] 3.3.1."""
        # Not pyspnego's ntowfv1: that takes a password which looks like a pair of hashes for one.
        return cls(md4(password.encode("utf-16-le", "surrogatepass")))

    @classmethod
    def from_nt_hash(cls, text: str) -> NtlmSecret:
        """Reads 32 hexadecimal digits, or `LM:NT` as tools print it.

        Raises:
            ValueError: it is none; the text is not repeated.
        """
        match = _NT_HASH.fullmatch(text.strip())
        if match is None:
            raise ValueError("an NT hash is 32 hexadecimal digits")
        return cls(bytes.fromhex(match[1]))

    @property
    def rc4_key(self) -> bytes:
        """The user's key of Kerberos with RC4, RFC 4757 2: the hash itself."""
        return self._nt_hash

    def response_key(self, user: str, domain: str) -> bytes:
        """NTOWFv2, [MS-NLMP] 3.3.2: only the user is put in upper case."""
        return hmac_md5(self._nt_hash, (_upcase(user) + domain).encode("utf-16-le", "surrogatepass"))


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
    """The key under all signatures, [MS-NLMP] 3.2.5.2.2; with NTLMv2 the key exchange key is the session base key.

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


def _upcase(text: str) -> str:
    """Upper case as Windows makes it, character by character: a sharp s stays what it is."""
    return "".join(char.upper() if len(char.upper()) == 1 else char for char in text)
