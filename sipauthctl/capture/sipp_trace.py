"""Message traces of SIPp (`-trace_msg`).

Each message comes after a line of dashes with the time, `UDP message sent (442 bytes):` or `UDP message received [442]
bytes :`, and an empty line; its bytes are as they were on the wire, with an LF after them. Times are local times of
the machine that ran SIPp, without a zone except in newer versions that write RFC 3339.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from sipauthctl.capture.messages import Assembler
from sipauthctl.capture.record import InputKind, Notice, Record
from sipauthctl.capture.source import Line
from sipauthctl.capture.text_reader import LOCAL, REMOTE, TextReader

SEPARATOR = re.compile(
    rb"-{10,80} *(\d{4}-\d\d-\d\d)[ \tT]+(\d\d:\d\d:\d\d)(?:[.:](\d{1,6}))?\d*((?:Z|[+-]\d\d:?\d\d)?)(?:\s.*)?"
)
HEADING = re.compile(
    rb"(UDP|TCP|TLS|SCTP|WS|WSS) (?:control )?message (sent|received) [(\[](\d{1,9})(?:\] bytes| bytes[)\]]) ?: *"
)


class SippTraceReader(TextReader):
    """Reads a message trace of SIPp, which is called `local`; the trace has no addresses."""

    kind = InputKind.SIPP_TRACE

    def _read(self, lines: Iterable[Line]) -> Iterator[Record | Notice]:
        time: datetime | None = None
        heading: re.Match[bytes] | None = None
        assembler = Assembler()
        for line in lines:
            separator = SEPARATOR.fullmatch(line.data)
            begins = HEADING.fullmatch(line.data)
            if separator is None and begins is None:
                if heading is not None:
                    assembler.add(line)
                continue
            yield from self._finish(assembler, heading, time)
            heading = begins
            if separator:
                time = self._time(separator)
                if not separator[4]:
                    yield from self._local_time(line.number)
        yield from self._finish(assembler, heading, time, at_end=True)

    def _finish(
        self, assembler: Assembler, heading: re.Match[bytes] | None, time: datetime | None, *, at_end: bool = False
    ) -> Iterator[Record | Notice]:
        if heading is None:
            return
        size = int(heading[3])
        message = assembler.end(cut=not assembler.has_whole_head, size=size)
        if message is None:
            return
        if at_end and message.problem is None and len(message.raw) < size:
            message = replace(message, problem="is cut off")
        source, destination = (LOCAL, REMOTE) if heading[2] == b"sent" else (REMOTE, LOCAL)
        yield from self._message(message, time, source, destination)

    def _time(self, separator: re.Match[bytes]) -> datetime | None:
        day, clock, fraction, zone = (part.decode("ascii") for part in separator.groups(b""))
        try:
            return self._utc(datetime.fromisoformat(f"{day}T{clock}.{fraction.ljust(6, '0')}{zone}"))
        except ValueError:
            return None
