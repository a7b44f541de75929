"""The domains of the server and of this computer, and address translation between them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.doctor.this_machine import machine_of, trust_of
from sipauthctl.doctor.trouble import refused_without_reason
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.machine.facts import Machine, Membership
from sipauthctl.trust import Trust

_SHARED = (ipaddress.ip_network("192.168.137.0/24"), ipaddress.ip_network("192.168.0.0/24"))
"""What Internet Connection Sharing gives out, on Windows 7 and later and before."""


class DomainCheck(Check):
    """Compares names; asks nobody. Differences are found only where credentials are refused for no other reason."""

    id = "domain"
    title = "domain of the server and of this computer"
    needs = ("offers",)
    after = ("machine", "kdc", "directory", "sign-in")

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        machine = await machine_of(case)
        server = case.domain.dns or case.domain.netbios
        if server is None and not machine.memberships:
            return self.skipped("neither the server nor this computer tells its domain")
        found = list(_judge(case, machine, await trust_of(case))) if refused_without_reason(case) else []
        none = "none" if machine.in_workgroup else "not known"
        mine = ", ".join(dict.fromkeys(_name(item) for item in machine.memberships)) or none
        return self.judged(f"the server's is {server or 'not known'}, this computer's {mine}", found)


def _judge(case: Case, machine: Machine, trust: Trust) -> Iterator[Finding]:
    user, server = case.asked.probe.logon_name.user.partition("@")[0], case.domain.netbios or case.domain.dns or ""
    told = [f"server: NetBIOS domain {case.domain.netbios}, DNS domain {case.domain.dns}"]
    told += [f"this computer: {_name(item)} ({item.source})" for item in machine.memberships]
    if machine.in_workgroup:
        detail = "This computer is in no domain as far as its settings tell."
        yield finding("client-not-domain-joined", detail, told, user=user, server_domain=trust.advisable(server))
    elif machine.memberships and server and not any(_same(case, item) for item in machine.memberships):
        mine = _name(machine.memberships[0])
        detail = f"This computer is in {mine}, the server in {case.domain.dns or case.domain.netbios}."
        yield finding("client-domain-differs", detail, told)
    hop = case.server
    if hop is not None and hop.local is not None and hop.seen_as is not None and hop.translated:
        shared = " Its subnet is one of Internet Connection Sharing." if _is_shared(hop.local[0]) else ""
        detail = f"{hop.server.host} sees {hop.seen_as[0]}, where this computer has {hop.local[0]}.{shared}"
        yield finding("nat-detected", detail, [f"received={hop.seen_as[0]}"], severity=Severity.WARNING)


def _same(case: Case, membership: Membership) -> bool:
    """Whether a membership is of the server's domain, or of one above or below it, which trust each other."""
    mine, other = membership.dns_domain.lower(), (case.domain.dns or "").lower()
    if mine and other:
        return mine == other or mine.endswith(f".{other}") or other.endswith(f".{mine}")
    netbios = (case.domain.netbios or "").upper()
    return netbios in {membership.netbios_domain.upper(), mine.partition(".")[0].upper()} - {""}


def _name(membership: Membership) -> str:
    return membership.dns_domain or membership.netbios_domain


def _is_shared(address: str) -> bool:
    return any(ipaddress.ip_address(address.partition("%")[0]) in network for network in _SHARED)
