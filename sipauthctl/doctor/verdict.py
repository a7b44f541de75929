"""From the findings of all checks to a verdict: each once, ranked by cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sipauthctl.diagnosis.ranking import ranked
from sipauthctl.doctor.check import CheckResult, Status
from sipauthctl.findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the doctor says.

    `findings` are ranked: a cause stands before what it explains, worse before milder. `root_cause` is the id of the
    first finding, None where none is worse than information. `registered` is None where no sign-in was tried; one
    under another name than the user's does not count.
    """

    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
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
    found = ranked((item for result in results for item in result.findings), account_proven=account_proven)
    matters = any(item.severity is not Severity.INFO for item in found)
    return Verdict(results, found, found[0].id if matters else None, registered)


def status_counts(checks: Iterable[CheckResult]) -> dict[Status, int]:
    """How many checks ended in which way."""
    counts = dict.fromkeys(Status, 0)
    for check in checks:
        counts[check.status] += 1
    return counts
