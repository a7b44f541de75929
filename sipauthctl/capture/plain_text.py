"""SIP messages as plain text, one after the other with an empty line between; and the traces that this tool writes.

A trace has a line before each message: `>>>` for a request, `<<<` for a response, the time in UTC, the server's
address, the transport. Text that is no message is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sipauthctl.capture.messages import Assembled, Assembler
from sipauthctl.capture.record import InputKind, Notice, ReadError, Record
from sipauthctl.capture.source import Line
from sipauthctl.capture.text_reader import LOCAL, TextReader, address

HEADING = re.compile(rb"(>>>|<<<) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.]*Z) (\S+):(\d{1,5}) (tcp|udp|tls)")


class PlainTextReader(TextReader):
    """Reads plain SIP text."""

    kind = InputKind.TEXT

    def _read(self, lines: Iterable[Line]) -> Iterator[Record | Notice]:
        assembler = Assembler()
        heading: re.Match[bytes] | None = None  # of the message that is being read
        announced: re.Match[bytes] | None = None  # of the message that comes
        for line in lines:
            found = HEADING.fullmatch(line.data)
            done = assembler.end(cut=not assembler.has_whole_head) if found else assembler.add(line)
            if done:
                yield from self._of(done, heading)
            if found:
                announced = found
            elif assembler.begun and (done or announced):
                heading, announced = announced, None
        if done := assembler.end(cut=not assembler.has_whole_head):
            yield from self._of(done, heading)

    def _without_messages(self) -> Iterator[Notice]:
        raise ReadError(f"{self._input.path} has no SIP messages.")

    def _of(self, message: Assembled, heading: re.Match[bytes] | None) -> Iterator[Record | Notice]:
        if heading is None:
            yield from self._message(message, None, None, None)
            return
        server = address(heading[3], heading[4])
        source, destination = (LOCAL, server) if heading[1] == b">>>" else (server, LOCAL)
        for found in self._message(message, self._iso_time(heading[2]), source, destination):
            # Over what the message went is known better from here than from a Via.
            yield replace(found, transport=heading[5].decode("ascii")) if isinstance(found, Record) else found
