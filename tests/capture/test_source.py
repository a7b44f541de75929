from __future__ import annotations

import gzip
import io
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from sipauthctl.capture.reader import open_reader
from sipauthctl.capture.record import InputKind, Notice, ReadError, Record
from sipauthctl.capture.source import MAX_LINE, Line, Source
from tests.capture.reading import no_captures, notices, raws, read, records
from tests.capture.samples import MESSAGE, OK, REGISTER, client_log, sipe_log, sipp_trace, trace_record

LATIN = client_log(MESSAGE.replace(b"\xc3\xa9\xff", b"\xe9e\xff"))
LOG = client_log(REGISTER) + client_log(OK, sent=False)


def lines(data: bytes) -> list[Line]:
    return list(Source(io.BytesIO(data)).lines())


def test_lines_have_numbers_and_their_own_ends() -> None:
    assert lines(b"a\r\nb\n\nc\rd") == [
        Line(1, b"a", b"\r\n"),
        Line(2, b"b", b"\n"),
        Line(3, b"", b"\n"),
        Line(4, b"c\rd", b""),
    ]


def test_a_line_end_between_two_reads_is_one_line_end() -> None:
    data = b"x" * 65535 + b"\r\n" + b"y" * 65535 + b"\n"
    assert [(len(line.data), line.end) for line in lines(data)] == [(65535, b"\r\n"), (65535, b"\n")]


def test_a_line_that_is_too_long_is_cut_and_the_next_one_is_whole() -> None:
    first, second = lines(b"x" * (MAX_LINE + 200_000) + b"\r\nnext\r\n")
    assert (len(first.data), first.cut, second) == (MAX_LINE, True, Line(2, b"next", b"\r\n"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_encodings_with_a_byte_order_mark(encoding: str) -> None:
    text = (LOG + client_log(MESSAGE.replace(b"\xff", b"!"))).decode()
    data = ("\ufeff" + text).encode(encoding) if encoding == "utf-16-be" else text.encode(encoding)
    assert raws(data) == [REGISTER, OK, MESSAGE.replace(b"\xff", b"!")]
    assert records(data)[0].place == 2


def test_utf_16_whose_surrogates_are_damaged_is_read_on() -> None:
    data = ("junk\ud800\n".encode("utf-16", "surrogatepass")) + LOG.decode().encode("utf-16-le")
    assert raws(data) == [REGISTER, OK]


def test_bytes_that_are_not_utf_8_are_kept() -> None:
    assert raws(LATIN)[0].endswith(b"third \xe9e\xff\r\n\r\n")


def test_words_that_are_not_utf_8_are_taken_for_latin_1() -> None:
    record = trace_record(OK, peer=b"r\xe9seau.contoso.com:5061")
    source = records(record)[0].source
    assert source is not None and source.host == "réseau.contoso.com"


@pytest.mark.parametrize("log", [LOG, trace_record(OK), sipe_log(OK), sipp_trace(OK), OK])
def test_gzip_makes_no_difference(log: bytes) -> None:
    assert read(gzip.compress(log)) == read(log)


def test_gzip_of_several_members() -> None:
    assert raws(gzip.compress(REGISTER) + gzip.compress(OK) + b"\x00" * 512) == [REGISTER, OK]


def test_what_comes_before_the_end_of_cut_off_gzip_is_read() -> None:
    random = b"".join(b"%064x\r\n" % pow(7, n, 2**256) for n in range(3000))
    packed = gzip.compress(REGISTER + OK + random)
    assert raws(packed[:-3000])[:1] == [REGISTER]
    assert "truncated" in {n.kind for n in notices(packed[:-3000])}


def test_damaged_gzip_is_noticed() -> None:
    packed = bytearray(gzip.compress(LOG))
    packed[-8] ^= 1  # in the checksum
    assert raws(bytes(packed)) == [REGISTER, OK]
    assert "corrupt" in {n.kind for n in notices(bytes(packed))}


def test_a_file_can_be_read_again_and_standard_input_stays_open(tmp_path: Path) -> None:
    path = tmp_path / "log.pcap"  # the name says nothing
    path.write_bytes(LOG)
    reader = open_reader(str(path), captures=no_captures)
    assert reader.kind is InputKind.CLIENT_LOG
    assert list(reader) == list(reader)
    assert {found.input for found in reader} == {str(path)}
    stdin = io.BytesIO(LOG)
    assert len(list(open_reader("-", captures=no_captures, stdin=stdin))) == 3
    assert not stdin.closed


def test_a_pipe_is_read_once_from_its_beginning(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, LOG)
    os.close(writing)
    try:
        reader = open_reader(f"/dev/fd/{reading}", captures=no_captures)
        assert [found.raw for found in reader if isinstance(found, Record)] == [REGISTER, OK]
    finally:
        os.close(reading)


def test_a_capture_from_a_pipe_comes_as_a_file_and_keeps_its_name() -> None:
    class Capture:
        kind = InputKind.CAPTURE

        def __init__(self, path: str) -> None:
            self.path = path

        def __iter__(self) -> Iterator[Record | Notice]:
            yield Record(None, None, None, None, Path(self.path).read_bytes(), self.path, 1)

    data = b"\xd4\xc3\xb2\xa1" + os.urandom(3_000_000)
    reader = open_reader("-", captures=Capture, stdin=io.BytesIO(gzip.compress(data)))
    assert reader.kind is InputKind.CAPTURE
    assert [(found.input, found.raw) for found in reader if isinstance(found, Record)] == [("-", data)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (gzip.compress(b""), "is empty"),
        (gzip.compress(LOG)[:5], "cut off"),
        (b"nothing of interest\r\n" * 100, "no SIP messages"),
        (b"MZ\x90\x00" + bytes(300), "neither text nor a capture"),
        (LOG.decode().encode("utf-16-le"), "neither text nor a capture"),
        (b"PK\x03\x04" + bytes(20), "ZIP"),
        (gzip.compress(gzip.compress(LOG)), "twice"),
        (b"line\n" * 300_000, "no SIP messages"),
    ],
    ids=["empty", "empty gzip", "begun gzip", "text", "program", "UTF-16 without BOM", "ZIP", "packed twice", "long"],
)
def test_what_cannot_be_read_is_told_in_a_sentence(data: bytes, words: str) -> None:
    with pytest.raises(ReadError, match=words):
        read(data)


@pytest.mark.parametrize("name", ["", "missing", "with\x00null"])
def test_a_path_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReadError):
        open_reader(str(tmp_path / name), captures=no_captures)


@pytest.mark.parametrize(
    "magic",
    [
        b"\xd4\xc3\xb2\xa1",
        b"\xa1\xb2\xc3\xd4",
        b"\x4d\x3c\xb2\xa1",
        b"\xa1\xb2\x3c\x4d",
        b"\n\r\r\n",
        b"GMBU",
        b"snoop\0\0\0",
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_captures_are_told_by_their_magic_numbers(tmp_path: Path, magic: bytes, pack: type[bytes]) -> None:
    path = tmp_path / "looks-like.txt"
    path.write_bytes(pack(magic + bytes(100)))
    asked: list[str] = []

    def captures(name: str) -> object:
        asked.append(name)
        return object()

    open_reader(str(path), captures=captures)  # type: ignore[arg-type]
    assert asked == [str(path)]


@pytest.mark.parametrize(
    ("log", "kind"),
    [
        (LOG, "client-log"),
        (trace_record(OK), "server-trace"),
        (sipe_log(OK), "sipe-log"),
        (sipp_trace(OK), "sipp-trace"),
        (OK, "text"),
    ],
)
def test_the_kind_of_a_log_is_told_by_its_content(log: bytes, kind: str) -> None:
    before = b"\r\n# somebody's note\r\n" * 50
    assert open_reader("-", captures=no_captures, stdin=io.BytesIO(before + log)).kind.value == kind


def test_a_zero_byte_in_a_body_does_not_make_a_log_binary() -> None:
    message = OK.replace(b"Content-Length: 0", b"Content-Length: 4") + b"a\x00\nb"
    assert raws(message) == [message]


class Endless(io.RawIOBase):
    """Gives the same block again and again, up to a size, without having it."""

    def __init__(self, block: bytes, times: int) -> None:
        self._block = block
        self._times = times
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and self._times:
            take = min(self._times, 1 + size // len(self._block))
            self._rest += self._block * take
            self._times -= take
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def peak_of(log: bytes, times: int) -> tuple[int, int]:
    """The messages read from a log of so many blocks, and the peak of memory in bytes."""
    stream = cast(BinaryIO, Endless(log, times))
    tracemalloc.start()
    try:
        count = sum(isinstance(f, Record) for f in open_reader("-", captures=no_captures, stdin=stream))
        return count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    "block",
    [LOG, trace_record(REGISTER) + trace_record(OK), sipe_log(REGISTER) + sipe_log(OK), REGISTER + MESSAGE],
    ids=["client-log", "server-trace", "sipe-log", "text"],
)
def test_memory_does_not_grow_with_the_log(block: bytes) -> None:
    few, many = 1_200_000 // len(block), 3_000_000 // len(block)
    count, small = peak_of(block, few)
    more, large = peak_of(block, many)
    assert (count, more) == (2 * few, 2 * many)
    assert large < 1.2 * small


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "endless", "times"),
    [
        (REGISTER.removesuffix(b"\r\n"), b"X: y\r\n", 200_000),
        (REGISTER.removesuffix(b"\r\n"), b" folded\r\n", 200_000),
        (REGISTER.removesuffix(b"\r\n"), b"z" * 1000, 20_000),
        (OK.replace(b"Content-Length: 0\r\n", b""), b"body\r\n" * 20 + b"z" * 880 + b"\r\n", 20_000),
    ],
    ids=["headers", "folded", "line", "body"],
)
def test_a_message_without_an_end_takes_bounded_memory(start: bytes, endless: bytes, times: int) -> None:
    packed = gzip.compress(start + endless * times)
    tracemalloc.start()
    try:
        found = read(packed)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len([item for item in found if isinstance(item, Record)]) == 1
    assert peak < 5 * MAX_LINE
