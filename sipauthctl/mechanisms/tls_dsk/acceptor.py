"""The server's side of TLS-DSK."""

from __future__ import annotations

import ssl
from pathlib import Path

from sipauthctl.mechanisms.base import MalformedToken, MechanismError, Scheme, SecurityContext
from sipauthctl.mechanisms.tls_dsk.end import TlsEnd
from sipauthctl.mechanisms.tls_dsk.handshake import TlsSide


class TlsDskAcceptor:
    """The server's side of one association, [MS-SIPAE] 3.3.5.2.

    Args:
        context: see `TlsEnd`; it has to ask for a client certificate.
        key_log: see there.
    """

    def __init__(self, context: ssl.SSLContext, key_log: Path) -> None:
        self._end = TlsEnd(context, key_log, TlsSide.SERVER)
        self._context: SecurityContext | None = None

    @property
    def scheme(self) -> Scheme:
        """TLS-DSK."""
        return Scheme.TLS_DSK

    @property
    def context(self) -> SecurityContext | None:
        """The context once the client has shown that it has the server's Finished, else None."""
        return self._context

    @property
    def peer(self) -> str | None:
        """The name in the client's certificate, such as `ned@litwareinc.com`."""
        return self._end.client_name()

    def step(self, token: bytes) -> bytes | None:
        """The next token, None when the context is complete.

        A failure is told by a token with an alert, and by an error when the client comes again.

        Raises:
            MalformedToken: the token is not TLS.
            MechanismError: the handshake failed before.
        """
        if self._end.failed:
            raise MechanismError(f"the TLS handshake failed: {self._end.failed}")
        if self._end.done:
            self._context = self._end.context()
            return None
        answer = self._end.step(token)
        if self._end.failed and not answer:
            raise MalformedToken(f"the TLS handshake failed: {self._end.failed}")
        return answer
