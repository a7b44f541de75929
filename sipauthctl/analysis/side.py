"""One direction of an association: its numbers, and the signatures that wait or are remembered."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from sipauthctl.analysis.attempts import SignedMessage
from sipauthctl.analysis.keyless import CrcRelation, SequenceRelation, Stream
from sipauthctl.analysis.problem import PROBLEMS_KEPT, Problem
from sipauthctl.association.window import WINDOW_SIZE, NumState, ReplayWindow
from sipauthctl.capture.record import Address, Record

RECENT_KEPT = 8
PENDING_KEPT = 6
WRONG_KEPT = 64
LATEST_KEPT = 256


class Copy(NamedTuple):
    """A signature seen before, to tell a copy of a message from a replay."""

    value: bytes
    input: str
    source: Address | None
    destination: Address | None


@dataclass(frozen=True, slots=True)
class Pending:
    """A signature that waits for a second one to compare with."""

    row: int | None  # of the log, once it is there
    signed: SignedMessage
    signature: bytes
    num: int
    stream: Stream
    record: Record


@dataclass(slots=True)
class Side:
    """One direction of an association."""

    window: ReplayWindow = field(default_factory=ReplayWindow)
    relation: CrcRelation = field(default_factory=CrcRelation)
    sequence: SequenceRelation = field(default_factory=SequenceRelation)
    pending: list[Pending] = field(default_factory=list)
    sample: Pending | None = None  # one that agrees with others of its side
    hopeless: bool = False  # no two of its signatures agree
    copies: OrderedDict[int, Copy] = field(default_factory=OrderedDict)
    wrong: OrderedDict[int, None] = field(default_factory=OrderedDict)  # numbers of signatures that do not hold
    windows: dict[str, ReplayWindow] = field(default_factory=dict)  # by input
    gaps: list[tuple[set[int], Problem]] = field(default_factory=list)

    def skip(self, first: int, end: int, problem: Problem) -> None:
        """Notes numbers that are missing, from `first` up to `end`, which is not counted; they may still come."""
        if len(self.gaps) < PROBLEMS_KEPT:
            self.gaps.append((set(range(max(first, end - LATEST_KEPT), end)), problem))

    def came(self, num: int) -> None:
        """Notes that a number came late."""
        for missing, _ in self.gaps:
            missing.discard(num)

    def lacks_after(self, num: int) -> bool:
        """Whether a number above this one was passed over, and has not come."""
        skipped = any(number > num for missing, _ in self.gaps for number in missing)
        recent = range(max(num, self.window.highest - WINDOW_SIZE) + 1, self.window.highest)
        return skipped or any(
            self.window.classify(number) is NumState.LATE and number not in self.wrong for number in recent
        )

    def spend(self, num: int) -> None:
        """Notes the number of a signature that does not hold: the window does not take it, and it is used."""
        self.wrong[num] = None
        if len(self.wrong) > WRONG_KEPT:
            self.wrong.popitem(last=False)

    def spent(self, first: int, end: int) -> bool:
        """Whether all numbers from `first` up to `end`, which is not counted, were those of wrong signatures."""
        return end - first <= len(self.wrong) and all(num in self.wrong for num in range(first, end))
