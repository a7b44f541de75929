"""The server's clocks against the times of the capture: Date and the NTLM timestamp."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from sipauthctl.analysis.results import State
from sipauthctl.analysis.tracked import ChallengeSeen, Tracked
from sipauthctl.association.clock import ClockReading, read_clock, read_date, read_exact_clock
from sipauthctl.diagnosis.clock import ntlm_skew_finding, skew_finding
from sipauthctl.diagnosis.offers import only_digest
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.errors import ParseError

_HERE = "that of the computer where the input was recorded"
_ZONE = timedelta(minutes=15)
_UNSEEN_TRIP = timedelta(seconds=2)
"""The round trip that is assumed where the request was not seen."""


def findings(tracked: Tracked, local_times: bool) -> Iterator[Finding]:
    """Skew beyond a limit, and dates that cannot be compared."""
    date: ClockReading | None = None
    seen = tracked.offered
    if seen is not None:
        found, date = of_challenge(seen, ntlm=tracked.scheme is Scheme.NTLM, local_times=local_times)
        yield from (_as_far_as_it_mattered(one, tracked) for one in found)
    if tracked.challenge is None or tracked.challenge.timestamp is None or tracked.challenge_at is None:
        return
    sent = tracked.token_sent or tracked.challenge_at - _UNSEEN_TRIP
    clock = read_exact_clock(tracked.challenge.timestamp, min(sent, tracked.challenge_at), tracked.challenge_at)
    clock = zoned(clock, local_times)
    skew = ntlm_skew_finding(clock, date, host=tracked.where, here=_HERE)
    if skew is not None:
        yield _without_zone(skew, clock, local_times)


def of_challenge(seen: ChallengeSeen, *, ntlm: bool, local_times: bool) -> tuple[list[Finding], ClockReading | None]:
    """What the Date of a first challenge shows."""
    text = seen.date
    if text is None and only_digest(seen.offers):
        return [], None  # only servers of this family have to send one
    if text is None:
        return [finding("date-missing", f"The challenge of {seen.server} has no Date header.", host=seen.server)], None
    try:
        date = read_date(text)
    except ParseError:
        detail = f"The Date of {seen.server} cannot be read."
        return [finding("date-malformed", detail, [f"Date: {text}"], host=seen.server)], None
    if seen.received is None:
        return [], None
    clock = zoned(_read(date, seen.sent, seen.received), local_times)
    skew = skew_finding(clock, host=seen.server, here=_HERE, date_text=text, ntlm=ntlm)
    return [_without_zone(skew, clock, local_times)] if skew is not None else [], clock


def _as_far_as_it_mattered(found: Finding, tracked: Tracked) -> Finding:
    """The clock of the recording may be a third one: where the sign-in succeeded, the skew did not prevent it."""
    mild = found.id == "clock-skew" and tracked.state is State.ESTABLISHED
    return replace(found, severity=Severity.WARNING) if mild else found


def _without_zone(found: Finding, clock: ClockReading, local_times: bool) -> Finding:
    """Where the zone of the input's times is not known, neither is which clock is ahead, and by how much."""
    if not local_times:
        return found
    least = round(abs(clock.skew_seconds) / 60)
    what = "The time in the NTLM challenge" if found.id == "ntlm-clock-skew" else "The clock of the server"
    detail = f"{what} and {_HERE} differ by {least} minutes or more; the log does not tell the zone of its times."
    return replace(found, detail=detail, evidence=tuple(line for line in found.evidence if "minus local" not in line))


def _read(date: datetime, sent: datetime | None, received: datetime) -> ClockReading:
    return read_clock(date, min(sent or received - _UNSEEN_TRIP, received), received)


def zoned(clock: ClockReading, local_times: bool) -> ClockReading:
    """Without the time zone, which is a whole number of quarters of an hour."""
    if not local_times:
        return clock
    zones = round(clock.skew_seconds / _ZONE.total_seconds())
    return ClockReading(clock.skew_seconds - zones * _ZONE.total_seconds(), clock.uncertainty_seconds)
