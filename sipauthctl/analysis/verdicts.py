"""Writes verdicts down with their association: in its log, its counts and its ladder."""

from __future__ import annotations

from sipauthctl.analysis.numbers import take_number
from sipauthctl.analysis.reading import start_line
from sipauthctl.analysis.signature_log import CheckedSignature
from sipauthctl.analysis.signed_string import Signature
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.analysis.words import Method, Sender
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Record
from sipauthctl.sip.message import Message


def write_down(
    tracked: Tracked,
    record: Record,
    message: Message,
    sender: Sender,
    num: int | None,
    verdict: Verdict,
    method: Method | None,
    detail: str,
) -> int:
    """Notes the verdict on a message. Gives its row in the log, for `write_over`."""
    tracked.verdicts[verdict] += 1
    tracked.draw(record, sender, start_line(message), detail, verdict)
    checked = CheckedSignature(record.input, record.place, sender, num, verdict, method, detail)
    return tracked.signatures.add(checked)


def write_missing(tracked: Tracked, record: Record, message: Message, sender: Sender, detail: str) -> None:
    """Notes that a message which must be signed is not."""
    write_down(tracked, record, message, sender, None, Verdict.MISSING, None, detail)


def write_over(tracked: Tracked, row: int, verdict: Verdict, detail: str) -> None:
    """Notes another verdict on a signature that could not be judged when it came."""
    tracked.verdicts[Verdict.UNVERIFIABLE] -= 1
    tracked.verdicts[verdict] += 1
    tracked.signatures.change(row, verdict, Method.CRC_RELATION, detail)


def accept(signature: Signature, verdict: Verdict, method: Method | None, detail: str) -> int:
    """Notes a signature that is right or cannot be judged, with what its number shows."""
    tracked, sender, record, message, _, wire, buffer = signature
    tracked.remember(buffer.fields)
    numbered = take_number(tracked, record, message, sender, wire)
    both = f"{detail}; {numbered}" if detail and numbered else detail or numbered
    return write_down(tracked, record, message, sender, wire.num, verdict, method, both)


def refuse(signature: Signature, verdict: Verdict, method: Method | None, detail: str) -> int:
    """Notes a signature that does not hold; its number is used, and says nothing more."""
    tracked, sender, record, message, _, wire, _ = signature
    tracked.sides[sender].spend(wire.num)
    return write_down(tracked, record, message, sender, wire.num, verdict, method, detail)
