"""The analysis does work in proportion to the number of messages: work is counted, not timed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from sipauthctl.capture.record import Record
from tests.analysis.sessions import NOTHING, lab, outcome, session
from tests.counting import lines_run


def _later(record: Record, number: int) -> Record:
    assert record.time is not None
    return replace(record, time=record.time + timedelta(minutes=number))


def _of_user(record: Record, number: int) -> Record:
    """The same of another user, in another dialog and association."""
    raw = re.sub(rb"\bned\b", b"n%d" % number, record.raw)
    raw = re.sub(rb"Call-ID: (\w+)", rb"Call-ID: \g<1>%d" % number, raw)
    raw = re.sub(rb'opaque="(\w+)"', rb'opaque="\g<1>%d"' % number, raw)
    return _later(replace(record, raw=raw), number)


def sign_ins(number: int) -> list[Record]:
    return [_of_user(record, one) for one in range(number) for record in session()]


def unanswered(number: int) -> list[Record]:
    return [_of_user(record, one) for one in range(number) for record in session()[:2]]


def refusals(number: int) -> list[Record]:
    records = lab("credentials-refused", lab={"redirect": False})
    return [_of_user(record, one) for one in range(number) for record in records]


def refreshes(number: int) -> list[Record]:
    """Of one association, with numbers that go on."""
    records = session()
    more = []
    for one in range(number):
        for record in records[6:8]:
            raw = re.sub(rb'(cnum|snum)="\d+"', rb'\1="%d"' % (one + 3), record.raw)
            more.append(_later(replace(record, raw=re.sub(rb"CSeq: \d+", b"CSeq: %d" % (one + 9), raw)), one))
    return [*records[:6], *more]


@pytest.mark.parametrize("made", [sign_ins, unanswered, refusals, refreshes])
def test_twice_as_many_messages_take_twice_as_many_steps(made: Callable[[int], list[Record]]) -> None:
    small, large = made(12), made(24)
    few, many = (lines_run(lambda: outcome(records, NOTHING)) for records in (small, large))
    assert many < 2.1 * few + 2000
