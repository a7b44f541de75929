"""Clocks that differ: Date and the NTLM timestamp against the time on this side."""

from __future__ import annotations

from sipauthctl.association.clock import KERBEROS_SKEW_LIMIT, NTLM_SKEW_LIMIT, ClockReading
from sipauthctl.findings import Finding, Severity, finding


def skew_finding(clock: ClockReading, *, host: str, here: str, date_text: str, ntlm: bool) -> Finding | None:
    """A Date beyond the limits; None where it may lie within them.

    Args:
        clock: the server's clock against the other one.
        host: the server's name.
        here: whose the other clock is, such as `this computer's`.
        date_text: the Date header.
        ntlm: whether NTLM is used, which allows more.
    """
    if not clock.surely_exceeds(KERBEROS_SKEW_LIMIT):
        return None
    beyond = clock.surely_exceeds(NTLM_SKEW_LIMIT) if ntlm else True
    limits = "beyond the 5 minutes of Kerberos" + (" and the 15 minutes of NTLM" if beyond and ntlm else "")
    if ntlm and not beyond:
        limits += "; NTLM allows 15"
    return finding(
        "clock-skew",
        f"The clock of {host} is {words(clock)} {here}: {limits}.",
        [
            f"Date: {date_text}",
            f"server minus local: {clock.skew_seconds:+.1f} s ± {clock.uncertainty_seconds:.1f} s",
        ],
        severity=Severity.ERROR if beyond else Severity.WARNING,
    )


def ntlm_skew_finding(clock: ClockReading, date: ClockReading | None, *, host: str, here: str) -> Finding | None:
    """A time in the CHALLENGE beyond the limit; `date` is what the Date header showed."""
    if not clock.surely_exceeds(NTLM_SKEW_LIMIT):
        return None
    same = date is not None and abs(date.skew_seconds - clock.skew_seconds) < 60
    cause = " It agrees with the Date header: the cause is clock-skew." if same else ""
    return finding(
        "ntlm-clock-skew",
        f"The time in the NTLM challenge of {host} is {words(clock)} {here}.{cause}",
        [f"MsvAvTimestamp minus local: {clock.skew_seconds:+.1f} s ± {clock.uncertainty_seconds:.1f} s"],
        host=host,
    )


def words(clock: ClockReading) -> str:
    """`20 min 0 s ahead of`, for a sentence."""
    minutes, seconds = divmod(round(abs(clock.skew_seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    amount = f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
    return f"{amount} {'ahead of' if clock.skew_seconds > 0 else 'behind'}"


def span(seconds: float) -> str:
    """A length of time: `2.5 s`, `20 s`, `2 min 5 s`, `8 h 0 min`."""
    if 0 < seconds < 0.05:
        return "less than 0.1 s"
    if seconds < 10 and seconds != round(seconds):
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
