"""Readers do work in proportion to what they read, and hold only so much of it: work is counted, not timed."""

from __future__ import annotations

import gzip
import io
import re
import struct
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from sipauthctl.capture import pcap_framing, pcap_messages
from sipauthctl.capture.pcap_export import Flow, Pdu
from sipauthctl.capture.pcap_framing import Framing
from sipauthctl.capture.pcap_messages import MessageCutter
from sipauthctl.capture.pcap_survey import Survey
from sipauthctl.capture.record import Address
from sipauthctl.capture.source import Source
from tests.capture.reading import read
from tests.capture.samples import MESSAGE, OK, REGISTER, SECURITY, client_log, sipe_log, sipp_trace, trace_record

PACKAGE = str(Path(pcap_framing.__file__).parent.parent)
HEAD = b"REGISTER sip:a SIP/2.0\r\nContent-Length: 0\r\n"
FLOW = Flow(Address("192.0.2.7", 50000), Address("192.0.2.1", 5061), "tcp")


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of the package run."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace if frame.f_code.co_filename.startswith(PACKAGE) else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


class CountedPattern:
    """A pattern that counts how many bytes it is given to look at."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self._pattern = pattern
        self.seen = 0

    def search(self, data: bytes, start: int = 0, end: int = sys.maxsize) -> re.Match[bytes] | None:
        found = self._pattern.search(data, start, end)
        self.seen += (min(end, len(data)) if found is None else found.end()) - start
        return found


@pytest.mark.parametrize(
    "unit",
    [
        b"\n",
        b" \r\n",
        b"a\r\n",
        b"X: a\r\n",
        b"SIP/2.0 200 OK\r\n",
        MESSAGE + b"\r\n",
        b"04/16/2013|00:00:00.000 1:1 INFO :: Sending Packet - 192.0.2.1:5060\r\n",
        client_log(OK),
        trace_record(OK)[:200] + b"\r\n",
        trace_record(OK) + SECURITY,
        sipe_log(OK),
        sipp_trace(OK),
    ],
)
def test_twice_as_long_a_log_takes_twice_as_many_steps(unit: bytes) -> None:
    for first in (client_log(REGISTER), trace_record(REGISTER), sipe_log(REGISTER), sipp_trace(REGISTER), REGISTER):
        few, many = (lines_run(lambda: read(first + unit * times)) for times in (40, 80))
        assert many < 2.1 * few + 500


def test_a_head_that_comes_a_byte_at_a_time_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = CountedPattern(pcap_framing.HEAD_END)
    monkeypatch.setattr(pcap_framing, "HEAD_END", counted)
    framing, rest = Framing(), b"X: a\r\n" * 5000
    framing.take(HEAD, 0, len(HEAD), 1)
    for number in range(len(rest)):
        framing.take(rest, number, number + 1, number + 2)
    assert counted.seen < 5 * len(rest)


@pytest.mark.parametrize("body", [False, True])
def test_a_message_in_tls_that_comes_a_byte_at_a_time_is_looked_at_once(
    body: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = CountedPattern(pcap_messages.HEAD_END)
    monkeypatch.setattr(pcap_messages, "HEAD_END", counted)
    start = HEAD + b"X: " + b"a" * 9000 + b"\r\n"
    if body:
        start = start.replace(b"Length: 0", b"Length: 30000") + b"\r\n"
    rest = b"X: a\r\n" * 5000 + b"\r\n"
    pieces = [start, *(rest[at : at + 1] for at in range(len(rest)))]
    payloads = (Pdu("sip.tcp", FLOW, number, 0, piece) for number, piece in enumerate(pieces, 1))
    ((_, raw, _),) = MessageCutter().messages(payloads)
    assert raw == (start + rest)[: len(raw)] and len(raw) >= len(start) + 30000
    assert counted.seen < 5 * len(start + rest)


def test_heads_without_an_end_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = CountedPattern(pcap_messages.HEAD_END)
    monkeypatch.setattr(pcap_messages, "HEAD_END", counted)
    data = b"A a:a SIP/2.0\r\n" * 50_000
    pcap_messages.cut(data)
    assert counted.seen < 3 * len(data)


@pytest.mark.parametrize("claimed", [0xFFFFFFF0, 64 << 20])
def test_a_block_that_claims_to_be_large_is_not_held(claimed: int, tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    head = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    head += struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20)
    with path.open("wb") as file:
        file.write(head + struct.pack("<II", 6, claimed))
        file.truncate(80 << 20)
    tracemalloc.start()
    try:
        with Survey(path) as survey:
            assert not survey.worth_it()
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("unit", [b"\n", b"a\r\n"])
def test_no_more_is_unpacked_than_is_in_proportion(unit: bytes) -> None:
    packed = gzip.compress(REGISTER + unit * (20 << 20))
    source = Source(io.BytesIO(packed))
    assert sum(map(len, source.chunks())) < (2 << 20) + 100 * len(packed)
    assert source.problem is not None
    kind, text = source.problem
    assert kind == "corrupt" and "100 times" in text


def test_a_log_that_repeats_itself_is_unpacked_whole() -> None:
    sessions = b"".join(client_log(REGISTER.replace(b"CSeq: ", b"CSeq: %d" % number)) for number in range(1, 2000))
    source = Source(io.BytesIO(gzip.compress(sessions, 9)))
    assert b"".join(source.chunks()) == sessions
    assert source.problem is None
