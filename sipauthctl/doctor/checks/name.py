"""The names: the SIP address, and its domain against those of the logon name and of the directory."""

from __future__ import annotations

from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.doctor.this_machine import trust_of
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.trust import Trust


class NameCheck(Check):
    """Looks at the names alone, without any question to anybody."""

    id = "name"
    title = "the SIP address, the logon name and the domain"
    after = ("offers",)

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        user, name = case.asked.probe.user, case.asked.probe.logon_name
        domain = case.domain.dns or case.domain.netbios
        of_domain = f"; the server's domain is {domain}" if domain is not None else ""
        return self.judged(
            f"sip:{user.user}@{user.host}, signing in as {name.text}{of_domain}",
            self._findings(case, await trust_of(case)),
        )

    def _findings(self, case: Case, trust: Trust) -> list[Finding]:
        """A suffix that is not the directory's domain is usual, and may be unknown there all the same."""
        name, domain = case.asked.probe.logon_name, case.domain.dns
        user, at, suffix = name.user.partition("@")
        if not at or domain is None or suffix.lower() == domain.lower():
            return []
        detail = f"The suffix of {name.user} is not the server's domain, {domain}."
        detail += trust.claimed(domain, "the server")
        told = [f"UPN suffix {suffix}", f"SIP domain {case.sip_domain}", f"DNS domain of the server {domain}"]
        fields = {"user": user, "dns_domain": trust.advisable(domain)}
        return [finding("upn-suffix-mismatch", detail, told, severity=Severity.INFO, **fields)]
