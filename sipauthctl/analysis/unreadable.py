"""Credentials, info headers and challenges that cannot be read, reported with the associations they may belong to."""

from __future__ import annotations

from sipauthctl.analysis.dialogs import Transaction
from sipauthctl.analysis.memory import Memory
from sipauthctl.analysis.problem import Problem, place_text
from sipauthctl.analysis.reading import endpoint, start_line
from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.analysis.verification import NoKey
from sipauthctl.analysis.words import Sender
from sipauthctl.capture.record import Record
from sipauthctl.sip.message import Message, Request


def note_unreadable(memory: Memory, record: Record, message: Message, key: Transaction, problem: str) -> None:
    """Reports a header that cannot be read. Where the client's last token is due, it is taken for that."""
    sent = memory.requests.get(key)
    about = memory.still_open(sent.credentials) if sent is not None else []
    for tracked in about or _newest_of(memory, message, key):
        detail = f"A header of {start_line(message)} cannot be read: {problem}."
        tracked.report(Problem("signature-malformed", detail, (place_text(record),)))
        if isinstance(message, Request) and tracked.step is Step.TOKEN_GIVEN:
            tracked.step, tracked.final, tracked.no_key = Step.FINAL_SENT, key, NoKey.DAMAGED
            tracked.touch(record, Sender.CLIENT)
            tracked.draw(record, Sender.CLIENT, start_line(message), "its credentials cannot be read", None)
            if sent is not None:
                sent.carries(tracked, signed=False)


def _newest_of(memory: Memory, message: Message, key: Transaction) -> list[Tracked]:
    """The newest association of the client under the Call-ID of a message that does not name one."""
    client = endpoint(message.from_)
    return [one for one in memory.open if one.call_id == key[0] and one.endpoint == client][-1:]
