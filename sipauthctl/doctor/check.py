"""What a check is, and what it gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from sipauthctl.findings import Finding, Severity

if TYPE_CHECKING:
    from sipauthctl.doctor.case import Case


class Status(str, Enum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"  # a finding of severity error
    WARNED = "warned"  # a finding of severity warning, none worse
    SKIPPED = "skipped"  # it could not be carried out, which says nothing about the deployment


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check gave: one plain sentence without a final dot, and findings. A skipped check gives the reason."""

    id: str
    status: Status
    detail: str
    findings: tuple[Finding, ...] = ()


class Check(ABC):
    """One check. It reads what earlier checks learned from the case, and leaves there what it learns itself.

    `needs` are the checks without which it cannot run: they run first even where the user chose this one alone, and
    when one of them is skipped so is this one. `uses` run first as well, and this one runs whatever became of them.
    `after` are checks that come first only where they are part of the
    run. `steps` is how many of the user's time limits (option --timeout) it may use up one after another; the runner
    ends it after that.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    uses: ClassVar[tuple[str, ...]] = ()
    after: ClassVar[tuple[str, ...]] = ()
    steps: ClassVar[int] = 1

    @abstractmethod
    async def run(self, case: Case) -> CheckResult:
        """Carries the check out. It may be cancelled at any time, and leaves nothing behind then."""

    def skipped(self, reason: str) -> CheckResult:
        """The result of a check that cannot be carried out; `reason` is one sentence without a final dot."""
        return CheckResult(self.id, Status.SKIPPED, reason)

    def judged(self, detail: str, findings: Iterable[Finding] = ()) -> CheckResult:
        """The result of one that was carried out: the worst of its findings decides the status."""
        return judged(self.id, detail, findings)


def judged(id: str, detail: str, findings: Iterable[Finding] = ()) -> CheckResult:
    """The result of a check by its findings, the worst of which decides the status."""
    found = tuple(findings)
    worst = {finding.severity for finding in found}
    status = (
        Status.FAILED if Severity.ERROR in worst else Status.WARNED if Severity.WARNING in worst else Status.PASSED
    )
    return CheckResult(id, status, detail, found)
