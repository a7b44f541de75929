"""The byte stream cut into messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.sip.errors import (
    BodyTooLarge,
    HeaderBlockTooLarge,
    IncompleteMessage,
    LineTooLong,
    MissingContentLength,
    ParseError,
    SipError,
)
from sipauthctl.sip.framer import KeepAlive, StreamFramer
from sipauthctl.sip.limits import Limits
from sipauthctl.sip.message import Message, parse_message

FIRST = b"SIP/2.0 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
SECOND = b"NOTIFY sip:ned@x SIP/2.0\r\nl: 5\r\n\r\na\r\n\r\n"
THIRD = b"SIP/2.0 200 OK\nContent-Length:\n 3\n\nabc"


def drain(framer: StreamFramer) -> list[Message | KeepAlive]:
    items = []
    while (item := framer.next()) is not None:
        items.append(item)
    return items


def raw(items: list[Message | KeepAlive]) -> list[bytes | None]:
    return [item.raw for item in items if not isinstance(item, KeepAlive)]


def test_several_messages_in_one_read() -> None:
    framer = StreamFramer()
    framer.feed(FIRST + SECOND + THIRD)
    assert raw(drain(framer)) == [FIRST, SECOND, THIRD]
    framer.close()


@pytest.mark.parametrize("first", [b"\r\n", b"\n"])
@pytest.mark.parametrize("second", [b"\r\n", b"\n"])
def test_the_header_block_ends_with_any_two_line_ends(first: bytes, second: bytes) -> None:
    message = b"SIP/2.0 200 OK" + first + b"l: 2" + first + second + b"ab"
    framer = StreamFramer()
    framer.feed(message)
    assert raw(drain(framer)) == [message]
    assert parse_message(message).body == b"ab"


@given(st.lists(st.integers(min_value=1, max_value=40), min_size=1))
def test_any_cut_of_the_stream_gives_the_same_messages(sizes: list[int]) -> None:
    stream, framer, items, position = FIRST + SECOND + THIRD + FIRST, StreamFramer(), [], 0
    while position < len(stream):
        for size in sizes:
            framer.feed(stream[position : position + size])
            position += size
            items += drain(framer)
    assert raw(items) == [FIRST, SECOND, THIRD, FIRST]


def test_keep_alives_are_told_apart() -> None:
    framer = StreamFramer()
    framer.feed(b"\r\n\r\n")
    assert framer.next() == KeepAlive(ping=True)
    framer.feed(b"\r\n")
    assert framer.next() == KeepAlive(ping=False)
    framer.feed(FIRST)
    assert raw(drain(framer)) == [FIRST]


def test_a_missing_content_length_is_an_error_with_a_reason() -> None:
    framer = StreamFramer()
    framer.feed(b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n")
    with pytest.raises(MissingContentLength, match="no Content-Length"):
        framer.next()


def test_messages_before_a_damaged_one_come_first_and_the_error_stays() -> None:
    framer = StreamFramer()
    framer.feed(FIRST + b"garbage without meaning\r\n\r\n" + SECOND)
    assert raw([framer.next() or KeepAlive(False)]) == [FIRST]
    for _ in range(2):
        with pytest.raises(ParseError):
            framer.next()
    framer.feed(SECOND)
    with pytest.raises(ParseError):
        framer.next()


@pytest.mark.parametrize("cut", [1, 20, len(FIRST) - 1, len(FIRST) + 1, len(FIRST) + len(SECOND) - 2])
def test_an_end_inside_a_message_is_noticed(cut: int) -> None:
    framer = StreamFramer()
    framer.feed((FIRST + SECOND)[:cut])
    drain(framer)
    with pytest.raises(IncompleteMessage):
        framer.close()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "TLS"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"\x00\x01\x02\x03\x04\x05\x06\x07", "binary"),
    ],
)
def test_what_is_not_sip_is_named_at_once(data: bytes, words: str) -> None:
    framer = StreamFramer()
    framer.feed(data)
    with pytest.raises(ParseError, match=words):
        framer.next()


@pytest.mark.parametrize("start", [b"SIP/2.0 200 O\0K", b"SIP/2.0 200 " + b"O" * 40 + b"\0", b"A sip:\0a SIP/2.0"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_zero_byte_in_a_start_line_is_refused_however_tcp_cuts_it(start: bytes, size: int) -> None:
    stream, framer = start + b"\r\nl: 0\r\n\r\n", StreamFramer()
    with pytest.raises(ParseError, match="binary"):
        for position in range(0, len(stream), size):
            framer.feed(stream[position : position + size])
            framer.next()


LIMITS = Limits(line=100, header_block=300, headers=5, body=10)


@pytest.mark.parametrize(
    ("chunk", "error"),
    [
        (b"x" * 10, LineTooLong),
        (b"X: " + b"a" * 40 + b"\r\n", HeaderBlockTooLarge),
    ],
)
def test_an_endless_header_is_given_up_early(chunk: bytes, error: type[SipError]) -> None:
    framer, fed = StreamFramer(LIMITS), 0
    framer.feed(b"SIP/2.0 200 OK\r\n")
    with pytest.raises(error):
        while True:
            framer.feed(chunk)
            fed += len(chunk)
            assert fed < 1_000
            framer.next()


def test_a_huge_body_is_refused_before_it_comes() -> None:
    framer = StreamFramer(LIMITS)
    framer.feed(b"SIP/2.0 200 OK\r\nContent-Length: 11\r\n\r\n")
    with pytest.raises(BodyTooLarge):
        framer.next()


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_any_bytes_give_messages_or_a_sip_error(chunks: list[bytes]) -> None:
    framer = StreamFramer(LIMITS)
    try:
        for chunk in chunks:
            framer.feed(chunk)
            drain(framer)
        framer.close()
    except SipError as error:
        assert str(error).isprintable()


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"SIP/2.0 200 \x00K\r\nl: 0\r\n\r\n", ParseError),
        (b"SIP/2.0 200 OK\r\nX: " + b"a" * 80 + b"\r\nl: 0\r\nY", LineTooLong),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_an_error_is_the_same_whatever_the_pieces(stream: bytes, error: type[SipError], size: int) -> None:
    framer = StreamFramer(Limits(line=60, header_block=1000, headers=10, body=10))

    def feed() -> None:
        for start in range(0, len(stream), size):
            framer.feed(stream[start : start + size])
            drain(framer)

    with pytest.raises(error):
        feed()
