"""The signatures of all that the servers answered."""

from __future__ import annotations

from collections import Counter

from sipauthctl.association.verdict import Verdict
from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.doctor.checks.sign_in import of_signatures
from sipauthctl.probe.diagnosis import flow, signatures


class SignaturesCheck(Check):
    """Judges what the sign-in brought."""

    id = "signatures"
    title = "signatures of the server, with numbers from 1"
    needs = ("sign-in",)

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        options = case.asked.probe
        found = [
            item
            for run in case.runs
            for family in (signatures.findings, flow.findings)
            for item in family(run, options)
            if of_signatures(item)
        ]
        of_server = Counter[Verdict]()
        for run in case.runs:
            for hop in run.hops:
                of_server += hop.signatures.verdicts("server")
        if not of_server and not found:
            return self.skipped("the server signed nothing")
        return self.judged(f"{of_server[Verdict.VALID]} of {of_server.total()} valid", found)
