"""This computer: the domain that it is joined to, and what in its settings is known to hinder sign-in."""

from __future__ import annotations

from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.doctor.this_machine import machine_of
from sipauthctl.findings import finding
from sipauthctl.machine.facts import Machine


class MachineCheck(Check):
    """Reads settings alone; what they mean for the sign-in is judged once that was tried."""

    id = "machine"
    title = "this computer's domain and edition"

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        machine = await machine_of(case)
        case.in_workgroup = machine.in_workgroup
        found = []
        if machine.xp_home:
            found.append(finding("client-xp-home", f"This computer runs {machine.xp_home}.", [machine.xp_home]))
        return self.judged(_words(machine), found)


def _words(machine: Machine) -> str:
    joined = dict.fromkeys(item.dns_domain or item.netbios_domain for item in machine.memberships)
    if joined:
        return (
            f"joined to {', '.join(joined)} ({', '.join(dict.fromkeys(item.source for item in machine.memberships))})"
        )
    if machine.unread:
        return f"no domain is known, and {' and '.join(machine.unread)} cannot be read by this user"
    read = f"; nothing to the contrary in {', '.join(machine.looked_at)}" if machine.looked_at else ""
    return f"in no domain{read}"
