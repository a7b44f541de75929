"""What a server trace says of a sign-in beside its messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sipauthctl.analysis.results import State
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.capture.record import Notice
from sipauthctl.codes import windows_text
from sipauthctl.diagnosis.server_trace import cause_of, code_of
from sipauthctl.findings import Finding, Severity, catalogue, finding
from sipauthctl.mechanisms.base import Scheme


def findings(tracked: Tracked, local_times: bool) -> Iterator[Finding]:
    """The server's own words on one association."""
    user = tracked.who.removeprefix("sip:").partition("@")[0]
    for notice in tracked.server_errors:
        cause = cause_in(tracked, notice)
        told = f"{tracked.where} says of {tracked.who} in its trace: {notice.text}"
        if cause is not None:
            fields: dict[str, Any] = {"user": user, "spn": tracked.name.targetname, "host": tracked.where}
            yield finding(cause, told, _evidence(notice), severity=None, **fields)
        else:
            # The refusal has a finding of its own; where there was none, the error was none for this sign-in.
            severity = Severity.INFO if tracked.state is State.ESTABLISHED else Severity.WARNING
            yield finding("server-diagnostic", told, _evidence(notice), severity=severity, **_code(notice))


def cause_in(tracked: Tracked, notice: Notice) -> str | None:
    """The cause that a record names, where the sign-in failed and it can be one of its scheme."""
    code = code_of(notice.text)
    cause = cause_of(code) if code is not None and tracked.state is State.FAILED else None
    if cause is None or tracked.scheme is Scheme.KERBEROS:
        return cause
    return None if catalogue()[cause].family == "Kerberos" else cause


def finer_cause(tracked: Tracked) -> bool:
    """Whether a record names the cause of a refusal."""
    return any(cause_in(tracked, notice) is not None for notice in tracked.server_errors)


def of_others(notices: Iterable[Notice], what: str) -> Iterator[Finding]:
    """Records that belong to no association; `what` says whose they are."""
    for notice in notices:
        yield finding(
            "server-diagnostic",
            f"{what}: {notice.text}",
            _evidence(notice),
            severity=Severity.WARNING,
            **_code(notice),
        )


def _evidence(notice: Notice) -> list[str]:
    place = f"{notice.input}:{notice.place}" if notice.place is not None else notice.input
    code = code_of(notice.text)
    call = [f"Call-ID: {notice.call_id}"] if notice.call_id else []
    return [place, *call, *([windows_text(code)] if code is not None else [])]


def _code(notice: Notice) -> dict[str, Any]:
    code = code_of(notice.text)
    return {} if code is None else {"code": f"0x{code:08X}"}
