"""Readers do work in proportion to what they read, and hold only so much of it: work is counted, not timed."""

from __future__ import annotations

import contextlib
import gzip
import io
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sipauthctl.capture import kerberos_errors, pcap_framing, pcap_messages, pcap_survey
from sipauthctl.capture.pcap_export import Flow, Pdu
from sipauthctl.capture.pcap_framing import Framing
from sipauthctl.capture.pcap_gaps import SYN, Direction
from sipauthctl.capture.pcap_messages import MessageCutter
from sipauthctl.capture.pcap_survey import Survey
from sipauthctl.capture.record import Address
from sipauthctl.capture.source import Source
from tests.capture.frames import Pcap, TcpFlow, udp
from tests.capture.reading import read
from tests.capture.samples import MESSAGE, OK, REGISTER, SECURITY, client_log, sipe_log, sipp_trace, trace_record
from tests.counting import CountedBytes, CountedPattern, bytes_copied, lines_run

HEAD = b"REGISTER sip:a SIP/2.0\r\nContent-Length: 0\r\n"
FLOW = Flow(Address("192.0.2.7", 50000), Address("192.0.2.1", 5061), "tcp")


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


LOGS: dict[str, Callable[[bytes], bytes]] = {
    "client log": client_log,
    "server trace": trace_record,
    "SIPE": sipe_log,
    "SIPp": sipp_trace,
    "text": bytes,
}


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize(
    "unit", [b"X: a\r\n", b" a\r\n", b"no header\r\n", b"a" * 1000], ids=["headers", "folded", "wrapped", "one line"]
)
def test_twice_as_long_a_message_takes_twice_as_many_steps(log: str, unit: bytes) -> None:
    def of(times: int) -> bytes:
        head = b"X: " + unit * times + b"\r\n" if unit.startswith(b"aa") else unit * times
        body = unit * times
        message = MESSAGE.partition(b"\r\n\r\n")[0].replace(b": 22", b": %d" % len(body)) + b"\r\n" + head
        return LOGS[log](message + b"\r\n" + body)

    few, many = (lines_run(lambda: read(of(times))) for times in (50, 100))
    assert many < 2.1 * few + 500


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_line_in_many_pieces_is_put_together_once(encoding: str) -> None:
    class OneByOne(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(100)

    def of(size: int) -> Callable[[], object]:
        return lambda: list(Source(OneByOne(("X: " + "a" * size).encode(encoding))).lines())

    few, many = (lines_run(of(size)) for size in (10_000, 20_000))
    assert many < 2.1 * few + 500


def test_a_line_of_tshark_that_comes_in_pieces_is_put_together_once() -> None:
    line = CountedBytes(b"7e" * 50_000 + b"\nend\n")
    pieces = [line[start : start + 100] for start in range(0, len(line), 100)]
    lines: list[str] = []
    copied = bytes_copied(lambda: lines.extend(kerberos_errors._lines(iter(pieces))))
    assert lines == ["7e" * 50_000, "end"]
    assert copied < 3 * len(line)


class CountedCapture:
    """A capture in the place of its path."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def open(self, mode: str) -> Any:
        file = io.BytesIO(self._data)
        reader = SimpleNamespace(read=lambda size: CountedBytes(file.read(size)), seek=file.seek)
        return contextlib.nullcontext(reader)

    def stat(self) -> Any:
        return SimpleNamespace(st_size=len(self._data))


def _packets(number: int, *, pcapng: bool) -> bytes:
    pcap = Pcap()
    flow = TcpFlow(pcap, server=("192.0.2.1", 5060))
    flow.open()
    for port in range(number):
        flow.send(REGISTER)
        pcap.add(udp(b"x" * 200, ("192.0.2.7", 10_000 + port), ("192.0.2.1", 5006)))
    return pcap.to_pcapng() if pcapng else pcap.to_bytes()


@pytest.mark.parametrize("pcapng", [False, True])
def test_the_first_pass_looks_at_each_byte_of_a_capture_of_many_blocks_once(
    pcapng: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pcap_survey, "_CHUNK", 4096)

    def look(data: bytes) -> Callable[[], object]:
        return lambda: Survey(CountedCapture(data)).close()  # type: ignore[arg-type]

    small, large = (_packets(number, pcapng=pcapng) for number in (100, 200))
    few, many = lines_run(look(small)), lines_run(look(large))
    assert many < 2.1 * few + 500
    assert bytes_copied(look(large)) < 3 * len(large)


def test_segments_that_come_late_take_the_same_work_however_many_there_are() -> None:
    """Each leaves a hole, is sent twice, or fills a part of one."""

    def of(number: int) -> Callable[[], object]:
        def work() -> None:
            direction = Direction(0)
            for place in (0, *range(1000, 1000 + 20 * number, 20), *range(1005, 1005 + 20 * number, 20)):
                flags = 0x10 if place else SYN
                head = struct.pack("!HHIIBBHHH", 1, 2, place, 0, 0x50, flags, 0, 0, 0)
                direction.take(head + bytes(5 if place else 0), 0, 25 if place else 20, 25, 1)

        return work

    few, many = (lines_run(of(number)) for number in (200, 400))
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
