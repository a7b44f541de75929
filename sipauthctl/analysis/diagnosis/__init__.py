"""From what a capture showed to findings: one file per family, each a function that reads one association."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.analysis.diagnosis import account, clock, digest, domain, flow, ntlm, offers
from sipauthctl.analysis.tracked import Problem, Tracked
from sipauthctl.findings import Finding, finding

# In the order in which a cause comes before its consequences.
_FAMILIES = (
    clock.findings,
    offers.findings,
    ntlm.findings,
    account.findings,
    domain.findings,
    digest.findings,
    flow.findings,
)


def findings(tracked: Tracked, *, local_times: bool) -> Iterator[Finding]:
    """All findings on one association.

    Args:
        tracked: the association, when it is over.
        local_times: the times of its input are those of a local clock of unknown zone.
    """
    for family in _FAMILIES:
        yield from family(tracked, local_times)
    for problem in tracked.problems:
        yield of_problem(problem)


def of_problem(problem: Problem) -> Finding:
    """A problem that was seen while messages came in."""
    return finding(problem.id, problem.detail, problem.evidence, severity=problem.severity, **dict(problem.fields))
