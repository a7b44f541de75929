"""How much is accepted: the same for a whole message as for one that comes in pieces, and in linear time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

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
from sipauthctl.sip.limits import DEFAULT_LIMITS, Limits
from sipauthctl.sip.message import parse_message
from sipauthctl.sip.name_addr import NameAddr
from sipauthctl.sip.params import parse_params, unquote
from sipauthctl.sip.uri import SipUri
from sipauthctl.sip.via import Via
from tests.sip.long_values import LONG

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


# What follows would take minutes to hours in quadratic time, at the largest size that a message can bring; the
# suite's time-out would end it.
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


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", LONG)
def test_the_longest_values_are_read_in_linear_time(name: str) -> None:
    for parse in PARSERS:
        try:
            parse(LONG[name])
        except SipError as error:
            assert len(str(error)) < 200


@pytest.mark.timeout(20)
def test_the_largest_header_block_byte_by_byte_is_read_in_linear_time() -> None:
    line = b"X: " + b"a" * 997 + b"\r\n"
    block = b"SIP/2.0 200 OK\r\n" + line * (DEFAULT_LIMITS.header_block // len(line) - 1)
    framer = StreamFramer()
    for position in range(len(block)):
        framer.feed(block[position : position + 1])
        assert framer.next() is None
    framer.feed(b"\r\n")
    with pytest.raises(MissingContentLength):
        framer.next()


@pytest.mark.timeout(20)
def test_the_largest_body_in_small_reads_is_read_in_linear_time() -> None:
    framer, size = StreamFramer(), DEFAULT_LIMITS.body
    framer.feed(b"SIP/2.0 200 OK\r\nl: %d\r\n\r\n" % size)
    for _ in range(size // 64 - 1):
        framer.feed(b"a" * 64)
        assert framer.next() is None
    framer.feed(b"a" * 64)
    message = framer.next()
    assert not isinstance(message, KeepAlive)
    assert message is not None
    assert len(message.body) == size


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (b" a\r\n" * 60_000, TooManyHeaders),
        (b"\t\r\n" * 60_000, TooManyHeaders),
        (b"a\r\n" * 60_000, TooManyHeaders),
        (b"X:" + b" " * 60_000 + b"\r\n", ParseError),
    ],
)
def test_many_lines_cost_little(lines: bytes, error: type[SipError]) -> None:
    data = b"SIP/2.0 200 OK\r\nX: a\r\n" + lines + b"l 0\r\n\r\n"
    with pytest.raises(error):
        parse_message(data)
