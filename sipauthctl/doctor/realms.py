"""Which Kerberos realm the user belongs to, and where its KDCs are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sipauthctl.doctor.case import Case
from sipauthctl.doctor.this_machine import machine_of, trust_of
from sipauthctl.mechanisms.kerberos.names import KerberosName
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.network.discovery import order
from sipauthctl.network.kdc import KDC_PORT
from sipauthctl.network.resolver import QueryOutcome
from sipauthctl.sip.numbers import port_number
from sipauthctl.trust import Origin

MAX_KDCS = 3
"""How many KDCs of one realm are asked; a domain can have hundreds."""
_SERVICES = ("_kerberos._tcp", "_kerberos._udp")


@dataclass(frozen=True, slots=True)
class KdcPlace:
    """A KDC: its name as it was found, its IP address, its port."""

    host: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Realm:
    """A realm that may be the user's. `kdcs` may be empty; `source` tells where they, or none, were found."""

    name: str
    kdcs: tuple[KdcPlace, ...]
    source: str
    name_server_silent: bool = False


async def principals(case: Case, name: LogonName | None = None) -> tuple[KerberosName, ...]:
    """Who a logon name, by default the user's, may be in Kerberos, the likeliest first.

    There is none where the realm of a NetBIOS domain is not known.

    A password is not tried at a realm that merely happens to have an account of the same name: a NetBIOS domain has
    to be that of the realm.
    """
    name = name or case.asked.probe.logon_name
    user, at, suffix = name.user.rpartition("@")
    if "." in name.domain:
        return (KerberosName(name.user, name.domain.upper()),)
    domains = await _domains(case)
    if not at:
        of_name = tuple(domain for domain in domains if not name.domain or _is_called(case, domain, name.domain))
        return tuple(KerberosName(name.user, domain.upper()) for domain in of_name)
    others = tuple(domain for domain in domains if domain != suffix.lower())
    as_enterprise = tuple(KerberosName(name.user, domain.upper(), enterprise=True) for domain in others)
    return (KerberosName(user, suffix.upper()), *as_enterprise)


async def find_realm(case: Case, realm: str, *, ask_dns: bool = True) -> Realm:
    """The KDCs of a realm: the one that the user named, those of krb5.conf, or, with `ask_dns`, those of DNS."""
    if case.asked.kdc is not None:
        host, port = case.asked.kdc
        return Realm(realm, await _places(case, [(host, port)]), "the option --kdc")
    krb5 = (await machine_of(case)).krb5
    written = [place for text in krb5.kdcs.get(realm, ()) if (place := _written(text)) is not None]
    if written:
        return Realm(realm, await _places(case, written), "krb5.conf")
    if not ask_dns:
        return Realm(realm, (), "krb5.conf")
    names = [f"{service}.{realm.lower()}" for service in _SERVICES]
    known = case.kdcs.get(realm.lower(), ())
    records = [known] if known else await asyncio.gather(*map(case.tools.resolver.services, names))
    for name, found in zip(names, records, strict=False):
        targets = order(found, case.tools.rng)[:MAX_KDCS]
        if targets:
            return Realm(realm, await _places(case, [(target.target, target.port) for target in targets]), name)
    asked = [query for query in case.tools.resolver.queries if query.name in names]
    silent = bool(asked) and all(query.outcome is QueryOutcome.TIMEOUT for query in asked)
    return Realm(realm, (), f"{names[0]} and krb5.conf", name_server_silent=silent)


async def located_by(case: Case, realm: str) -> Origin:
    """Who names the KDCs of a realm."""
    if case.asked.kdc is not None:
        return Origin.USER
    return Origin.COMPUTER if (await machine_of(case)).krb5.kdcs.get(realm) else Origin.DNS


async def _domains(case: Case) -> tuple[str, ...]:
    """DNS names of domains that the user may be in: the server's, this computer's, the SIP domain.

    The server's counts only where the user or this computer named it, too: a challenge is no proof.
    """
    trust = await trust_of(case)
    server = case.domain.dns or ""
    of_server = (server,) if trust.named_by(server, Origin.PEER) is not None else ()
    names = (*of_server, *(await machine_of(case)).domains, case.sip_domain, *case.asked.probe.trust_domains)
    return tuple(dict.fromkeys(name.lower() for name in names if name))


async def untrusted_domain(case: Case) -> str:
    """The domain that only the server's challenge names, so that nothing is asked there; empty where there is none."""
    server = (case.domain.dns or "").lower()
    return server if server and (await trust_of(case)).named_by(server, Origin.PEER) is None else ""


def _is_called(case: Case, dns_domain: str, netbios: str) -> bool:
    """Whether the NetBIOS name is that of the domain, as far as it is known; by custom it is the first label."""
    known = case.domain.netbios if dns_domain == (case.domain.dns or "").lower() else None
    return netbios.lower() in {(known or "").lower(), dns_domain.partition(".")[0]}


async def _places(case: Case, hosts: list[tuple[str, int]]) -> tuple[KdcPlace, ...]:
    found = await asyncio.gather(*(case.tools.resolver.addresses(host) for host, _ in hosts[:MAX_KDCS]))
    return tuple(
        KdcPlace(host, addresses[0], port) for (host, port), addresses in zip(hosts, found, strict=False) if addresses
    )


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
