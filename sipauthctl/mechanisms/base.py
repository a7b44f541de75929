"""What a security mechanism offers to the handshake, and the ways in which it can refuse.

The words are those of GSS-API (RFC 2743): an initiator and an acceptor exchange tokens until both hold a context,
and the context signs and verifies messages (GSS_GetMIC, GSS_VerifyMIC).
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Protocol, runtime_checkable


class Scheme(str, Enum):
    """An authentication scheme as it stands in the challenge header, [MS-SIPAE] 2.2.1. Compared without case."""

    NTLM = "NTLM"
    KERBEROS = "Kerberos"
    TLS_DSK = "TLS-DSK"
    DIGEST = "Digest"

    @classmethod
    def parse(cls, text: str) -> Scheme | None:
        """The scheme called `text` in any case, or None for one that this tool does not know."""
        return _SCHEMES.get(text.lower())


_SCHEMES = {scheme.value.lower(): scheme for scheme in Scheme}


class MechanismError(Exception):
    """A token or a signature could not be made or was not accepted. Its text never holds a secret."""

    account_refused = False
    """Whether the account or its password was refused: a sign-in using another mechanism fails as well, and counts
    towards locking the account."""


class MalformedToken(MechanismError):
    """The peer's token is not one of this mechanism, or is damaged."""


class MechanismUnavailable(MechanismError):
    """The mechanism cannot run on this host; the text says what to install."""


class LogonRefused(MechanismError):
    """The acceptor knows why the logon fails (account or password).

    `status` is the NTSTATUS of [MS-ERREF] 2.3.1 as an integer, such as 0xC000006A for a wrong password.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class SecurityContext(Protocol):
    """An established context: makes and checks message integrity codes."""

    @property
    def expires(self) -> datetime | None:
        """When the credentials behind the context end (a Kerberos ticket), in UTC; None where they do not."""

    def sign(self, data: bytes) -> bytes:
        """GSS_GetMIC over `data`: the signature, as bytes."""

    def verify(self, data: bytes, signature: bytes) -> bool:
        """GSS_VerifyMIC: whether `signature` is the peer's over `data`. Damaged signatures are False, not errors."""


class Initiator(Protocol):
    """The client's side of one context."""

    @property
    def scheme(self) -> Scheme:
        """The scheme that this initiator speaks."""

    @property
    def context(self) -> SecurityContext | None:
        """The context once no further token is needed, else None."""

    def step(self, token: bytes | None) -> bytes:
        """The next token to send. `token` is None at the start, afterwards what the peer sent.

        Connectionless NTLM begins with an empty token ([MS-SIPAE] 3.2.5.1); Kerberos is complete after the first.

        Raises:
            MalformedToken: the peer's token cannot be used.
            MechanismError: no token can be made (credentials, ticket, key strength).
        """


@runtime_checkable
class SlowInitiator(Protocol):
    """An initiator whose first token takes a server's answer (a KDC's)."""

    async def prepare(self, limit: float) -> None:
        """Makes the first token without blocking the event loop, so that `step` has it ready.

        Args:
            limit: in seconds.

        Raises:
            MechanismError: no token can be made, or not in time.
        """


class Acceptor(Protocol):
    """The server's side of one context."""

    @property
    def scheme(self) -> Scheme:
        """The scheme that this acceptor speaks."""

    @property
    def context(self) -> SecurityContext | None:
        """The context once the peer is authenticated, else None."""

    @property
    def peer(self) -> str | None:
        """Who signed in, as `DOMAIN\\user` or `user@REALM`, once that is known."""

    def step(self, token: bytes) -> bytes | None:
        """The next token to send, or None when the context is complete.

        Raises:
            MalformedToken: the token is not one of this mechanism.
            LogonRefused: the account or its password is not accepted.
        """
