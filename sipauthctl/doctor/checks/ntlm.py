"""NTLM: what the server's challenge demands and allows, against what would be sent."""

from __future__ import annotations

from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.ntlm.messages import ChallengeFacts
from sipauthctl.probe.diagnosis import ntlm
from sipauthctl.probe.facts import RunFacts


class NtlmCheck(Check):
    """Reads the challenge that the server gave without credentials."""

    id = "ntlm"
    title = "version, key strength and session security of NTLM"
    needs = ("offers",)

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        hop = case.server
        if hop is None or not hop.offers:
            return self.skipped("the server offered nothing")
        if all(offer.scheme is not Scheme.NTLM for offer in hop.offers):
            return self.skipped("NTLM is not offered")
        found = list(ntlm.findings(RunFacts(hops=[hop]), case.asked.probe))
        if hop.ntlm is None:
            return self.judged("the server gave no challenge", found) if found else self.skipped("no challenge came")
        return self.judged(_words(hop.ntlm), found)


def _words(challenge: ChallengeFacts) -> str:
    security = "with" if challenge.extended_session_security else "without"
    version = "NTLMv2 will be sent" if challenge.has_target_info else "NTLMv2 will be sent, though no target info came"
    return f"keys of {challenge.key_bits} bits, {security} extended session security; {version}"
