"""Clients whose epid or +sip.instance a registrar does not accept, where the answer need not say so."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.analysis.dialogs import Dialog
from sipauthctl.analysis.problem import Problem
from sipauthctl.analysis.results import State
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.association.family import HeaderFamily
from sipauthctl.diagnosis.answers import proven
from sipauthctl.findings import Finding, Severity, finding

_ID = "endpoint-id-invalid"


def findings(tracked: Tracked, local_times: bool) -> Iterator[Finding]:
    """An error where it is the only reason for a refusal that is in sight, and information beside everything else."""
    if tracked.identity is not None and tracked.state is not State.INCOMPLETE:
        yield _of(tracked.identity, None if _unexplained(tracked) else Severity.INFO)


def of_dialog(dialog: Dialog) -> Iterator[Finding]:
    """A refusal of the first request."""
    if dialog.identity is not None and dialog.refused:
        yield _of(dialog.identity, None)


def _unexplained(tracked: Tracked) -> bool:
    """Whether a final answer that is no challenge refuses the client for this, or without a known cause."""
    answer = tracked.answer
    if answer is None or answer.status < 400 or HeaderFamily.of_status(answer.status) is not None:
        return False
    code = proven(answer, tracked.scheme.value)
    return code is None or code.finding == _ID


def _of(seen: Problem, severity: Severity | None) -> Finding:
    return finding(seen.id, seen.detail, seen.evidence, severity=severity)
