"""What cnum and snum show: they count from 1 in each direction of an association, without gap and without replay."""

from __future__ import annotations

from sipauthctl.analysis.problem import Problem, place_text
from sipauthctl.analysis.reading import start_line
from sipauthctl.analysis.side import RECENT_KEPT, Copy, Side
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.analysis.words import Sender
from sipauthctl.association.signing import WireSignature
from sipauthctl.association.window import NumState, ReplayWindow, goes_on
from sipauthctl.capture.record import Record
from sipauthctl.sip.message import Message

_SEEN = (NumState.REPLAYED, NumState.TOO_OLD)
_COPY = "the same message again"


def take_number(tracked: Tracked, record: Record, message: Message, sender: Sender, wire: WireSignature) -> str:
    """Takes the number of a signature that is not wrong. Gives a remark, empty where the number is in order."""
    side = tracked.sides[sender]
    highest = side.window.highest
    state = side.window.accept(wire.num)
    if state is NumState.NEXT and (highest or wire.num == 1):
        side.windows.setdefault(record.input, ReplayWindow()).accept(wire.num)
        _remember(side, record, wire)
        return ""
    copy = side.copies.get(wire.num)
    if state is NumState.REPLAYED and copy is not None and _is_copy(copy, record, wire):
        return _COPY
    own = side.windows.setdefault(record.input, ReplayWindow()).accept(wire.num)
    if state in _SEEN and own not in _SEEN:
        return _COPY  # each input has its own copies
    _remember(side, record, wire)
    what = f"{sender.value} number {wire.num}"
    if state in _SEEN:
        detail = "the number was used before" if state is NumState.REPLAYED else "the number lies far behind"
        told = f"The {what} on {start_line(message)} comes again after {highest}."
        tracked.report(Problem("num-replayed", told, (place_text(record),)))
        return detail
    if state is NumState.AHEAD and side.spent(highest + 1, wire.num):
        return ""
    if highest == 0:
        if not tracked.handshake_seen or wire.num == 0:
            return ""
        if sender is Sender.CLIENT and goes_on(wire.num, tracked.counted_before):
            return f"the number goes on from {tracked.counted_before} of the association before"
        told = f"The first number of the {sender.value} is {wire.num}."
        tracked.report(Problem("num-not-from-one", told, (place_text(record),)))
        return f"the first number is {wire.num} instead of 1"
    if state is NumState.AHEAD:
        told = f"The {what} came where {highest + 1} was due."
        # Between its connections a capture may well miss some, and messages may overtake each other.
        side.skip(highest + 1, wire.num, Problem("num-gap", told, (place_text(record),)))
        return f"number {wire.num} came where {highest + 1} was due"
    side.came(wire.num)
    return ""


def settle_numbers(side: Side, tracked: Tracked) -> None:
    """Reports the gaps of one direction that nothing filled up to the end."""
    for missing, problem in side.gaps:
        if missing:
            tracked.report(problem)
    side.gaps = []


def _remember(side: Side, record: Record, wire: WireSignature) -> None:
    side.copies[wire.num] = Copy(wire.value, record.input, record.source, record.destination)
    if len(side.copies) > RECENT_KEPT:
        side.copies.popitem(last=False)


def _is_copy(copy: Copy, record: Record, wire: WireSignature) -> bool:
    """The same message on another leg, in another input, or sent again by UDP: no replay."""
    if copy.value != wire.value:
        return False
    elsewhere = (copy.input, copy.source, copy.destination) != (record.input, record.source, record.destination)
    return elsewhere or record.transport == "udp"
