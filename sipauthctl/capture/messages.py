"""Puts messages together from the lines in which a log shows them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from sipauthctl.capture.record import Record
from sipauthctl.capture.source import Line
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.limits import DEFAULT_LIMITS
from sipauthctl.sip.message import Message, parse_head, parse_message

START_LINE = re.compile(
    rb"SIP/2\.0 +[1-6][0-9]{2}(?: [^\r\n]*)?|[A-Za-z0-9.!%*_+`'~-]{1,64} [A-Za-z][A-Za-z0-9+.-]*:[^\s<>]+ SIP/2\.0",
    re.IGNORECASE,
)
_HEADER = re.compile(rb"[A-Za-z0-9.!%*_+`'~-]+[ \t]*:")
_CONTENT_LENGTH = re.compile(rb"(?:Content-Length|l)[ \t]*:[ \t]*([0-9]{1,9})[ \t]*", re.IGNORECASE)
_HOLDS_MESSAGES = re.compile(rb"(?:Content-Type|c)[ \t]*:[ \t]*(?:message/|multipart/)", re.IGNORECASE)
_TOP_VIA = re.compile(rb"^(?:Via|v)[ \t]*:\s*SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([A-Za-z]+)", re.IGNORECASE | re.MULTILINE)
_TRANSPORTS = {b"tcp": "tcp", b"udp": "udp", b"tls": "tls"}
_CRLF = b"\r\n"
_MAX_HEAD = DEFAULT_LIMITS.header_block
_MAX_HEAD_LINES = DEFAULT_LIMITS.headers + 1


@dataclass(frozen=True, slots=True)
class Assembled:
    """A message as it was on the wire, with the number of its first line.

    `problem` is None for a whole message, else what is wrong with it, as the end of a sentence that begins with
    "The message". `without_body`: the log left the body out.
    """

    raw: bytes
    place: int
    problem: str | None
    without_body: bool = False


class Assembler:
    """Takes the lines of one or several messages, prefixes removed, and gives the messages.

    Lines end in CRLF on the wire, so they do here, whatever the log made of it; lines inside a body keep what makes
    the body as long as its Content-Length. A line of the head that is neither a header nor a folded line is the
    rest of a line that the log has wrapped: it is put back. What stands before the first start line is skipped.
    """

    def __init__(self) -> None:
        self._head: list[Line] = []
        self._body: list[Line] | None = None
        self._body_size = 0  # with CRLF
        self._length: int | None = None
        self._after_blank = False
        self._head_size = 0
        self._too_large = False
        self._holds_messages = False

    @property
    def begun(self) -> bool:
        """Whether a message has begun."""
        return bool(self._head)

    def add(self, line: Line) -> Assembled | None:
        """Takes the next line; gives the message that came before when this line begins another."""
        done = None
        if self._begins_message(line):
            done = self.end(cut=self._body is None)
            self._head = [line]
        elif self._head:
            self._add_to_message(line)
        self._after_blank = not line.data.strip()
        return done

    def end(self, *, cut: bool = False, size: int | None = None) -> Assembled | None:
        """The message that the lines so far make, None when there is none. The next line begins another.

        Args:
            cut: the log does not say that the message ends here.
            size: how many bytes the log says the message has.
        """
        if not self._head:
            return None
        done = self._put_together(cut, size)
        self.__init__()  # type: ignore[misc]
        return done

    def _begins_message(self, line: Line) -> bool:
        if line.data[:1] in b" \t\r" or not START_LINE.fullmatch(line.data):
            return False
        if self._body is None or self._length is None or self._body_size + 2 >= self._length:
            return True
        return self._after_blank and not self._holds_messages

    def _add_to_message(self, line: Line) -> None:
        if self._too_large:
            return
        if self._body is not None:
            # Twice the length leaves room for a body whose lines the log shows otherwise than they were.
            if self._body_size > (DEFAULT_LIMITS.body if self._length is None else 2 * self._length + 4096):
                return
            self._body.append(line)
            self._body_size += len(line.data) + 2
        elif not line.data:
            self._body = []
        else:
            self._head_size += len(line.data)
            if self._head_size > _MAX_HEAD or len(self._head) > 2 * _MAX_HEAD_LINES:
                self._too_large = True
                return
            self._head.append(line)
            length = _CONTENT_LENGTH.fullmatch(line.data)
            if length:
                self._length = min(int(length[1]), DEFAULT_LIMITS.body)
            elif _HOLDS_MESSAGES.match(line.data):
                self._holds_messages = True

    def _put_together(self, cut: bool, size: int | None) -> Assembled:
        head, wraps = _unwrapped(self._head)
        blank = b"" if self._body is None and cut else _CRLF
        raw = _CRLF.join(head(b"")) + _CRLF + blank
        body, problem = self._fitted_body()
        if wraps and size is not None and size - len(raw) - len(body) == wraps:
            raw = _CRLF.join(head(b" ")) + _CRLF + blank  # the log broke the lines at spaces and dropped those
        if self._too_large:
            problem = "has a head that is too large; the rest of it is not read"
        elif self._body is None and cut:
            problem = "is cut off in its head"
        elif cut and problem is None and self._length is None:
            problem = "is cut off"
        return Assembled(raw + body, self._head[0].number, problem, bool(self._length) and not body)

    def _fitted_body(self) -> tuple[bytes, str | None]:
        lines = self._body or []
        if self._length is None:
            return _trimmed(lines), None
        if self._length == 0:
            return b"", None
        ends: tuple[bytes | None, ...] = (None, _CRLF, b"\n")
        if self._head[0].end != _CRLF:
            ends = (_CRLF, None, b"\n")
        for end in ends:
            body = _body_of_length(lines, end, self._length)
            if body is not None:
                return body, None
        body = b"".join(line.data + (line.end if ends[0] is None else _CRLF) for line in lines)
        if len(body) >= self._length:
            return body[: self._length], None
        body = _trimmed(lines)
        if not body:
            return b"", None
        return body, f"has {len(body)} bytes of body where its Content-Length says {self._length}"


def assemble(lines: Iterable[Line], *, size: int | None = None, cut: bool = False) -> Iterator[Assembled]:
    """The messages in lines that are known to hold whole ones; for `size` and `cut` see `Assembler.end`."""
    assembler = Assembler()
    for line in lines:
        if done := assembler.add(line):
            yield done
            size = None
    if done := assembler.end(size=size, cut=cut):
        yield done


def transport_of(raw: bytes) -> str | None:
    """The transport in the topmost Via, which speaks of the connection that the message came over."""
    via = _TOP_VIA.search(raw)
    return _TRANSPORTS.get(via[1].lower()) if via else None


def message_of(record: Record) -> Message:
    """The message of a record; the body may be missing or cut, since logs leave bodies out.

    Raises:
        ParseError, LimitExceeded: it is not SIP, or too large.
    """
    try:
        return parse_message(record.raw)
    except SipError:
        head, blank, body = record.raw.partition(b"\r\n\r\n")
        if not blank:
            head = record.raw.rstrip(_CRLF)
        return replace(parse_head(head), body=body[: DEFAULT_LIMITS.body], raw=record.raw)


def _unwrapped(lines: list[Line]) -> tuple[Callable[[bytes], list[bytes]], int]:
    """The lines of a head, those that the log has wrapped joined by the given bytes; and how many wraps there are."""
    parts: list[list[bytes]] = [[lines[0].data]]
    for line in lines[1:]:
        if line.data[:1] in (b" ", b"\t") or _HEADER.match(line.data) or len(parts) == 1:
            parts.append([line.data])
        else:
            parts[-1].append(line.data)
    return (lambda glue: [glue.join(part) for part in parts]), len(lines) - len(parts)


def _body_of_length(lines: list[Line], end: bytes | None, length: int) -> bytes | None:
    """The lines joined with `end` (None: their own), if the length is reached where a line ends."""
    size = 0
    taken: list[bytes] = []
    for line in lines:
        taken.append(line.data)
        size += len(line.data)
        if size == length:
            return b"".join(taken)
        eol = line.end if end is None else end
        taken.append(eol)
        size += len(eol)
        if size == length:
            return b"".join(taken)
        if size > length:
            return None
    return None


def _trimmed(lines: list[Line]) -> bytes:
    last = len(lines)
    while last and not lines[last - 1].data.strip():
        last -= 1
    return b"".join(line.data + _CRLF for line in lines[:last])
