from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from sipauthctl.analysis.reading import read_head
from sipauthctl.capture.merge import merge
from sipauthctl.capture.reader import open_reader
from sipauthctl.capture.record import InputKind, Notice, Reader, ReadError, Record
from sipauthctl.sip.errors import SipError
from tests.capture.reading import no_captures, raws, read, records
from tests.capture.samples import (
    MESSAGE,
    OK,
    REGISTER,
    SECURITY,
    client_log,
    client_log_line,
    sipe_log,
    sipp_trace,
    trace_record,
)

LOGS = [
    client_log(REGISTER) + client_log(MESSAGE, every_line=False),
    trace_record(MESSAGE) + SECURITY + trace_record(OK),
    sipe_log(MESSAGE) + sipe_log(OK, sent=False),
    sipp_trace(MESSAGE) + sipp_trace(OK),
    REGISTER + MESSAGE + b"\r\n" + OK,
]
LINES = [line for log in LOGS for line in log.splitlines(keepends=True)]


class Empty:
    kind = InputKind.CAPTURE

    def __iter__(self) -> Empty:
        return self

    def __next__(self) -> Record | Notice:
        raise StopIteration


def _empty(path: str) -> Reader:
    return Empty()


def survives(data: bytes) -> None:
    try:
        found = list(open_reader("-", captures=_empty, stdin=io.BytesIO(data)))
    except ReadError as error:
        assert str(error)
        return
    for item in found:
        if isinstance(item, Record):
            assert len(item.raw) < 2 * len(data) + 4
            with contextlib.suppress(SipError):
                read_head(item.raw)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    survives(data)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(LINES) | st.binary(max_size=30), max_size=60))
def test_any_mixture_of_log_lines_is_read_or_refused(lines: list[bytes]) -> None:
    survives(b"".join(lines))


@settings(max_examples=200)
@given(st.sampled_from(LOGS), st.integers(0, 3000), st.integers(0, 40), st.binary(max_size=40))
def test_a_log_with_damage_anywhere_is_read_or_refused(log: bytes, at: int, lost: int, put: bytes) -> None:
    survives(log[:at] + put + log[at + lost :])


@settings(max_examples=100)
@given(st.sampled_from(LOGS), st.integers(0, 3000))
def test_a_log_cut_off_anywhere_gives_the_messages_before(log: bytes, at: int) -> None:
    whole = raws(log)
    try:
        cut = raws(log[:at])
    except ReadError:
        return
    assert cut[:-1] == whole[: max(0, len(cut) - 1)]


def test_hostile_lines_end_soon() -> None:
    nasty = [
        b"04/16/2013|" + b"0" * 500_000,
        client_log_line(b"Sending Packet - " + b":" * 500_000 + b"1 (From Local Address: "),
        client_log_line(b"Sending Packet - " + b"1:" * 250_000),
        b"TL_INFO(TF_PROTOCOL) [" + b"[" * 500_000,
        b"TL_INFO(TF_PROTOCOL) [0]1.1::" + b"(" * 500_000 + b"$$begin_record",
        b"-" * 500_000,
        b"-" * 60 + b" 2019-06-29 19:42:16" + b" " * 500_000 + b"\0",
        b"MESSAGE START " + b">" * 500_000,
        b"MESSAGE START >>>>>>>>>> SIP(" + b"(" * 500_000,
        b" MESSAGE START" * 40_000,
        b"A" * 500_000 + b" sip:a SIP/2.0",
        b"INVITE sip:" + b"a" * 500_000,
        b"INVITE sip:" + b"a:" * 250_000 + b" SIP/2.0",
        b">>> 2026-11-23T" + b"0" * 500_000,
        b"Peer: " + b":1" * 250_000,
        b"Via: SIP" + b" " * 500_000,
    ]
    text = b"".join(line + b"\r\n" for line in nasty)
    for log in LOGS:
        lines = log.splitlines(keepends=True)
        assert len(raws(log + text + log)) >= len(raws(log))
        for line in nasty:
            survives(b"".join(lines[:8]) + line + b"\r\n" + b"".join(lines[8:]))


def test_terminal_escapes_stay_in_the_message_and_do_no_harm() -> None:
    message = REGISTER.replace(b"<sip:alice@contoso.com>;tag", b'"\x1b[2J<script>" <sip:alice@contoso.com>;tag')
    assert raws(client_log(message)) == [message]


def at(second: int, place: int, name: str) -> Record:
    return Record(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second), None, None, None, b"", name, place)


def test_inputs_are_merged_by_time() -> None:
    first = [at(1, 1, "a"), at(4, 2, "a"), at(4, 3, "a")]
    second = [at(2, 1, "b"), at(4, 2, "b"), at(9, 3, "b")]
    merged = [(found.input, found.place) for found in merge([first, second])]
    assert merged == [("a", 1), ("b", 1), ("a", 2), ("a", 3), ("b", 2), ("b", 3)]


def test_what_has_no_time_stays_with_what_came_before_it() -> None:
    notice = Notice("truncated", "x", "a", 2)
    first: list[Record | Notice] = [at(3, 1, "a"), notice, at(5, 3, "a")]
    second: list[Record | Notice] = [at(4, 1, "b")]
    merged = [(found.input, found.place) for found in merge([first, second])]
    assert merged == [("a", 1), ("a", 2), ("b", 1), ("a", 3)]


def test_a_clock_that_goes_back_does_not_change_the_order_of_an_input() -> None:
    first = [at(5, 1, "a"), at(2, 2, "a"), at(6, 3, "a")]
    merged = [(found.input, found.place) for found in merge([first, [at(4, 1, "b")]])]
    assert merged == [("b", 1), ("a", 1), ("a", 2), ("a", 3)]


def test_inputs_without_times_keep_their_order_before_the_others() -> None:
    text = records(REGISTER + OK)
    merged = list(merge([[at(1, 1, "a")], text]))
    assert [(found.input, found.place) for found in merged] == [("-", 1), ("-", 13), ("a", 1)]


def test_merging_reads_no_further_than_it_must() -> None:
    asked: list[str] = []

    def stream(name: str, seconds: list[int]) -> Iterator[Record]:
        for second in seconds:
            asked.append(name)
            yield at(second, second, name)

    merged = merge([stream("a", [1, 2, 3]), stream("b", [10, 11, 12])])
    next(merged)
    next(merged)
    assert asked.count("b") == 1


def test_a_zone_for_times_that_have_none() -> None:
    zone = timezone(timedelta(hours=2))
    reader = open_reader("-", captures=no_captures, stdin=io.BytesIO(client_log(OK)), zone=zone)
    times = [found.time for found in reader if isinstance(found, Record)]
    assert times == [datetime(2013, 4, 16, 1, 17, 30, 168000, tzinfo=UTC)]
    assert read(client_log(OK)) != list(
        open_reader("-", captures=no_captures, stdin=io.BytesIO(client_log(OK)), zone=zone)
    )
