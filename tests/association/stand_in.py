"""A mechanism without NTLM or Kerberos in it: HMACs under a key that the tokens carry openly.

It has the two courses that a handshake can take: as NTLM (an empty token, a challenge, an answer) and as Kerberos (one
token, after which both sides have a context).
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from sipauthctl.mechanisms.base import LogonRefused, MalformedToken, MechanismError, Scheme

ACCOUNT_LOCKED_OUT = 0xC0000234
CHALLENGE, ANSWER, LOCKED, TICKET = b"challenge:", b"answer:", b"locked:", b"ticket:"


class Context:
    """Signs alike in both directions."""

    def __init__(self, key: bytes, expires: datetime | None = None) -> None:
        self._key = key
        self.expires = expires

    def sign(self, data: bytes) -> bytes:
        return hmac.digest(self._key, data, hashlib.sha256)[:16]

    def verify(self, data: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(self.sign(data), signature)


class Initiator:
    """`answer` is what the last token begins with, `weak` makes it refuse every challenge."""

    def __init__(self, scheme: Scheme, *, answer: bytes = ANSWER, weak: bool = False) -> None:
        self.scheme = scheme
        self.context: Context | None = None
        self._answer = answer
        self._weak = weak

    def step(self, token: bytes | None) -> bytes:
        if self.scheme is Scheme.KERBEROS:
            self.context = Context(b"session key")
            return TICKET + b"session key"
        if token is None:
            return b""
        if not token.startswith(CHALLENGE):
            raise MalformedToken("not a challenge")
        if self._weak:
            raise MechanismError("the server asks for too weak a key")
        key = token.removeprefix(CHALLENGE)
        self.context = Context(key)
        return self._answer + key


class Acceptor:
    """Accepts what `Initiator` sends; an answer only to its own challenge."""

    def __init__(self, scheme: Scheme, key: bytes = b"session key", expires: datetime | None = None) -> None:
        self.scheme = scheme
        self.context: Context | None = None
        self.peer: str | None = None
        self._key = key
        self._expires = expires
        self._challenged = scheme is not Scheme.NTLM

    def step(self, token: bytes) -> bytes | None:
        if self.scheme is Scheme.NTLM and token == b"":
            self._challenged = True
            return CHALLENGE + self._key
        if token == LOCKED + self._key:
            raise LogonRefused(ACCOUNT_LOCKED_OUT, "the account is locked out")
        if not self._challenged or token not in (ANSWER + self._key, TICKET + self._key):
            raise MalformedToken("not a token of this mechanism")
        self.context, self.peer = Context(self._key, self._expires), "LITWAREINC\\ned"
        return None
