"""Associations that a server challenged again: why, as far as it is known then or in hindsight."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sipauthctl.analysis.dialogs import Bounded
from sipauthctl.analysis.problem import Problem
from sipauthctl.analysis.reading import AssociationName, Endpoint
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.diagnosis.ending import AssociationEnd, EndCause, in_hindsight
from sipauthctl.findings import Severity

HELD = 256
_ID = "association-expired"


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of an association: a signed request of this method was challenged.

    `place` is where the challenge stands, `status` its status line.
    """

    tracked: Tracked
    end: AssociationEnd
    method: str
    place: str
    status: tuple[str, ...]

    def tell(self) -> None:
        """Notes the end with its association, in place of what was reported before."""
        tracked, before = self.tracked, self.tracked.ended_by
        tracked.ended_by = f"challenged again: {self.end.words}"
        if not before:
            tracked.report(self._problem())
            return
        tracked.problems = [self._problem() if problem.id == _ID else problem for problem in tracked.problems]
        tracked.steps = [
            replace(step, remark=tracked.ended_by) if step.remark == before else step for step in tracked.steps
        ]

    def _problem(self) -> Problem:
        where = self.tracked.where
        detail = f"{where} challenges a signed {self.method} of {self.tracked.who}: {self.end.words}."
        evidence = (f"{self.place} {self.end.cause.value}: {self.end.words}", *self.status)
        severity = Severity.INFO if self.end.cause.expected else Severity.WARNING
        return Problem(_ID, detail, evidence, severity, {"host": where})


class HeldEndings:
    """Ends that nothing explains, each held until the next association of the same client and server ends, which may
    explain it. Of too many the oldest are let go as they are."""

    def __init__(self) -> None:
        self._held: Bounded[tuple[str, Endpoint, AssociationName], Ending] = Bounded(HELD)

    def add(self, input_: str, ending: Ending) -> list[Tracked]:
        """Tells one more, and the one before in hindsight. Gives the associations of which no more is to come."""
        ending.tell()
        key = (input_, ending.tracked.endpoint, ending.tracked.name)
        before = self._held.pop(key)
        over = []
        if before is not None:
            self._explain(before, ending)
            over.append(before.tracked)
        if ending.end.cause is EndCause.UNKNOWN:
            pushed_out = self._held.put(key, ending)
            return over if pushed_out is None else [*over, pushed_out.tracked]
        return [*over, ending.tracked]

    def close(self) -> list[Tracked]:
        """Gives those that are still held, at the end of the input."""
        return [ending.tracked for ending in self._held.take_all()]

    @staticmethod
    def _explain(before: Ending, ending: Ending) -> None:
        end = in_hindsight(before.end, ending.end)
        if end is not None:
            replace(before, end=end).tell()
            ending.tracked.made_for = made_again(end)


def made_again(end: AssociationEnd) -> str:
    """Why the next handshake was made, with what was said of the end of the association before."""
    return f"the server challenged again: {end.words}"
