"""DNS: every record by which clients find a server, and those of the domain's KDCs and directory."""

from __future__ import annotations

import asyncio

from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.findings import Finding, finding
from sipauthctl.network.discovery import AUTODISCOVER_HOSTS, HOSTS, SERVICES, discover
from sipauthctl.network.resolver import QueryOutcome, Resolver
from sipauthctl.probe.diagnosis import reaching
from sipauthctl.probe.facts import RunFacts

KDC_SERVICE = "_kerberos._tcp"
LDAP_SERVICE = "_ldap._tcp.dc._msdcs"


class DnsCheck(Check):
    """Asks for all of it at once, and picks the server as a client does."""

    id = "dns"
    title = "records of the SIP domain and of the directory"
    steps = 4

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        probe, resolver, domain = case.asked.probe, case.tools.resolver, case.sip_domain
        services = [f"{service}.{domain}" for service, _ in SERVICES]
        hosts = [f"{host}.{domain}" for host in (*HOSTS, *AUTODISCOVER_HOSTS)]
        await asyncio.gather(
            _discover(case),
            *(resolver.services(name) for name in services),
            *(resolver.addresses(name) for name in hosts),
            *(_directory_records(case, resolver, name) for name in directory_domains(case)),
        )
        if probe.server is not None:
            return self.judged(f"not needed to find the server, which was given; {_directory_words(case)}")
        found = self._findings(case)
        if any(item.id == "dns-server-unreachable" for item in found):
            return self.judged("the name server does not answer", found)
        found += await _aliases(case)
        return self.judged(f"{_words(case)}; {_directory_words(case)}", found)

    def _findings(self, case: Case) -> list[Finding]:
        discovery, queries = case.discovery, tuple(case.tools.resolver.queries)
        run = RunFacts(discovery=discovery, discovered_nothing=discovery is None, queries=queries)
        return list(reaching.findings(run, case.asked.probe))


def directory_domains(case: Case) -> tuple[str, ...]:
    """The domains that may be the user's in Active Directory: by the logon name, then the SIP domain."""
    name = case.asked.probe.logon_name
    written = (name.domain if "." in name.domain else "", name.user.partition("@")[2], case.sip_domain)
    return tuple(dict.fromkeys(text.lower() for text in written if text))


async def _directory_records(case: Case, resolver: Resolver, domain: str) -> None:
    case.kdcs[domain], case.ldap_servers[domain] = await asyncio.gather(
        resolver.services(f"{KDC_SERVICE}.{domain}"), resolver.services(f"{LDAP_SERVICE}.{domain}")
    )


async def _discover(case: Case) -> None:
    probe = case.asked.probe
    if probe.server is None:
        case.discovery = await discover(case.sip_domain, probe.transport, case.tools.resolver, case.tools.rng)


async def _aliases(case: Case) -> list[Finding]:
    """Targets of SRV records that are aliases, which RFC 2782 forbids."""
    discovery = case.discovery
    if discovery is None or not discovery.by_srv:
        return []
    hosts = list(dict.fromkeys(candidate.server.host for candidate in discovery.candidates))
    found = await asyncio.gather(*map(case.tools.resolver.alias, hosts))
    return [
        finding(
            "dns-target-alias",
            f"{discovery.source} names {host}, which is an alias of {real}.",
            [f"CNAME {host}: {real}"],
            host=real,
            domain=case.sip_domain,
        )
        for host, real in zip(hosts, found, strict=True)
        if real is not None
    ]


def _words(case: Case) -> str:
    discovery = case.discovery
    if discovery is None:
        return f"no record names a server{_others(case)}"
    servers = ", ".join(
        f"{candidate.server.host} port {candidate.server.port}" for candidate in discovery.candidates[:3]
    )
    more = len(discovery.candidates) - 3
    return f"{discovery.source} names {servers}" + (f" and {more} more" if more > 0 else "")


def _others(case: Case) -> str:
    """Records that lead elsewhere: to another transport, or newer clients alone."""
    answered = [query.name for query in case.tools.resolver.queries if query.outcome is QueryOutcome.ANSWERED]
    others = [
        f"{service}.{case.sip_domain} is there for {offered.value.upper()}"
        for service, offered in SERVICES
        if offered is not case.asked.probe.transport and f"{service}.{case.sip_domain}" in answered
    ]
    newer = reaching.autodiscover_names(case.tools.resolver.queries, case.sip_domain)
    others += [f"{newer[0]} is there for Lync 2010 and later"] if newer else []
    return f", but {' and '.join(others)}" if others else ""


def _directory_words(case: Case) -> str:
    known = [target.target for targets in case.kdcs.values() for target in targets]
    return f"KDC {', '.join(dict.fromkeys(known))}" if known else "no record names a KDC"
