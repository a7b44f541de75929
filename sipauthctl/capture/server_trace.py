"""Server traces as text: OCSLogger, the Centralized Logging Service, SIPStack; what Snooper reads.

A record of a message stands between `$$begin_record`, at the end of a line `TL_INFO(TF_PROTOCOL) [CPU or SERVER]
PROCESS.THREAD::DATE-TIME.NUMBER (SIPStack,...)`, and `$$end_record`: Direction, Peer, Message-Type, Start-Line, the
headers in an order of the logger's own, Message-Body. `TF_SECURITY` records say what the server found wrong with
credentials, `TF_DIAG` records why it could not pass a message on. The times have no zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from sipauthctl.capture.messages import assemble
from sipauthctl.capture.record import Address, InputKind, Notice, Record, RoutingError
from sipauthctl.capture.source import Line
from sipauthctl.capture.text_reader import LOCAL, TextReader, address, text_of
from sipauthctl.sip.limits import DEFAULT_LIMITS

PREFIX = re.compile(
    rb"TL_[A-Z]+ *\( *(TF_[A-Za-z_]+) *\) *\[([^\]]*)\] *([0-9A-Fa-f]+\.[0-9A-Fa-f]+)::(.*)", re.DOTALL
)
BEGIN = b"$$begin_record"
_END = b"$$end_record"
_TIME = re.compile(rb"(\d\d/\d\d/\d{4}-\d\d:\d\d:\d\d\.\d{1,6})")
_FUNCTION = re.compile(rb"\([^()]*(?:\([^()]*\)[^()]*)*\)(?: *\[[0-9]+\])? ?")
_FIELD = re.compile(rb"([A-Za-z-]+): ?(.*)", re.DOTALL)
_HOST_PORT = re.compile(rb"(.*?)(?::(\d+))?")
_RESULT_IN_TEXT = re.compile(r"\sResult-Code:")
_NO_BODY = re.compile(rb"(?:-+|\xe2\x80\x93|\x96|-*\**MESSAGE BODY DELETED\**-*)?")
_SECURITY = (b"TF_SECURITY", b"security")  # the component, and the LogType
_DIAGNOSTIC = (b"TF_DIAG", b"diagnostic")
_SERIOUS = (b"error", b"warning")  # the others tell of messages that went their way
_DATA = re.compile(rb'\s*([\w-]+) ?= ?"([^"]{0,260})"\s*(?:;|\Z)')
_MOST_DATA = 16
_PLACES = (b"expected-fqdn", b"tls-target", b"fqdn1")  # names of the next hop
_CERTIFICATE_NAME = b"certname"
_MAX_SIZE = DEFAULT_LIMITS.body + DEFAULT_LIMITS.header_block


@dataclass(slots=True)
class _Entry:
    """One entry of the trace: a record, or a line with an error report after it."""

    component: bytes
    server: bytes
    thread: bytes
    time: datetime | None
    place: int
    is_record: bool
    lines: list[Line] = field(default_factory=list)
    size: int = 0

    def add(self, line: Line) -> None:
        self.size += len(line.data) + 64  # an empty line takes memory too
        if self.size <= 2 * _MAX_SIZE:
            self.lines.append(line)


class ServerTraceReader(TextReader):
    """Reads a server trace."""

    kind = InputKind.SERVER_TRACE

    def _read(self, lines: Iterable[Line]) -> Iterator[Record | Notice]:
        entry: _Entry | None = None
        skipping = False  # the lines of an entry that came in between
        for line in lines:
            prefix = PREFIX.match(line.data)
            begins = BEGIN in line.data
            if prefix is None and not begins:
                if line.data.strip() == _END:
                    yield from self._report(entry, cut=False)
                    entry, skipping = None, False
                elif entry is not None and not skipping:
                    entry.add(line)
                continue
            if not begins and prefix and entry is not None and entry.is_record:
                # Long records take several entries of the trace; entries of other threads come in between.
                skipping = (prefix[1], prefix[3]) != (entry.component, entry.thread)
                if not skipping:
                    entry.add(line._replace(data=_after_function(prefix[4])))
                continue
            yield from self._report(entry, cut=True)
            entry, skipping = self._entry(line, prefix, begins), False
        yield from self._report(entry, cut=True)

    def _entry(self, line: Line, prefix: re.Match[bytes] | None, is_record: bool) -> _Entry:
        component, server, thread = (prefix[1], prefix[2], prefix[3]) if prefix else (b"", b"", b"")
        return _Entry(component, server, thread, self._time(line.data), line.number, is_record)

    def _report(self, entry: _Entry | None, *, cut: bool) -> Iterator[Record | Notice]:
        if entry is None:
            return
        about: dict[bytes, bytes] = {}  # what stands before the message
        for index, line in enumerate(entry.lines):
            match = _FIELD.fullmatch(line.data)
            if match is None:
                continue
            name = match[1].lower()
            about.setdefault(name, match[2])
            if name == b"start-line" and entry.is_record:
                yield from self._local_time(entry.place)
                yield from self._sip(entry, about, [line._replace(data=match[2]), *entry.lines[index + 1 :]], cut)
                return
        yield from self._errors(entry, about)

    def _sip(
        self, entry: _Entry, about: dict[bytes, bytes], lines: list[Line], cut: bool
    ) -> Iterator[Record | Notice]:
        peer = address(*_host_port(about[b"peer"])) if about.get(b"peer", b"").strip() else None
        local = _local(entry, about)
        incoming = about.get(b"direction", b"").strip().lower().startswith(b"in")
        source, destination = (peer, local) if incoming else (local, peer)
        found = False
        for message in assemble(_with_body(lines), cut=cut):
            found = True
            yield from self._message(message, entry.time, source, destination)
        if not found:
            yield self._notice("damaged-message", "A record has no SIP start line.", entry.place, entry.time)

    def _errors(self, entry: _Entry, about: dict[bytes, bytes]) -> Iterator[Notice]:
        text = text_of(about.get(b"text", b"")).strip()
        if not text:
            return
        result = text_of(about.get(b"result-code", b"")).strip()
        if joined := _RESULT_IN_TEXT.search(text):  # some tools put both on one line
            text, result = text[: joined.start()].rstrip(), text[joined.end() :].lstrip()
        if result:
            text = f"{text} (result {result})"
        call_id = about.get(b"sip-call-id", b"").strip()
        # surrogateescape: the same text as the Call-ID of a message has
        known = call_id.decode("utf-8", "surrogateescape") if call_id else None
        notice = replace(self._notice("security-error", f"{text}.", entry.place, entry.time), call_id=known)
        kinds = (entry.component, about.get(b"logtype", b"").strip().lower())
        if any(kind in _SECURITY for kind in kinds):
            yield from self._local_time(entry.place)
            yield notice
        elif any(kind in _DIAGNOSTIC for kind in kinds) and about.get(b"severity", b"").strip().lower() in _SERIOUS:
            yield from self._local_time(entry.place)
            yield _routing_error(notice, about)

    def _time(self, text: bytes) -> datetime | None:
        match = _TIME.search(text[:400])
        if match is None:
            return None
        try:
            return self._utc(datetime.strptime(match[1].decode("ascii"), "%m/%d/%Y-%H:%M:%S.%f"))
        except ValueError:
            return None


def _routing_error(notice: Notice, about: dict[bytes, bytes]) -> RoutingError:
    """The notice of an error record with what the record names: the next hop, and the host in its certificate."""
    named: dict[bytes, bytes] = {}
    data, end = about.get(b"data", b""), 0
    while len(named) < _MOST_DATA and (match := _DATA.match(data, end)):
        named[match[1].lower()], end = match[2].strip(), match.end()
    told = [f"{text_of(name)} {text_of(named[name])}" for name in (*_PLACES, _CERTIFICATE_NAME) if name in named]
    place = next((named[name] for name in _PLACES if name in named), None)
    method = about.get(b"sip-cseq", b"").rpartition(b" ")[2] or about.get(b"sip-start-line", b"").partition(b" ")[0]
    return RoutingError(
        "routing-error",
        "; ".join([notice.text.removesuffix("."), *told]) + ".",
        notice.input,
        notice.place,
        notice.time,
        notice.call_id,
        method=text_of(method).strip() or None,
        next_hop=address(*_host_port(place)).host if place else None,
        of_certificate=_CERTIFICATE_NAME in named,
    )


def _with_body(lines: list[Line]) -> Iterator[Line]:
    """The lines of a message, with an empty line where its body begins."""
    in_body = False
    for line in lines:
        if in_body or not line.data.startswith(b"Message-Body:"):
            yield line
            continue
        in_body = True
        yield line._replace(data=b"")
        body = line.data.removeprefix(b"Message-Body:").removeprefix(b" ")
        if not _NO_BODY.fullmatch(body.strip()):
            yield line._replace(data=body)


def _host_port(text: bytes) -> tuple[bytes, bytes | None]:
    match = _HOST_PORT.fullmatch(text.strip())
    return (match[1], match[2]) if match else (text, None)


def _local(entry: _Entry, about: dict[bytes, bytes]) -> Address:
    """The server: by its own address, else by its name, else `local`."""
    if about.get(b"local-ip", b"").strip():
        return address(*_host_port(about[b"local-ip"]))
    name = entry.server.rpartition(b"\\")[2].strip()
    return LOCAL if not name or name.isdigit() else address(name, None)


def _after_function(text: bytes) -> bytes:
    """What an entry says after its time and the name of the function that wrote it."""
    match = _FUNCTION.search(text[:400])
    return text[match.end() :] if match else text
