"""Puts messages together from the lines in which a log shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sipauthctl.capture.source import Line
from sipauthctl.sip.headers import long_name
from sipauthctl.sip.limits import DEFAULT_LIMITS

START_LINE = re.compile(
    rb"SIP/2\.0 +[1-6][0-9]{2}(?: [^\r\n]*)?|[A-Za-z0-9.!%*_+`'~-]{1,64} [A-Za-z][A-Za-z0-9+.-]*:[^\s<>]+ SIP/2\.0",
    re.IGNORECASE,
)
_HEADER = re.compile(rb"[A-Za-z0-9.!%*_+`'~-]+[ \t]*:")
_CONTENT_LENGTH = re.compile(rb"(?:Content-Length|l)[ \t]*:[ \t]*([0-9]{1,9})[ \t]*", re.IGNORECASE)
_HOLDS_MESSAGES = re.compile(rb"(?:Content-Type|c)[ \t]*:[ \t]*(?:message/|multipart/)", re.IGNORECASE)
_TOP_VIA = re.compile(
    rb"^(?:Via|v)[ \t]*:\s*SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([A-Za-z]+)", re.IGNORECASE | re.MULTILINE
)
_TRANSPORTS = {b"tcp": "tcp", b"udp": "udp", b"tls": "tls"}
_NEEDED = frozenset({"via", "from", "to", "call-id", "cseq", "content-length"})  # RFC 3261 8.1.1 and 20.14
_CRLF = b"\r\n"
_LINE_END = re.compile(rb"\r?\n")


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

    Lines end in CRLF on the wire, so they do here, whatever the log made of it; lines inside a body end as they must
    for the body to be as long as its Content-Length. A line of the head that is neither a header nor a folded line
    is the rest of a line that the log has wrapped: it is put back. What stands before the first start line is
    skipped.
    """

    def __init__(self) -> None:
        self._draft: _Draft | None = None
        self._after_blank = False

    @property
    def begun(self) -> bool:
        """Whether a message has begun."""
        return self._draft is not None

    @property
    def has_whole_head(self) -> bool:
        """Whether all headers of a message have come, as far as that shows."""
        return self._draft is not None and self._draft.has_whole_head

    def add(self, line: Line) -> Assembled | None:
        """Takes the next line; gives the message that came before when this line begins another."""
        done = None
        draft = self._draft
        if is_start_line(line.data) and (draft is None or draft.may_be_over(self._after_blank)):
            done = self.end(cut=draft is not None and not draft.has_whole_head)
            self._draft = _Draft(line)
        elif draft is not None:
            draft.add(line)
        self._after_blank = not line.data.strip()
        return done

    def end(self, *, cut: bool = False, size: int | None = None) -> Assembled | None:
        """The message that the lines so far make, None when there is none. The next line begins another.

        Args:
            cut: the message goes on beyond what the log has of it.
            size: how many bytes the log says the message has.
        """
        draft, self._draft = self._draft, None
        return draft.put_together(cut, size) if draft else None


class _Draft:
    """A message of which some lines are there."""

    def __init__(self, start: Line) -> None:
        self._head = [start]
        self._head_size = 0
        self._body: bytearray | None = None  # with the line ends of the log
        self._length: int | None = None
        self._holds_messages = False
        self._too_large = False

    @property
    def has_whole_head(self) -> bool:
        """Whether the empty line after the headers has come, or every header that a message on a stream has, and the
        last line is not broken off in a quoted text. Who copies a message by hand leaves the empty line out."""
        if self._body is not None:
            return True
        names = {_name(line.data) for line in self._head[1:]}
        return names >= _NEEDED and self._head[-1].data.count(b'"') % 2 == 0

    def may_be_over(self, after_blank: bool) -> bool:
        """Whether a start line that comes now can be the next message's."""
        if self._body is None or self._length is None or len(self._body) + 2 >= self._length:
            return True
        return after_blank and not self._holds_messages

    def add(self, line: Line) -> None:
        self._too_large |= line.cut
        if self._body is not None:
            # The log may show two bytes for each LF of the body.
            limit = DEFAULT_LIMITS.body if self._length is None else 2 * self._length + 2
            if len(self._body) <= limit:
                self._body += line.data + (line.end or b"\n")
        elif not line.data:
            self._body = bytearray()
        elif not self._too_large:
            self._add_to_head(line)

    def _add_to_head(self, line: Line) -> None:
        self._head_size += len(line.data)
        if self._head_size > DEFAULT_LIMITS.header_block or len(self._head) > 2 * DEFAULT_LIMITS.headers:
            self._too_large = True
            return
        self._head.append(line)
        length = _CONTENT_LENGTH.fullmatch(line.data)
        if length:
            self._length = min(int(length[1]), DEFAULT_LIMITS.body)
        elif _HOLDS_MESSAGES.match(line.data):
            self._holds_messages = True

    def put_together(self, cut: bool, size: int | None) -> Assembled:
        parts = _unwrapped([line.data for line in self._head])
        tail = _CRLF + (b"" if self._body is None and cut else _CRLF)
        head = _CRLF.join(b"".join(part) for part in parts) + tail
        body, problem = self._fitted_body(None if size is None else size - len(head))
        wraps = len(self._head) - len(parts)
        if wraps and size is not None and size - len(head) - len(body) == wraps:
            # The log broke the lines at spaces and dropped those.
            head = _CRLF.join(b" ".join(part) for part in parts) + tail
        if self._too_large:
            problem = "is too large, so that not all of it is read"
        elif self._body is None and cut:
            problem = "is cut off in its head"
        elif cut and self._length is None:
            problem = "is cut off"
        return Assembled(head + body, self._head[0].number, problem, without_body=bool(self._length) and not body)

    def _fitted_body(self, room: int | None) -> tuple[bytes, str | None]:
        """The body, and what is wrong with it. `room` is what the log says of its length."""
        own = bytes(self._body or b"")
        length = room if self._length is None else self._length
        if length is None or length < 0:
            return own.rstrip(_CRLF), None
        with_crlf = _LINE_END.sub(_CRLF, own)
        kept_ends = self._head[0].end == _CRLF
        order = (own, with_crlf) if kept_ends else (with_crlf, own)
        candidates = (*order, own.replace(_CRLF, b"\n"))
        for fits in (_is_as_long, _ends_a_line):
            for text in candidates:
                if fits(text, length):
                    return text[:length], None
        if len(order[0]) >= length:
            return order[0][:length], None
        body = order[0].rstrip(_CRLF)
        if not body or self._length is None:
            return body, None
        return body, f"has {len(body)} bytes of body where its Content-Length says {length}"


def is_start_line(data: bytes) -> bool:
    """Whether a line can begin a SIP message."""
    return len(data) <= DEFAULT_LIMITS.line and START_LINE.fullmatch(data) is not None


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


def _unwrapped(lines: list[bytes]) -> list[list[bytes]]:
    """The lines of a head, each with the pieces into which the log has wrapped it."""
    parts = [lines[:1]]
    for line in lines[1:]:
        if len(parts) == 1 or line[:1] in (b" ", b"\t") or _HEADER.match(line):
            parts.append([line])
        else:
            parts[-1].append(line)
    return parts


def _name(line: bytes) -> str:
    """The long name of the header that begins in a line, empty where none does."""
    return long_name(line.partition(b":")[0].strip().decode("ascii")) if _HEADER.match(line) else ""


def _is_as_long(text: bytes, length: int) -> bool:
    """Whether `text` has `length` bytes, or one line end more, which is the log's."""
    return len(text) >= length and text[length:] in (b"", _CRLF, b"\n")


def _ends_a_line(text: bytes, length: int) -> bool:
    """Whether a line of `text` ends after `length` bytes, its line end counted or not."""
    if len(text) < length or text[length - 1 : length + 1] == _CRLF:
        return False
    return text[length : length + 1] in (b"", b"\r", b"\n") or text[length - 1 : length] == b"\n"
