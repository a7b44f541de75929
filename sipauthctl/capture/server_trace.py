"""Server traces as text: OCSLogger, the Centralized Logging Service, SIPStack; what Snooper reads.

A record of a message stands between `$$begin_record`, at the end of a line `TL_INFO(TF_PROTOCOL) [CPU or SERVER]
PROCESS.THREAD::DATE-TIME.NUMBER (SIPStack,...)`, and `$$end_record`: Direction, Peer, Message-Type, Start-Line, the
headers in an order of the logger's own, Message-Body. `TF_SECURITY` records say what the server found wrong with
credentials. The times have no zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from sipauthctl.capture.messages import assemble
from sipauthctl.capture.record import Address, InputKind, Notice, Record
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
_SECURITY = b"TF_SECURITY"
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
        if entry.component == _SECURITY or about.get(b"logtype", b"").strip().lower() == b"security":
            yield from self._security(entry, about)

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

    def _security(self, entry: _Entry, about: dict[bytes, bytes]) -> Iterator[Notice]:
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
        yield from self._local_time(entry.place)
        yield replace(self._notice("security-error", f"{text}.", entry.place, entry.time), call_id=known)

    def _time(self, text: bytes) -> datetime | None:
        match = _TIME.search(text[:400])
        if match is None:
            return None
        try:
            return self._utc(datetime.strptime(match[1].decode("ascii"), "%m/%d/%Y-%H:%M:%S.%f"))
        except ValueError:
            return None


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
