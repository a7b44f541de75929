"""The names: the SIP address, and its domain against the one of the logon name."""

from __future__ import annotations

from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult


class NameCheck(Check):
    """Looks at the names alone, without any question to anybody."""

    id = "name"
    title = "the SIP address and the logon name"

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        user, name = case.asked.probe.user, case.asked.probe.logon_name
        return self.judged(f"sip:{user.user}@{user.host}, signing in as {name.text}")
