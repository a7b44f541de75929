"""The sliding window over cnum or snum that lets messages overtake each other and stops replays."""

from __future__ import annotations

from enum import Enum

WINDOW_SIZE = 256
MOST_LOST = 16
"""How many messages are taken to be lost between two associations of a client that goes on counting."""


def goes_on(first: int, before: int) -> bool:
    """Whether the first number under an association goes on from `before`, the last one under the association before.

    Numbers begin with 1, [MS-SIPAE] 3.2.1, but SIPE goes on counting, and servers accept that.
    """
    return 0 < before < first <= before + 1 + MOST_LOST


class NumState(Enum):
    """What a received number is, seen against those accepted before."""

    NEXT = "next"  # the one after the highest
    AHEAD = "ahead"  # numbers before it are still to come, or lost
    LATE = "late"  # overtaken, but new
    REPLAYED = "replayed"
    TOO_OLD = "too-old"


class ReplayWindow:
    """Remembers the numbers from the highest accepted one down to `size` below it. Numbers start at 1.

    [MS-SIPAE] 3.2.1 asks for a sliding window without giving its size; this one is a choice.
    """

    def __init__(self, size: int = WINDOW_SIZE) -> None:
        self._size = size
        self._all = (1 << size) - 1
        self._mask = 0  # bit n is set when `highest - n` was accepted
        self.highest = 0

    def classify(self, num: int) -> NumState:
        """What `num` would be; changes nothing, so that a forged message cannot move the window."""
        if num > self.highest:
            return NumState.NEXT if num == self.highest + 1 else NumState.AHEAD
        age = self.highest - num
        if age >= self._size or num < 1:
            return NumState.TOO_OLD
        return NumState.REPLAYED if self._mask >> age & 1 else NumState.LATE

    def accept(self, num: int) -> NumState:
        """Classifies `num` and, unless it is a replay or too old, remembers it."""
        if num == self.highest + 1:  # nearly always
            self._mask = (self._mask << 1 | 1) & self._all
            self.highest = num
            return NumState.NEXT
        state = self.classify(num)
        if state is NumState.AHEAD:
            shift = min(num - self.highest, self._size)
            self._mask = (self._mask << shift | 1) & self._all
            self.highest = num
        elif state is NumState.LATE:
            self._mask |= 1 << (self.highest - num)
        return state
