"""The clocks: Date of the server, the NTLM challenge, the KDC; which one is wrong where they differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sipauthctl.association.clock import KERBEROS_SKEW_LIMIT, ClockReading
from sipauthctl.diagnosis.clock import words
from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.findings import Finding, Severity, finding, sentence
from sipauthctl.network.errors import REFUSED_CERTIFICATES, TlsExpired
from sipauthctl.probe.diagnosis import clock
from sipauthctl.probe.facts import HopFacts, RunFacts

_HERE = ClockReading(0.0, 0.0)


class ClockCheck(Check):
    """Compares what the others learned; asks nobody."""

    id = "clock"
    title = "clocks of this computer, the server and the KDC"
    uses = ("offers",)
    after = ("kdc",)

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        hop, kdc = case.server, case.kdc_clock
        server = None if hop is None else hop.clock or hop.ntlm_clock
        found = [] if hop is None else list(clock.findings(RunFacts(hops=[hop]), case.asked.probe))
        if kdc is not None and kdc.surely_exceeds(KERBEROS_SKEW_LIMIT):
            found.append(_kdc_finding(kdc))
        if server is None and kdc is None:
            if found:
                return self.judged("no clock could be compared", found)
            return self.skipped("nobody told the time")
        verdict = odd_one_out(server, kdc)
        found = [_explained(case, item, verdict) for item in found]
        return self.judged(_words(hop, kdc) + (f"; {verdict}" if verdict is not None else ""), found)


def odd_one_out(server: ClockReading | None, kdc: ClockReading | None) -> str | None:
    """Which clock is wrong, as the end of a sentence; None where all agree within the limit of Kerberos."""
    server_off = server is not None and apart(server, _HERE)
    kdc_off = kdc is not None and apart(kdc, _HERE)
    if not server_off and not kdc_off:
        return None
    if server is None or kdc is None:
        return "nothing tells which of the two clocks is wrong"
    if not kdc_off:
        return "the KDC agrees with this computer, so the server's clock is wrong"
    if not server_off:
        return "the server agrees with this computer, so the KDC's clock is wrong"
    if apart(server, kdc):
        return "no two clocks agree"
    return "the server and the KDC agree, so the clock of this computer is wrong"


def apart(one: ClockReading, other: ClockReading, limit: timedelta = KERBEROS_SKEW_LIMIT) -> bool:
    """Whether two clocks, both read against this computer's, surely differ by more than the limit."""
    between = ClockReading(one.skew_seconds - other.skew_seconds, one.uncertainty_seconds + other.uncertainty_seconds)
    return between.surely_exceeds(limit)


def _kdc_finding(reading: ClockReading) -> Finding:
    told = f"KDC minus local: {reading.skew_seconds:+.1f} s ± {reading.uncertainty_seconds:.1f} s"
    return finding("kdc-clock-skew", f"The clock of the KDC is {words(reading)} this computer's.", [told])


def _explained(case: Case, item: Finding, verdict: str | None) -> Finding:
    """With which clock is wrong, and with what that means for a certificate that was refused as expired."""
    if item.id not in ("clock-skew", "kdc-clock-skew") or verdict is None:
        return item
    item = replace(item, detail=f"{item.detail} {sentence(verdict)}")
    used, hop = case.used, case.server
    if item.id != "clock-skew" or used is None or not isinstance(used.error, REFUSED_CERTIFICATES):
        return item
    if not isinstance(used.error, TlsExpired):  # no clock explains that, and nothing proves whose clock it is
        return replace(item, severity=Severity.WARNING)
    begins, ends = used.error.not_before, used.error.not_after
    if hop is None or hop.clock is None or begins is None or ends is None:
        return item
    valid_there = begins <= case.tools.now() + hop.clock.offset < ends
    right_here = case.kdc_clock is not None and not apart(case.kdc_clock, _HERE)
    if not valid_there or right_here:
        return replace(item, severity=Severity.WARNING)
    return replace(item, detail=f"{item.detail} By the server's clock its certificate is valid.")


def _words(hop: HopFacts | None, kdc: ClockReading | None) -> str:
    readings = (
        ("Date", hop.clock if hop is not None else None),
        ("NTLM challenge", hop.ntlm_clock if hop is not None else None),
        ("KDC", kdc),
    )
    return ", ".join(f"{name} {_seconds(reading)}" for name, reading in readings if reading is not None)


def _seconds(reading: ClockReading) -> str:
    return f"{reading.skew_seconds:+.1f}±{reading.uncertainty_seconds:.1f} s"
