"""What a registration is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sipauthctl.association.choice import Wanted
from sipauthctl.association.security_association import LIFETIME
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.network.evidence import Transport
from sipauthctl.network.tls import TlsPolicy
from sipauthctl.network.transport import Timeouts
from sipauthctl.sip.uri import SipUri


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """A server that the user named; `port` is None for the transport's own."""

    host: str
    port: int | None


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """One registration.

    `server` None means discovery. `allow_cleartext` lets NTLM go over a connection that TLS did not prove.
    `refreshes` is how many signed refreshes follow a success, `probes` the methods of requests that follow then;
    `hold` is how long to stay registered; `keep` leaves the registration standing. `association_lifetime` is what
    servers are taken to give an association.
    `kerberos_unavailable` is one sentence on why Kerberos cannot be used, empty where it can.
    """

    user: SipUri
    logon_name: LogonName
    server: ServerChoice | None = None
    transport: Transport = Transport.TLS
    policy: TlsPolicy = TlsPolicy()
    wanted: Wanted = Wanted.AUTO
    allow_cleartext: bool = False
    nameserver: str | None = None
    timeouts: Timeouts = Timeouts()
    max_redirects: int = 3
    refreshes: int = 0
    keep: bool = False
    probes: tuple[str, ...] = ()
    hold: timedelta | None = None
    association_lifetime: timedelta = LIFETIME
    workstation: str = ""
    kerberos_unavailable: str = ""

    @property
    def may_answer_unproven(self) -> bool:
        """Whether NTLM may answer a server that no certificate proves: by either option the user asked for it."""
        return self.allow_cleartext or (self.transport is Transport.TLS and not self.policy.verify)

    @property
    def sip_domain(self) -> str:
        """The domain of the user's URI."""
        return self.user.host
