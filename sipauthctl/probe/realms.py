"""Which Kerberos realm a user belongs to, and where its KDCs are: one rule for every command."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sipauthctl.association.offers import Offer
from sipauthctl.association.spn import Spn
from sipauthctl.machine.facts import Machine
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.kerberos.names import KerberosName
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.network.discovery import order
from sipauthctl.network.kdc import KDC_PORT
from sipauthctl.network.resolver import QueryOutcome, Resolver
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.sip.numbers import port_number
from sipauthctl.trust import Clearance, Credential, Destination, Origin, Trust, Withheld, domain_above

MAX_KDCS = 3
"""How many KDCs of one realm are asked; a domain can have hundreds."""
_SERVICES = ("_kerberos._tcp", "_kerberos._udp")


class NoLogon(ValueError):
    """Kerberos cannot sign the user in; the text is one sentence without a final dot."""


@dataclass(frozen=True, slots=True)
class KdcPlace:
    """A KDC: its name as it was found, its IP address, its port."""

    host: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Realm:
    """A realm that may be the user's. `kdcs` may be empty; `source` tells where they, or none, were found.

    `proxied`: krb5.conf names only KDCs behind HTTPS ([MS-KKDCP]), which libkrb5 alone can ask.
    """

    name: str
    kdcs: tuple[KdcPlace, ...]
    source: str
    proxied: bool = False


@dataclass(frozen=True, slots=True)
class DomainNames:
    """The Active Directory domain that the server belongs to, as far as it is known."""

    dns: str | None = None
    netbios: str | None = None


@dataclass(frozen=True, slots=True)
class Realms:
    """The realms of one run.

    Attributes:
        options: they have the SIP address and the domains that the user named.
        machine: this computer's settings.
        resolver: finds KDCs.
        rng: draws among SRV targets.
        kdc: the host and port of the option --kdc.
        server: the domain that the server says it is in, which proves nothing.
    """

    options: ProbeOptions
    machine: Machine
    resolver: Resolver
    rng: random.Random
    kdc: tuple[str, int] | None = None
    server: DomainNames = DomainNames()

    @property
    def trust(self) -> Trust:
        """Who may receive credentials in this run."""
        return replace(self.options, computer_domains=self.machine.domains).trust

    @property
    def untrusted_domain(self) -> str:
        """The domain that only the server names, so that nothing is asked there; empty where there is none."""
        server = (self.server.dns or "").lower()
        return server if server and self.trust.named_by(server, Origin.PEER) is None else ""

    @property
    def domains(self) -> tuple[str, ...]:
        """DNS names of domains that the user may be in, the likeliest first."""
        server = self.server.dns if not self.untrusted_domain else None
        names = (self.options.sip_domain, server, *self.machine.domains, *self.options.trust_domains)
        return tuple(dict.fromkeys(name.lower() for name in names if name))

    def principals(self, name: LogonName) -> tuple[KerberosName, ...]:
        """Who a logon name may be in Kerberos, the likeliest first.

        A DNS domain in the name is the realm. The suffix of a user principal name is tried as a realm, and then looked
        up as an enterprise name. There is none where the realm of a NetBIOS domain is not known: a password is not
        tried at a realm that merely happens to have an account of the same name.

        Raises:
            ValueError: the name has a NUL.
        """
        user, at, suffix = name.user.rpartition("@")
        if "." in name.domain:
            return (KerberosName(name.user, name.domain.upper(), enterprise=bool(at)),)
        if not at:
            called = [domain for domain in self.domains if not name.domain or self._is_called(domain, name.domain)]
            # A domain that the server alone calls by this name comes after those of this computer.
            called.sort(key=lambda domain: not self._is_called(domain, name.domain, by_server=False))
            return tuple(KerberosName(name.user, domain.upper()) for domain in called)
        others = (domain for domain in self.domains if domain != suffix.lower())
        enterprise = (KerberosName(name.user, domain.upper(), enterprise=True) for domain in others)
        return (KerberosName(user, suffix.upper()), *enterprise)

    async def principal(self, name: LogonName) -> KerberosName:
        """The first of `principals` whose realm has a KDC that the user, krb5.conf or DNS names, else the first.

        Raises:
            NoLogon: there is none, or the name has a NUL.
        """
        try:
            possible = self.principals(name)
        except ValueError as error:
            raise NoLogon(str(error)) from None
        for principal in possible:
            realm = await self.find(principal.realm)
            if realm.kdcs or realm.proxied:
                return principal
        if not possible:
            raise NoLogon(f"the Kerberos realm of {name.domain} is not known: neither you nor this computer named it")
        return possible[0]

    async def referred(self, principal: KerberosName) -> dict[str, list[tuple[str, int]]] | None:
        """The KDCs of all realms that a referral may lead to; None where the name asks for no referral."""
        if not principal.enterprise:
            return None
        found = [await self.find(domain.upper()) for domain in self.domains if domain.upper() != principal.realm]
        return {realm.name: [(place.address, place.port) for place in realm.kdcs] for realm in found if realm.kdcs}

    async def find(self, realm: str) -> Realm:
        """The KDCs of a realm: the one that the user named, those of krb5.conf, or those of DNS."""
        if self.kdc is not None:
            return Realm(realm, await self._places([self.kdc]), "the option --kdc")
        if written := self.machine.krb5.kdcs.get(realm):
            # libkrb5 asks DNS for no other KDC then, and reaches those behind HTTPS by itself.
            direct = [place for text in written if (place := _written(text)) is not None]
            return Realm(realm, await self._places(direct), "krb5.conf", proxied=not direct)
        names = [f"{service}.{realm.lower()}" for service in _SERVICES]
        for name, found in zip(names, await asyncio.gather(*map(self.resolver.services, names)), strict=True):
            targets = order(found, self.rng)[:MAX_KDCS]
            if targets:
                return Realm(realm, await self._places([(target.target, target.port) for target in targets]), name)
        asked = [query for query in self.resolver.queries if query.name in names]
        silent = bool(asked) and all(query.outcome is QueryOutcome.TIMEOUT for query in asked)
        nowhere = "krb5.conf, and the name server does not answer" if silent else f"{names[0]} and krb5.conf"
        return Realm(realm, (), nowhere)

    def clear(self, credential: Credential, realm: str, named_by: Origin = Origin.PEER) -> Clearance | Withheld:
        """Whether a timestamp may go to a KDC of a realm."""
        return self.trust.clear(credential, Destination(realm, named_by, located_by=self.located_by(realm)))

    def located_by(self, realm: str) -> Origin:
        """Who names the KDCs of a realm."""
        if self.kdc is not None:
            return Origin.USER
        return Origin.COMPUTER if self.machine.krb5.kdcs.get(realm) else Origin.DNS

    def _is_called(self, domain: str, netbios: str, *, by_server: bool = True) -> bool:
        """Whether the NetBIOS name is that of the domain, as far as it is known; by custom it is the first label."""
        names = [domain.partition(".")[0]]
        names += [self.server.netbios or ""] if by_server and domain == (self.server.dns or "").lower() else []
        names += [item.netbios_domain for item in self.machine.memberships if item.dns_domain.lower() == domain]
        return netbios.lower() in map(str.lower, names)

    async def _places(self, hosts: Sequence[tuple[str, int]]) -> tuple[KdcPlace, ...]:
        found = await asyncio.gather(*(self.resolver.addresses(host) for host, _ in hosts[:MAX_KDCS]))
        return tuple(
            KdcPlace(host, addresses[0], port)
            for (host, port), addresses in zip(hosts, found, strict=False)
            if addresses
        )


def domain_of(offers: Sequence[Offer]) -> DomainNames:
    """The domain of the server that a Kerberos offer names."""
    names = (Spn.parse(offer.targetname or "") for offer in offers if offer.scheme is Scheme.KERBEROS)
    return DomainNames(next((domain_above(name.host) or None for name in names if name is not None), None))


def _written(text: str) -> tuple[str, int] | None:
    """A KDC as krb5.conf has it, `HOST`, `HOST:PORT` or `[IPv6]:PORT`; None for one that is reached by HTTPS."""
    if "/" in text:
        return None
    host, colon, port = text.rpartition(":")
    if text.startswith("[") and text.endswith("]"):
        return text[1:-1], KDC_PORT
    if not colon or (":" in host.strip("[]") and not host.startswith("[")):
        return text, KDC_PORT
    number = port_number(port)
    return None if number is None else (host.strip("[]"), number)
