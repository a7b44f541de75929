"""SIP messages: parsed from text, written to text, RFC 3261 7.

Bytes that are not UTF-8 are kept as surrogate escapes, so that every received value gives its exact bytes back;
signatures cover exact text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

from sipauthctl.sip.cseq import CSeq
from sipauthctl.sip.errors import (
    BodyTooLarge,
    HeaderBlockTooLarge,
    LineTooLong,
    ParseError,
    TooManyHeaders,
    excerpt,
)
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.limits import DEFAULT_LIMITS, Limits
from sipauthctl.sip.name_addr import NameAddr
from sipauthctl.sip.numbers import decimal
from sipauthctl.sip.recognise import describe, looks_like

VERSION = "SIP/2.0"
HEADER_END = re.compile(rb"\n\r?\n")
"""The end of the headers, but for a CR before it: a pattern with a fixed beginning is found much faster."""

_TOKEN = r"[A-Za-z0-9.!%*_+`'~-]+"
_METHOD = re.compile(_TOKEN)
_REQUEST_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>]+")
_STATUS_LINE = re.compile(r"SIP/2\.0 +([1-6][0-9]{2})(?: (.*))?", re.IGNORECASE | re.DOTALL)
_FIELD_NAME = re.compile(_TOKEN)
_FIELD_START = re.compile(rf"({_TOKEN})[ \t]*:")
_REMEMBERED = 8192  # bytes of a head whose lines are


@dataclass(frozen=True, slots=True)
class _Common:
    headers: Headers
    body: bytes = b""
    raw: bytes | None = field(default=None, repr=False, compare=False)

    @property
    def call_id(self) -> str:
        """The Call-ID.

        Raises:
            ParseError: it is missing.
        """
        return self._required("Call-ID")

    @property
    def cseq(self) -> CSeq:
        """The CSeq.

        Raises:
            ParseError: it is missing or malformed.
        """
        return CSeq.parse(self._required("CSeq"))

    @property
    def from_(self) -> NameAddr:
        """The From address.

        Raises:
            ParseError: it is missing or malformed.
        """
        return NameAddr.parse(self._required("From"))

    @property
    def to(self) -> NameAddr:
        """The To address.

        Raises:
            ParseError: it is missing or malformed.
        """
        return NameAddr.parse(self._required("To"))

    def _required(self, name: str) -> str:
        value = self.headers.get(name)
        if value is None:
            raise ParseError(f"the message has no {name}")
        return value

    def _text(self, start_line: str) -> bytes:
        if self.raw is not None:
            return self.raw
        headers = self.headers.replace("Content-Length", str(len(self.body)))
        lines = [start_line, *(f"{line.name}: {line.value}" for line in headers), "", ""]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(_Common):
    """A request. `raw` is what was received, None for one made here."""

    method: str
    uri: str

    def to_bytes(self) -> bytes:
        """What was received, byte for byte; else the text with a correct Content-Length."""
        return self._text(f"{self.method} {self.uri} {VERSION}")

    def with_headers(self, headers: Headers) -> Request:
        """The same request with other headers; no longer what was received."""
        return replace(self, headers=headers, raw=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(_Common):
    """A response; otherwise as `Request`."""

    status: int
    reason: str

    @property
    def success(self) -> bool:
        """Whether the request was accepted: a client treats an unknown 2xx as 200 (RFC 3261 8.1.3.2)."""
        return 200 <= self.status < 300

    def to_bytes(self) -> bytes:
        """What was received, byte for byte; else the text with a correct Content-Length."""
        return self._text(f"{VERSION} {self.status} {self.reason}")

    def with_headers(self, headers: Headers) -> Response:
        """The same response with other headers; no longer what was received."""
        return replace(self, headers=headers, raw=None)


Message = Request | Response


def parse_message(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Message:
    """Reads exactly one message: a datagram, or one that a framer or a log has cut out. Lines may end in LF alone.

    A body shorter than Content-Length is an error; bytes beyond it are dropped from the body (RFC 3261 18.3) but
    stay in `raw`.

    Raises:
        ParseError: it is not a SIP message.
        LimitExceeded: it is larger than `limits` allow.
    """
    end = HEADER_END.search(data, 0, limits.header_block + 4)
    block = data[: end.start()].removesuffix(b"\r") if end else data.rstrip(b"\r\n")
    if len(block) > limits.header_block:
        raise HeaderBlockTooLarge(f"the header block exceeds {limits.header_block} bytes")
    body = data[end.end() :] if end else b""
    if len(body) > limits.body:
        raise BodyTooLarge(f"the body exceeds {limits.body} bytes")
    message = parse_head(block, limits)
    length = content_length(message.headers)
    if length is not None:
        if length > len(body):
            raise ParseError(f"Content-Length is {length}, but only {len(body)} bytes of body follow")
        body = body[:length]
    return replace(message, body=body, raw=data)


def parse_head(block: bytes, limits: Limits = DEFAULT_LIMITS) -> Message:
    """Reads the start line and headers, without the empty line that ends them. The result has no body and no `raw`.

    Raises:
        ParseError: it is not the head of a SIP message.
        LimitExceeded: it is larger than `limits` allow.
    """
    kind = looks_like(block)
    if kind is not None:
        raise ParseError(f"not SIP: {describe(kind)}")
    plain = _parse_plain(block, limits)
    if plain is not None:
        return _message(*plain)
    raw_lines = [line.removesuffix(b"\r") for line in block.split(b"\n")]
    if len(raw_lines) > limits.headers + 1:
        raise TooManyHeaders(f"more than {limits.headers} header lines")
    if max(map(len, raw_lines)) > limits.line:
        raise LineTooLong(f"a line exceeds {limits.line} bytes")
    lines = [line.decode("utf-8", "surrogateescape") for line in raw_lines]
    return _message(lines[0], Headers(_fields(lines[1:])))


def _parse_plain(block: bytes, limits: Limits) -> tuple[str, Headers] | None:
    """The usual case in one pass: lines that end in CRLF, none folded. None for anything else, right or wrong."""
    count = block.count(b"\n")
    only_crlf = block.count(b"\r\n") == count == block.count(b"\r")
    if not only_crlf or len(block) > limits.line or count > limits.headers:
        return None
    start, *lines = block.decode("utf-8", "surrogateescape").split("\r\n")
    fields = [field for field in map(_known_field if len(block) <= _REMEMBERED else _plain_field, lines) if field]
    return (start, Headers(fields)) if len(fields) == len(lines) else None


def _plain_field(line: str) -> tuple[str, str] | None:
    match = _FIELD_START.match(line)
    return None if match is None else (match[1], line[match.end() :].strip(" \t"))


_known_field = lru_cache(maxsize=1024)(_plain_field)  # most lines stand in every message of a dialog


def _message(start: str, headers: Headers) -> Message:
    if "\0" in start:
        raise ParseError(f"not SIP: binary data {excerpt(start)}")
    if start[:4].upper() == "SIP/":
        match = _STATUS_LINE.fullmatch(start)
        if match is None:
            raise ParseError(f"not a SIP status line: {excerpt(start)}")
        return Response(headers=headers, status=int(match[1]), reason=match[2] or "")
    return _request(start, headers)


def content_length(headers: Headers) -> int | None:
    """The Content-Length, None when absent.

    Raises:
        ParseError: it is not a number, or several differ.
    """
    values = set(headers.get_all("Content-Length"))
    if not values:
        return None
    if len(values) > 1:
        raise ParseError("several Content-Length headers differ")
    value = values.pop()
    length = decimal(value, 10**12 - 1)
    if length is None:
        raise ParseError(f"Content-Length is not a number: {excerpt(value)}")
    return length


def _request(start: str, headers: Headers) -> Request:
    parts = start.split(" ")
    if len(parts) != 3 or not _METHOD.fullmatch(parts[0]) or not _REQUEST_URI.fullmatch(parts[1]):
        raise ParseError(f"not a SIP start line: {excerpt(start)}")
    if parts[2].upper() != VERSION:
        raise ParseError(f"not SIP version 2.0: {excerpt(parts[2])}")
    return Request(headers=headers, method=parts[0], uri=parts[1])


def _fields(lines: list[str]) -> list[tuple[str, str]]:
    fields: list[tuple[str, str]] = []
    folded: list[str] = []
    for line in lines:
        if line[:1] in (" ", "\t"):
            if not fields:
                raise ParseError("a folded line before the first header")
            folded = folded or [fields[-1][1]]
            folded.append(line.strip(" \t"))
            continue
        if folded:
            fields[-1] = (fields[-1][0], " ".join(part for part in folded if part))
            folded = []
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if not colon or not _FIELD_NAME.fullmatch(name):
            raise ParseError(f"not a header line: {excerpt(line)}")
        fields.append((name, value.strip(" \t")))
    if folded:
        fields[-1] = (fields[-1][0], " ".join(part for part in folded if part))
    return fields
