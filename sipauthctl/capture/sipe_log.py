"""Debug output of SIPE (Pidgin, Empathy, ...) with its unsafe debugging switched on.

A message stands between `MESSAGE START >>>>>>>>>> SIP(0x55b574acc310) - 2026-11-23T14:59:35.872936Z` and the same with
END; `>` was sent, `<` received. The number is the connection (absent in old versions). SIPE prints LF for CRLF and an
LF after the message. The times are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sipauthctl.capture.messages import Assembler
from sipauthctl.capture.record import Address, InputKind, Notice, Record
from sipauthctl.capture.source import Line
from sipauthctl.capture.text_reader import LOCAL, REMOTE, TextReader, text_of

START = re.compile(rb"(?:.{0,200}\s)?MESSAGE START ((?:(>{5,20})|<{5,20}) (\w+)(?:\(([^)\s]+)\))? - (\S+))\s*")
_OTHER = re.compile(rb"\(\d\d:\d\d:\d\d\) [\w.-]+: .*", re.DOTALL)  # how libpurple begins what is logged


class SipeLogReader(TextReader):
    """Reads SIPE's debug output. The server has no address in it: it is called by the number of its connection."""

    kind = InputKind.SIPE_LOG

    def _read(self, lines: Iterable[Line]) -> Iterator[Record | Notice]:
        start: re.Match[bytes] | None = None
        end = b""
        assembler = Assembler()
        for line in lines:
            begins = START.fullmatch(line.data) if b"MESSAGE START" in line.data else None
            if begins is None and (start is None or line.data.rstrip() != end):
                if start is not None and not _OTHER.fullmatch(line.data):
                    assembler.add(line)
                continue
            if start is not None:
                yield from self._finish(assembler, start, cut=begins is not None)
            # HTTP messages of web services are logged in the same way.
            start = begins if begins and begins[3] == b"SIP" else None
            if start is not None:
                end = b"MESSAGE END " + start[1]
        if start is not None:
            yield from self._finish(assembler, start, cut=True)

    def _finish(self, assembler: Assembler, start: re.Match[bytes], *, cut: bool) -> Iterator[Record | Notice]:
        message = assembler.end(cut=cut)
        if message is None:
            return
        server = Address(f"connection {text_of(start[4])}", None) if start[4] else REMOTE
        source, destination = (LOCAL, server) if start[2] else (server, LOCAL)
        yield from self._message(message, self._iso_time(start[5]), source, destination)
