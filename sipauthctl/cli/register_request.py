"""The options of a command that signs in, as they were given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from sipauthctl.cli.parameters import HostPort


@dataclass(frozen=True, slots=True)
class Request:
    """See `sipauthctl register --help`; the names are those of the options' parameters.

    `life` has the settings of the lab on the life of associations, `netbios_ports` by host where the lab's computers
    answer by NetBIOS.
    """

    sip_uri: str | None
    server: HostPort | None
    transport: str
    ca_file: Path | None
    no_verify: bool
    allow_cleartext: bool
    trust_domains: tuple[str, ...]
    allow_rc4: bool
    auth: str
    username: str | None
    domain: str
    password_file: IO[str] | None
    ccache: str | None
    keytab: Path | None
    kdc: HostPort | None
    nameserver: str | None
    timeout: float
    max_redirects: int
    trace: Path | None
    lab: bool
    faults: tuple[str, ...]
    refreshes: int = 0
    keep: bool = False
    probes: tuple[str, ...] = ()
    hold: timedelta | None = None
    sa_lifetime: timedelta | None = None
    life: dict[str, Any] = field(default_factory=dict)
    netbios_ports: dict[str, int] = field(default_factory=dict)

    @property
    def verify(self) -> bool:
        """Whether certificates are checked."""
        return not self.no_verify
