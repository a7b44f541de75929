"""What a connection showed of its peer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Transport(str, Enum):
    """How SIP travels, as in the `transport` parameter of a SIP URI (RFC 3261 19.1.1)."""

    TLS = "tls"
    TCP = "tcp"

    @property
    def port(self) -> int:
        """The port where none is named, RFC 3261 19.1.2."""
        return 5061 if self is Transport.TLS else 5060


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server: the name that was asked for, its port (1 to 65535) and the transport."""

    host: str
    port: int
    transport: Transport


@dataclass(frozen=True, slots=True)
class TlsEvidence:
    """What the TLS handshake showed. `verified` means chain and host name were checked and held."""

    version: str
    cipher: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    not_after: datetime | None
    verified: bool
    not_before: datetime | None = None
