"""Why a server could not be talked to. Each error names the server and is one plain sentence."""

from __future__ import annotations

from datetime import datetime

from sipauthctl.network.evidence import Endpoint, TlsEvidence


class NetworkError(Exception):
    """Any of the errors below; `tls` holds what the TLS handshake showed, where it came that far."""

    def __init__(self, server: Endpoint, message: str, tls: TlsEvidence | None = None) -> None:
        super().__init__(message)
        self.server = server
        self.tls = tls


class HostUnresolvable(NetworkError):
    """The server's name has no address."""


class ConnectionRefused(NetworkError):
    """The host answered that nothing listens on the port, or cannot be reached at all."""


class ConnectTimeout(NetworkError):
    """The host did not answer, or did not finish the TLS handshake."""


class TlsUntrusted(NetworkError):
    """The certificate is not from an authority that is trusted here."""


class TlsWeakCertificate(TlsUntrusted):
    """The certificate, or one of its chain, has a key or a signature algorithm that is too weak to be accepted."""


class TlsNameMismatch(NetworkError):
    """The certificate is for other names."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it is for, where they are known."""
        return self.tls.names if self.tls is not None else ()


class TlsExpired(NetworkError):
    """The certificate's time is over, or has not begun."""

    @property
    def not_before(self) -> datetime | None:
        """When it begins or began, where that is known."""
        return self.tls.not_before if self.tls is not None else None

    @property
    def not_after(self) -> datetime | None:
        """When it ends or ended, where that is known."""
        return self.tls.not_after if self.tls is not None else None


REFUSED_CERTIFICATES = (TlsUntrusted, TlsNameMismatch, TlsExpired)
"""Errors after which a client that does not verify could go on."""


class TlsTooOld(NetworkError):
    """The server speaks no version of TLS that is still accepted."""


class TlsNoCommonCipher(NetworkError):
    """The version of TLS is accepted on both sides, and no cipher suite is."""


class TlsFailed(NetworkError):
    """The TLS handshake failed otherwise."""


class TlsReset(TlsFailed):
    """The connection was reset or closed in place of an answer to the first message of TLS."""


class NotTls(TlsFailed):
    """The server does not speak TLS on this port."""


class AnswerTimeout(NetworkError):
    """No whole answer came in time."""


class ConnectionClosed(NetworkError):
    """The server closed the connection, or broke it, before an answer was complete."""


class ProtocolError(NetworkError):
    """What came is not SIP, or exceeds a limit.

    `kind` is the protocol that was recognised instead (`tls`, `http`, ..., see `sip.recognise.looks_like`), or None.
    """

    def __init__(self, server: Endpoint, message: str, kind: str | None = None) -> None:
        super().__init__(server, message)
        self.kind = kind
