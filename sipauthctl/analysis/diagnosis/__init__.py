"""From what a capture showed to findings: one file per family, each a function that reads one association."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.analysis.diagnosis import (
    account,
    clock,
    digest,
    domain,
    flow,
    kerberos,
    ntlm,
    offers,
    tls_dsk,
    trace,
)
from sipauthctl.analysis.results import State
from sipauthctl.analysis.tracked import Problem, Tracked
from sipauthctl.findings import Finding, Severity, finding

# In the order in which a cause comes before its consequences.
_FAMILIES = (
    clock.findings,
    offers.findings,
    ntlm.findings,
    kerberos.findings,
    trace.findings,
    account.findings,
    domain.findings,
    digest.findings,
    tls_dsk.findings,
    flow.findings,
)

_READ_BY_THE_PEER = frozenset({"ntlm-malformed-token", "kerberos-malformed-token"})
"""What the peer evidently could read, where the sign-in succeeded."""


def findings(tracked: Tracked, *, local_times: bool) -> Iterator[Finding]:
    """All findings on one association.

    Args:
        tracked: the association, when it is over.
        local_times: the times of its input are those of a local clock of unknown zone.
    """
    for family in _FAMILIES:
        yield from family(tracked, local_times)
    for problem in tracked.problems:
        yield _of_problem(problem, accepted=tracked.state is State.ESTABLISHED)


def _of_problem(problem: Problem, *, accepted: bool) -> Finding:
    """A problem that was seen while messages came in."""
    severity = Severity.WARNING if accepted and problem.id in _READ_BY_THE_PEER else problem.severity
    return finding(problem.id, problem.detail, problem.evidence, severity=severity, **dict(problem.fields))
