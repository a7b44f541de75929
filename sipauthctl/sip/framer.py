"""Cuts a byte stream into SIP messages, RFC 3261 18.3, and keep-alives, RFC 5626 4.4.1."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from sipauthctl.sip.errors import (
    BodyTooLarge,
    HeaderBlockTooLarge,
    IncompleteMessage,
    LineTooLong,
    MissingContentLength,
    ParseError,
    SipError,
    excerpt,
)
from sipauthctl.sip.limits import DEFAULT_LIMITS, Limits
from sipauthctl.sip.message import HEADER_END, Message, content_length, parse_head
from sipauthctl.sip.recognise import describe, looks_like

_PARTIAL_END = len(b"\r\n\r")  # the most of a header end that may stand in the buffer unrecognised
_TOLD_BY = 3  # bytes by which `looks_like` recognises what is binary
_KEEP_ALIVE = re.compile(rb"[\r\n]+")


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Line ends between messages; `ping` where they were a double CRLF, which wants a single one as its answer."""

    ping: bool


class StreamFramer:
    """Takes bytes as they come and gives whole messages.

    An error is final, since the place of the next message is not known: it is raised again at each call.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._scanned = 0  # no header end begins before this offset
        self._line_start = 0  # of the line that reaches to the end of the buffer
        self._head: tuple[Message, int, int] | None = None  # message without body, body offset, body length
        self._error: SipError | None = None

    @property
    def buffered(self) -> int:
        """The bytes that are held of messages that `next` has not given yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Takes received bytes. After an error they are dropped."""
        if self._error is None:
            self._buffer += data

    def next(self) -> Message | KeepAlive | None:
        """The next message or keep-alive; None when more bytes are needed.

        Raises:
            ParseError, LimitExceeded, MissingContentLength: the stream cannot be followed any further.
        """
        if self._error is not None:
            raise self._error
        try:
            return self._next()
        except SipError as error:
            self._error = error
            self._buffer.clear()
            raise

    def close(self) -> None:
        """The stream ended.

        Raises:
            IncompleteMessage: it ended inside a message.
        """
        if self._buffer.strip(b"\r\n"):
            raise IncompleteMessage(f"the connection ended inside a message: {excerpt(bytes(self._buffer[:200]))}")

    def _next(self) -> Message | KeepAlive | None:
        if self._head is None:
            blank = _KEEP_ALIVE.match(self._buffer)
            if blank:
                return self._keep_alive(blank.end())
            self._head = self._read_head()
        if self._head is None:
            return None
        message, offset, length = self._head
        if len(self._buffer) < offset + length:
            return None
        raw = bytes(self._buffer[: offset + length])
        self._drop(offset + length)
        return replace(message, body=raw[offset:], raw=raw)

    def _keep_alive(self, length: int) -> KeepAlive:
        ping = bytes(self._buffer[:length]).count(b"\n") >= 2
        self._drop(length)
        return KeepAlive(ping)

    def _drop(self, length: int) -> None:
        del self._buffer[:length]
        self._head, self._scanned, self._line_start = None, 0, 0

    def _read_head(self) -> tuple[Message, int, int] | None:
        limits = self._limits
        kind = looks_like(bytes(self._buffer[:16]))
        if kind is not None:
            raise ParseError(f"not SIP: {describe(kind)}")
        if len(self._buffer) > _TOLD_BY and b"\x00" in self._buffer[:16]:  # whatever else of it has come
            raise ParseError(f"not SIP: binary data {excerpt(bytes(self._buffer[:16]))}")
        end = HEADER_END.search(self._buffer, self._scanned)
        if end is None:
            self._check_unfinished()
            return None
        block = bytes(self._buffer[: end.start()]).removesuffix(b"\r")
        if len(block) > limits.header_block:
            raise HeaderBlockTooLarge(f"the header block exceeds {limits.header_block} bytes")
        message = parse_head(block, limits)
        length = content_length(message.headers)
        if length is None:
            raise MissingContentLength("a message on a stream has no Content-Length, so its end cannot be known")
        if length > limits.body:
            raise BodyTooLarge(f"Content-Length announces {length} bytes, more than {limits.body}")
        return message, end.end(), length

    def _check_unfinished(self) -> None:
        size = len(self._buffer)
        while (end := self._buffer.find(b"\n", max(self._line_start, self._scanned))) >= 0:
            self._check_line(end)
            self._line_start = end + 1
        self._check_line(size)
        if size > self._limits.header_block + _PARTIAL_END:
            raise HeaderBlockTooLarge(f"the header block exceeds {self._limits.header_block} bytes")
        self._scanned = max(0, size - _PARTIAL_END)

    def _check_line(self, end: int) -> None:
        if end - self._line_start - self._buffer.endswith(b"\r", self._line_start, end) > self._limits.line:
            raise LineTooLong(f"a line exceeds {self._limits.line} bytes")
