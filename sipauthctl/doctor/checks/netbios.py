"""The NetBIOS name service of the server and the domain controllers, and of this computer.

Where DNS works nothing here is needed, so what is found matters only after a refusal that nothing else explains.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.doctor.this_machine import machine_of, trust_of
from sipauthctl.doctor.trouble import refused_without_reason
from sipauthctl.findings import Finding, finding
from sipauthctl.netbios.names import COMPUTER, DOMAIN_CONTROLLERS, PORT
from sipauthctl.netbios.packets import RegisteredName, StatusAnswer
from sipauthctl.network.datagrams import NoAnswer
from sipauthctl.network.netbios import node_status
from sipauthctl.trust import Trust

WAIT_SECONDS = 2.0
"""How long an answer may take; a host of the same company answers in milliseconds."""
MAX_HOSTS = 4


@dataclass(frozen=True, slots=True)
class Told:
    """What a host said: `names` is None where it did not answer."""

    host: str
    names: tuple[RegisteredName, ...] | None

    @property
    def domain(self) -> str:
        """The domain or workgroup that it is in, empty where it tells none."""
        groups = {entry.name.suffix: entry.name.name for entry in reversed(self.names or ()) if entry.group}
        return groups.get(DOMAIN_CONTROLLERS) or groups.get(COMPUTER, "")

    @property
    def line(self) -> str:
        """In one line, as evidence."""
        if self.names is None:
            return f"{self.host}: no answer by NetBIOS"
        return f"{self.host}: {', '.join(f'{entry.name}{_marks(entry)}' for entry in self.names[:8])}"


class NetbiosCheck(Check):
    """Asks for the names of the server and the domain controllers (node status)."""

    id = "netbios"
    title = "NetBIOS names of the server and the domain controllers"
    needs = ("reachability",)
    after = ("offers", "kdc", "directory", "machine", "sign-in")
    steps = 2

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        hosts = await _hosts(case)
        answers = await asyncio.gather(*(_ask(case, host, address) for host, address in hosts.items()))
        disabled = (await machine_of(case)).netbios_disabled
        trust = await trust_of(case)
        found = _judge(case, answers, disabled, trust) if refused_without_reason(case) else []
        told = [item for item in answers if item.names is not None]
        if not told and not found:
            silent = ", ".join(hosts) or "no host with an IPv4 address"
            return self.skipped(f"no answer from {silent}; not needed where DNS works")
        words = ", ".join(f"{item.host} is in {item.domain or 'no domain'}" for item in told) or "nobody answers"
        return self.judged(words, found)


def _judge(case: Case, answers: list[Told], disabled: str, trust: Trust) -> list[Finding]:
    told = [item for item in answers if item.names is not None]
    lines = [item.line for item in answers]
    found = []
    if disabled:  # silence on port 137 is usual by now, and says nothing of this computer
        detail = "NetBIOS is disabled on this computer, and the credentials were refused without a reason."
        found.append(finding("netbios-unavailable", detail, [disabled, *lines]))
    name = case.asked.probe.logon_name
    expected = {
        text.upper() for text in (case.domain.netbios or "", "" if "." in name.domain else name.domain) if text
    }
    others = [item.domain for item in told if item.domain and item.domain.upper() not in expected]
    if expected and others:
        detail = f"By NetBIOS the domain is called {others[0]}, where {' and '.join(sorted(expected))} was expected."
        names = {"server_domain": others[0], "dns_domain": case.domain.dns or ""}
        fields: dict[str, Any] = {key: trust.advisable(text) for key, text in names.items()}
        found.append(finding("netbios-name-mismatch", detail, lines, user=name.user.partition("@")[0], **fields))
    return found


async def _hosts(case: Case) -> dict[str, str]:
    """The server and the domain controllers, by name, each with an IPv4 address; NetBIOS knows no others."""
    names = [case.used.server.host] if case.used is not None else []
    names += [case.directory.host] if case.directory is not None else []
    names += [target.target for targets in case.ldap_servers.values() for target in targets]
    places = {case.kdc.place.host: case.kdc.place.address} if case.kdc is not None and not names[1:] else {}
    found: dict[str, str] = {}
    for name in dict.fromkeys(names[:MAX_HOSTS]):
        address = next((text for text in await case.tools.resolver.addresses(name) if ":" not in text), None)
        if address is not None:
            found[name] = address
    return {**found, **{host: address for host, address in places.items() if ":" not in address}}


async def _ask(case: Case, host: str, address: str) -> Told:
    transaction = int.from_bytes(case.tools.token_bytes(2), "big")
    port = case.tools.netbios_ports.get(host, PORT)
    answer: StatusAnswer | None = None
    try:
        answer = await node_status(address, transaction, min(WAIT_SECONDS, case.step_seconds), port)
    except NoAnswer:
        return Told(host, None)
    return Told(host, answer.names if answer is not None else ())


def _marks(entry: RegisteredName) -> str:
    return f"{' group' if entry.group else ''}{' in conflict' if entry.conflict else ''}"
