"""What a registration is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from sipauthctl.association.choice import Wanted
from sipauthctl.association.security_association import LIFETIME
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.network.evidence import Transport
from sipauthctl.network.tls import TlsPolicy
from sipauthctl.network.transport import Timeouts
from sipauthctl.sip.uri import SipUri
from sipauthctl.trust import NamedDomain, Origin, Trust, named_domains, unwatched


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """A server to talk to, and who named it; `port` is None for the transport's own."""

    host: str
    port: int | None
    origin: Origin = Origin.USER


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """One registration.

    `server` None means discovery. `allow_cleartext` lets NTLM go over a connection that TLS did not prove.
    `given_name` is the logon name that the user gave, where `logon_name` is another form of it.
    `address_origin` is who named the domain of the user's address.
    `trust_domains` are the user's for servers outside the SIP domain, `computer_domains` those that this computer's
    configuration names; `allow_rc4`, `no_secret` and `witness`: see `Trust`.
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
    given_name: LogonName | None = None
    address_origin: Origin = Origin.USER
    trust_domains: tuple[str, ...] = ()
    computer_domains: tuple[str, ...] = ()
    allow_rc4: bool = False
    no_secret: bool = False
    witness: Callable[[bytes], object] = field(default=unwatched, repr=False, compare=False)
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
    def trust(self) -> Trust:
        """Who may receive credentials in this run."""
        name, server = self.given_name or self.logon_name, self.server
        # The address as the logon name names nothing more than the address does.
        suffix = name.user.partition("@")[2] if not self.sip_uri.endswith(f":{name.user}") else ""
        named = named_domains(
            logon_domains=(name.domain, suffix),
            server=server.host if server is not None and server.origin is Origin.USER else None,
            trusted=self.trust_domains,
        )
        address = NamedDomain(self.sip_domain, self.address_origin)
        computer = (NamedDomain(domain, Origin.COMPUTER) for domain in self.computer_domains)
        return Trust(
            domains=(address, *named, *computer) if address.origin is Origin.USER else (*named, address, *computer),
            unproven_ntlm=self.allow_cleartext or (self.transport is Transport.TLS and not self.policy.verify),
            rc4=self.allow_rc4,
            no_secret=self.no_secret,
            witness=self.witness,
        )

    @property
    def sip_uri(self) -> str:
        """The user's URI, without a port or parameters."""
        return f"sip:{self.user.user}@{self.user.host}"

    @property
    def sip_domain(self) -> str:
        """The domain of the user's URI."""
        return self.user.host
