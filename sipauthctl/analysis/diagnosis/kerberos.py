"""What a Kerberos sign-in shows: the type of its ticket; with a keytab whether it fits and had ended, and clocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from sipauthctl.analysis.results import State
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.analysis.verification import NoKey
from sipauthctl.association.clock import KERBEROS_SKEW_LIMIT, ClockReading, read_date
from sipauthctl.diagnosis.clock import words
from sipauthctl.diagnosis.tickets import rc4_ticket
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.kerberos.offline import ContextKeys, NoKeyFits
from sipauthctl.sip.errors import ParseError

_WHOLE_SECONDS = 3.0
"""Both times have whole seconds, and the token takes a moment to be sent."""


def findings(tracked: Tracked, local_times: bool) -> Iterator[Finding]:
    """A ticket under RC4, a keytab that does not fit, and a ticket that had ended where one does."""
    weak = rc4_ticket(tracked.ticket_type, spn=tracked.name.targetname, host=tracked.where)
    if weak is not None:
        yield replace(weak, evidence=(*_place(tracked), *weak.evidence))
    check = tracked.keytab
    if check is None:
        return
    if check.unfit is not None:
        yield _unfit(tracked, check.unfit)
    if check.verifier is None:
        return
    keys = check.verifier.keys
    if tracked.state is State.FAILED:
        yield from _ended(tracked, keys, local_times)


def client_clock(tracked: Tracked, local_times: bool) -> Iterator[Finding]:
    """The clock of the client's computer, by the token that the keytab opens."""
    check = tracked.keytab
    if check is not None and check.verifier is not None:
        yield from _clock(tracked, check.verifier.keys, local_times)


def _unfit(tracked: Tracked, unfit: NoKeyFits) -> Finding:
    if tracked.state is State.FAILED and unfit.has_service:
        detail = f"{tracked.where} refuses {tracked.who}. If the given keytab is the server's, this is why: {unfit}."
        return finding("service-key-mismatch", detail, _place(tracked), spn=tracked.name.targetname)
    refused = "refuses" if tracked.state is State.FAILED else "accepts"
    seen = f" {tracked.where} {refused} the sign-in." if tracked.state is not State.INCOMPLETE else ""
    detail = f"The given keytab does not decrypt the ticket of {tracked.who}: {unfit}.{seen}"
    severity = Severity.WARNING if unfit.has_service else Severity.INFO
    return finding("given-secret-unfit", detail, _place(tracked), severity=severity)


def _ended(tracked: Tracked, keys: ContextKeys, local_times: bool) -> Iterator[Finding]:
    if tracked.token_at is None or local_times:
        return
    if keys.ends + KERBEROS_SKEW_LIMIT < tracked.token_at:
        ended = f"{keys.ends:%Y-%m-%d %H:%M:%S} UTC"
        detail = f"The ticket of {keys.client} for {tracked.name.targetname} ended before {tracked.who} used it."
        told = [*_place(tracked), f"endtime {ended}, used {tracked.token_at:%Y-%m-%d %H:%M:%S} UTC"]
        yield finding("ticket-expired", detail, told, principal=keys.client)


def _clock(tracked: Tracked, keys: ContextKeys, local_times: bool) -> Iterator[Finding]:
    """The time in the authenticator is the client's clock; the server's is in its Date, else the input has one."""
    if tracked.token_at is None:
        return
    date, received = _date(tracked)
    if date is not None and received is not None:
        ahead, other = (keys.made - tracked.token_at) - (date - received), f"that of {tracked.where}"
        clock = ClockReading(ahead.total_seconds(), _WHOLE_SECONDS)
        told = [f"Date: {date:%Y-%m-%d %H:%M:%S} UTC, {(tracked.token_at - received).total_seconds():.1f} s before"]
    else:
        other = "that of the computer where the input was recorded"
        clock = ClockReading((keys.made - tracked.token_at).total_seconds(), _WHOLE_SECONDS)
        told = []
        if local_times:
            return  # which of them is ahead would be a guess
    if not clock.surely_exceeds(KERBEROS_SKEW_LIMIT):
        return
    detail = f"The clock of the client of {tracked.who} is {words(clock)} {other}: beyond the 5 minutes of Kerberos."
    severity = None if tracked.state is State.FAILED else Severity.WARNING
    evidence = [*_place(tracked), f"authenticator: {keys.made:%Y-%m-%d %H:%M:%S} UTC", *told]
    yield finding("clock-skew", detail, evidence, severity=severity)


def _date(tracked: Tracked) -> tuple[datetime | None, datetime | None]:
    seen = tracked.offered
    if seen is None or seen.date is None or seen.received is None or tracked.token_at is None:
        return None, None
    if not timedelta(0) <= tracked.token_at - seen.received < timedelta(hours=1):
        return None, None  # of another day, or of an input with another clock
    try:
        return read_date(seen.date), seen.received
    except ParseError:
        return None, None


def _place(tracked: Tracked) -> list[str]:
    return [tracked.token_place] if tracked.token_place else []


def opened(tracked: Tracked) -> ContextKeys | None:
    """What the keytab showed, None where there is none or it does not fit."""
    check = tracked.keytab
    if check is None or check.verifier is None or tracked.no_key is NoKey.KEYTAB_UNFIT:
        return None
    return check.verifier.keys
