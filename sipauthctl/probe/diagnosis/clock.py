"""The server's clocks: Date and the NTLM timestamp."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.association.clock import KERBEROS_SKEW_LIMIT, NTLM_SKEW_LIMIT, ClockReading
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.probe.facts import DateState, HopFacts, RunFacts
from sipauthctl.probe.options import ProbeOptions


def findings(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    """Skew beyond a limit, and dates that cannot be compared."""
    for hop in run.hops:
        host = hop.server.host
        if hop.date is DateState.MISSING:
            yield finding("date-missing", f"The challenge of {host} has no Date header.", host=host)
        elif hop.date is DateState.MALFORMED:
            evidence = [f"Date: {hop.date_text}"]
            yield finding("date-malformed", f"The Date of {host} cannot be read.", evidence, host=host)
        elif hop.clock is not None and hop.clock.surely_exceeds(KERBEROS_SKEW_LIMIT):
            yield _skew(hop, hop.clock)
        if hop.ntlm_clock is not None and hop.ntlm_clock.surely_exceeds(NTLM_SKEW_LIMIT):
            yield _ntlm_skew(hop, hop.ntlm_clock)


def _skew(hop: HopFacts, clock: ClockReading) -> Finding:
    ntlm = hop.scheme is Scheme.NTLM
    beyond = clock.surely_exceeds(NTLM_SKEW_LIMIT) if ntlm else True
    limits = "beyond the 5 minutes of Kerberos" + (" and the 15 minutes of NTLM" if beyond and ntlm else "")
    if ntlm and not beyond:
        limits += "; NTLM allows 15"
    return finding(
        "clock-skew",
        f"The clock of {hop.server.host} is {words(clock)} this computer's: {limits}.",
        [
            f"Date: {hop.date_text}",
            f"server minus local: {clock.skew_seconds:+.1f} s ± {clock.uncertainty_seconds:.1f} s",
        ],
        severity=Severity.ERROR if beyond else Severity.WARNING,
    )


def _ntlm_skew(hop: HopFacts, clock: ClockReading) -> Finding:
    same = hop.clock is not None and abs(hop.clock.skew_seconds - clock.skew_seconds) < 60
    cause = " It agrees with the Date header: the cause is clock-skew." if same else ""
    return finding(
        "ntlm-clock-skew",
        f"The time in the NTLM challenge of {hop.server.host} is {words(clock)} this computer's.{cause}",
        [f"MsvAvTimestamp minus local: {clock.skew_seconds:+.1f} s ± {clock.uncertainty_seconds:.1f} s"],
        host=hop.server.host,
    )


def words(clock: ClockReading) -> str:
    """`20 min 0 s ahead of`, for a sentence."""
    minutes, seconds = divmod(round(abs(clock.skew_seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    amount = f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
    return f"{amount} {'ahead of' if clock.skew_seconds > 0 else 'behind'}"
