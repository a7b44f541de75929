"""How much is accepted: the same for a whole message as for one that comes in pieces, and in linear time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipauthctl.sip import framer as framer_module
from sipauthctl.sip.errors import (
    BodyTooLarge,
    HeaderBlockTooLarge,
    LineTooLong,
    MissingContentLength,
    ParseError,
    SipError,
    TooManyHeaders,
)
from sipauthctl.sip.framer import KeepAlive, StreamFramer
from sipauthctl.sip.headers import Headers, split_list
from sipauthctl.sip.limits import Limits
from sipauthctl.sip.message import parse_message
from sipauthctl.sip.name_addr import NameAddr
from sipauthctl.sip.params import parse_params, unquote
from sipauthctl.sip.uri import SipUri
from sipauthctl.sip.via import Via
from tests.counting import CountedPattern, lines_run
from tests.sip.long_values import LONG, long_values

LIMITS = Limits(line=40, header_block=100, headers=4, body=8)
START = b"SIP/2.0 200 OK\r\nl: 0\r\n"  # 22 bytes


def whole(data: bytes) -> None:
    parse_message(data, LIMITS)


def in_one_read(data: bytes) -> None:
    framer = StreamFramer(LIMITS)
    framer.feed(data)
    assert framer.next() is not None


def byte_by_byte(data: bytes) -> None:
    framer = StreamFramer(LIMITS)
    for position in range(len(data)):
        framer.feed(data[position : position + 1])
        found = framer.next()
        assert (found is None) is (position + 1 < len(data))


AT_THE_LIMIT = {
    "line": START + b"X: " + b"a" * 37 + b"\r\nY: b\r\n\r\n",
    "last line": START + b"X: " + b"a" * 37 + b"\r\n\r\n",
    "last line, LF only": START + b"X: " + b"a" * 37 + b"\n\n",
    "start line": b"SIP/2.0 200 " + b"a" * 28 + b"\r\nl: 0\r\n\r\n",
    "header block": START + b"X: " + b"a" * 36 + b"\r\nY: " + b"a" * 34 + b"\r\n\r\n",
    "headers": START + b"X: a\r\n" * 3 + b"\r\n",
    "body": b"SIP/2.0 200 OK\r\nl: 8\r\n\r\n12345678",
}
BEYOND = {
    "line": (START + b"X: " + b"a" * 38 + b"\r\nY: b\r\n\r\n", LineTooLong),
    "last line": (START + b"X: " + b"a" * 38 + b"\r\n\r\n", LineTooLong),
    "line of more bytes than characters": (START + b"X: " + "é".encode() * 19 + b"\r\n\r\n", LineTooLong),
    "start line": (b"SIP/2.0 200 " + b"a" * 29 + b"\r\nl: 0\r\n\r\n", LineTooLong),
    "header block": (START + b"X: " + b"a" * 36 + b"\r\nY: " + b"a" * 35 + b"\r\n\r\n", HeaderBlockTooLarge),
    "headers": (START + b"X: a\r\n" * 4 + b"\r\n", TooManyHeaders),
    "folded lines": (START + b"X: a\r\n" + b" a\r\n" * 3 + b"\r\n", TooManyHeaders),
    "body": (b"SIP/2.0 200 OK\r\nl: 9\r\n\r\n123456789", BodyTooLarge),
}
READERS = [whole, in_one_read, byte_by_byte]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", AT_THE_LIMIT)
def test_a_message_of_exactly_the_limit_is_taken_however_it_comes(read: Callable[[bytes], None], name: str) -> None:
    read(AT_THE_LIMIT[name])


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", BEYOND)
def test_one_more_is_refused_with_the_same_error_however_it_comes(read: Callable[[bytes], None], name: str) -> None:
    data, error = BEYOND[name]
    with pytest.raises(error):
        read(data)


def outcome(chunks: Iterable[bytes]) -> tuple[list[bytes | None], bool]:
    """The messages, and whether the stream could be followed to its end."""
    framer, found = StreamFramer(LIMITS), list[bytes | None]()
    try:
        for chunk in chunks:
            framer.feed(chunk)
            while (item := framer.next()) is not None:
                if not isinstance(item, KeepAlive):
                    found.append(item.raw)
        framer.close()
    except SipError:
        return found, False
    return found, True


PIECES = [
    *(b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\x00"),
    *(b"SIP/2.0 200 OK", b"l: 0", b"l: 3", b"X: y", b" z", b"abc", "é".encode() * 10, b"X: " + b"a" * 37),
    *(b"SIP/2.0 200 OK\r\nl: 3\r\n\r\nabc", b"SIP/2.0 200 OK\nl: 0\n\r\n"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=24), st.lists(st.integers(0, 400), max_size=12))
@example([b"SIP/2.0 200 OK", b"\n", b"l: 0", b"\n", b"\r\n"], [19, 20, 21])
def test_where_the_reads_end_changes_nothing(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    chunks = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert outcome(chunks) == outcome([data])
    assert outcome(bytes([byte]) for byte in data) == outcome([data])


PARSERS: list[Callable[[str], object]] = [
    split_list,
    lambda text: split_list(text, ";"),
    parse_params,
    unquote,
    NameAddr.parse,
    SipUri.parse,
    Via.parse,
    lambda text: Headers([("X", text)]).values("X"),
]


def parsed(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except SipError as error:
        assert len(str(error)) < 200


@pytest.mark.parametrize("name", LONG)
def test_twice_as_long_a_value_takes_twice_as_many_steps(name: str) -> None:
    """Those of the patterns are counted in `tests/test_regular_expressions.py`."""
    short, long = long_values(1000)[name], long_values(2000)[name]
    for parse in PARSERS:
        few, many = (lines_run(partial(parsed, parse, text), libraries=True) for text in (short, long))
        assert many < 2.1 * few + 200
        parsed(parse, LONG[name])


def test_a_header_block_that_comes_a_byte_at_a_time_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = CountedPattern(framer_module.HEADER_END)
    monkeypatch.setattr(framer_module, "HEADER_END", counted)
    line = b"X: " + b"a" * 997 + b"\r\n"

    def read(lines: int) -> int:
        block = b"SIP/2.0 200 OK\r\n" + line * lines
        framer, counted.seen = StreamFramer(), 0

        def work() -> None:
            for position in range(len(block)):
                framer.feed(block[position : position + 1])
                assert framer.next() is None

        steps = lines_run(work)
        assert counted.seen < 6 * len(block)
        framer.feed(b"\r\n")
        with pytest.raises(MissingContentLength):
            framer.next()
        return steps

    assert read(8) < 2.1 * read(4)


def test_a_body_in_small_reads_is_looked_at_once() -> None:
    def read(size: int) -> int:
        framer = StreamFramer()
        framer.feed(b"SIP/2.0 200 OK\r\nl: %d\r\n\r\n" % size)

        def work() -> None:
            for _ in range(size // 64 - 1):
                framer.feed(b"a" * 64)
                assert framer.next() is None

        steps = lines_run(work)
        framer.feed(b"a" * 64)
        message = framer.next()
        assert not isinstance(message, KeepAlive)
        assert message is not None
        assert len(message.body) == size
        return steps

    assert read(1 << 16) < 2.1 * read(1 << 15)


@pytest.mark.parametrize(
    ("line", "times", "error"),
    [
        (b" a\r\n", 60_000, TooManyHeaders),
        (b"\t\r\n", 60_000, TooManyHeaders),
        (b"a\r\n", 60_000, TooManyHeaders),
        (b"X:" + b" " * 60_000 + b"\r\n", 1, ParseError),
    ],
)
def test_many_lines_cost_little(line: bytes, times: int, error: type[SipError]) -> None:
    data = b"SIP/2.0 200 OK\r\nX: a\r\n" + line * times + b"l 0\r\n\r\n"

    def read() -> None:
        with pytest.raises(error):
            parse_message(data)

    assert lines_run(read) < 2 * times + 500
