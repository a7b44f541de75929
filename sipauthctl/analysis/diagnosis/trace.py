"""What a server trace says of a sign-in beside its messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sipauthctl.analysis.results import State
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.capture.record import Notice, RoutingError
from sipauthctl.codes import windows_text
from sipauthctl.diagnosis.answers import NEXT_HOP, possible
from sipauthctl.diagnosis.server_trace import cause_of, code_of
from sipauthctl.findings import Finding, Severity, finding


def findings(tracked: Tracked, local_times: bool) -> Iterator[Finding]:
    """The server's own words on one association."""
    user = tracked.who.removeprefix("sip:").partition("@")[0]
    for notice in tracked.server_errors:
        cause = cause_in(tracked, notice)
        told = f"{tracked.where} says of {tracked.who} in its trace: {notice.text}"
        if cause is not None:
            host = notice.next_hop if isinstance(notice, RoutingError) else tracked.where
            fields: dict[str, Any] = {"user": user, "spn": tracked.name.targetname, "host": host}
            yield finding(cause, told, _evidence(notice), severity=None, **fields)
        else:
            # The refusal has a finding of its own; where there was none, the error was none for this sign-in.
            severity = Severity.INFO if tracked.state is State.ESTABLISHED else Severity.WARNING
            yield finding("server-diagnostic", told, _evidence(notice), severity=severity, **_code(notice))


def cause_in(tracked: Tracked, notice: Notice) -> str | None:
    """The cause that a record names, where the sign-in failed and it can be one of its scheme."""
    cause = _proven(notice) if tracked.state is State.FAILED else None
    return cause if cause is not None and possible(cause, tracked.scheme.value) else None


def codes_in(notices: Iterable[Notice]) -> list[int]:
    """The result codes in records."""
    return [code for notice in notices if (code := code_of(notice.text)) is not None]


def finer_cause(tracked: Tracked) -> bool:
    """Whether a record names the cause of a refusal."""
    return any(cause_in(tracked, notice) is not None for notice in tracked.server_errors)


def of_refused(notices: Iterable[Notice], user: str, host: str, scheme: str) -> Iterator[Finding]:
    """Records on a REGISTER whose answer alone is in the input, and refuses it; `scheme` is empty where it is not
    known."""
    for notice in notices:
        cause = _proven(notice)
        if cause is None or isinstance(notice, RoutingError) or not possible(cause, scheme):
            yield from of_others([notice], f"A server trace says of {user}")
        else:
            told = f"{host} says of {user} in its trace: {notice.text}"
            account = user.removeprefix("sip:").partition("@")[0]
            yield finding(cause, told, _evidence(notice), severity=None, user=account, host=host)


def of_others(notices: Iterable[Notice], what: str) -> Iterator[Finding]:
    """Records that belong to no association; `what` says whose they are. A REGISTER that a server could not pass on
    has failed, whatever else is known of it."""
    for notice in notices:
        routing = notice if isinstance(notice, RoutingError) else None
        foreign = routing is not None and routing.method not in (None, "REGISTER")
        if routing is not None and not foreign and _proven(routing) == NEXT_HOP:
            yield finding(NEXT_HOP, f"{what}: {notice.text}", _evidence(notice), host=routing.next_hop)
            continue
        # That another request did not reach its target breaks no sign-in.
        severity = Severity.INFO if foreign else Severity.WARNING
        detail = f"{what}: {notice.text}"
        yield finding("server-diagnostic", detail, _evidence(notice), severity=severity, **_code(notice))


def _proven(notice: Notice) -> str | None:
    """The id of the finding that a record proves by its code or by the names in it."""
    code = code_of(notice.text)
    cause = cause_of(code) if code is not None else None
    named = isinstance(notice, RoutingError) and notice.of_certificate
    return NEXT_HOP if cause is None and named else cause


def _evidence(notice: Notice) -> list[str]:
    place = f"{notice.input}:{notice.place}" if notice.place is not None else notice.input
    code = code_of(notice.text)
    call = [f"Call-ID: {notice.call_id}"] if notice.call_id else []
    return [place, *call, *([windows_text(code)] if code is not None else [])]


def _code(notice: Notice) -> dict[str, Any]:
    code = code_of(notice.text)
    return {} if code is None else {"code": f"0x{code:08X}"}
