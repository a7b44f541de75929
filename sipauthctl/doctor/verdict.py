"""From the findings of all checks to a verdict: each once, ranked by cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sipauthctl.doctor.causes import explains
from sipauthctl.doctor.check import CheckResult, Status
from sipauthctl.findings import Finding, Severity, rank

EVIDENCE_LINES = 12


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the doctor says.

    `findings` are ranked: a cause stands before what it explains, worse before milder. `explained_by` has, for each
    finding that another one explains, the id of that. `root_cause` is the id of the first finding, None where none is
    worse than information. `registered` is None where no sign-in was tried; one under another name than the user's
    does not count.
    """

    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    explained_by: Mapping[str, str]
    root_cause: str | None
    registered: bool | None

    @property
    def failed(self) -> bool:
        """Whether the exit code is 1."""
        return self.registered is False or any(item.severity is Severity.ERROR for item in self.findings)


def judge(checks: Iterable[CheckResult], *, registered: bool | None, account_proven: bool = False) -> Verdict:
    """The verdict on what the checks gave, in the order of a sign-in.

    Args:
        checks: their results.
        registered: see `Verdict`.
        account_proven: a KDC took the password.
    """
    results = tuple(checks)
    merged = merge(item for result in results for item in result.findings)
    explained_by = {
        item.id: cause.id for item in merged if (cause := _cause(item, merged, account_proven)) is not None
    }
    ranked = _ranked(merged, explained_by)
    root = ranked[0].id if ranked and _worst(ranked[0], merged, explained_by) < rank(Severity.INFO) else None
    return Verdict(results, tuple(ranked), explained_by, root, registered)


def merge(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each id once, with the words of its worst appearance and the evidence of all."""
    first: dict[str, Finding] = {}
    for item in findings:
        known = first.get(item.id)
        if known is None:
            first[item.id] = item
            continue
        worse, other = (item, known) if rank(item.severity) < rank(known.severity) else (known, item)
        more = tuple(line for line in other.evidence if line not in worse.evidence)
        room = max(0, EVIDENCE_LINES - len(worse.evidence))
        first[item.id] = replace(worse, evidence=(*worse.evidence, *more[:room]))
    return tuple(first.values())


def status_counts(checks: Iterable[CheckResult]) -> dict[Status, int]:
    """How many checks ended in which way."""
    counts = dict.fromkeys(Status, 0)
    for check in checks:
        counts[check.status] += 1
    return counts


def _cause(item: Finding, findings: tuple[Finding, ...], account_proven: bool) -> Finding | None:
    return next((other for other in findings if explains(other, item, account_proven=account_proven)), None)


def _worst(item: Finding, findings: tuple[Finding, ...], explained_by: Mapping[str, str]) -> int:
    """How bad a finding is together with all that it explains."""
    effects = [other for other in findings if explained_by.get(other.id) == item.id]
    return min([rank(item.severity), *(_worst(effect, findings, explained_by) for effect in effects)])


def _ranked(findings: tuple[Finding, ...], explained_by: Mapping[str, str]) -> list[Finding]:
    """Causes by how bad they are with their consequences, each followed by these."""

    def family(items: list[Finding]) -> list[Finding]:
        ranked: list[Finding] = []
        for item in sorted(items, key=lambda item: _worst(item, findings, explained_by)):
            ranked.append(item)
            ranked += family([other for other in findings if explained_by.get(other.id) == item.id])
        return ranked

    return family([item for item in findings if item.id not in explained_by])
