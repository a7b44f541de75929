"""Client logs: the *.uccapilog files of Communicator, Lync and Skype for Business.

A packet is a line `Sending Packet - HOST:PORT (From Local Address: HOST:PORT) N bytes:` (or `Data Received - ...
(To Local Address: ...)`), the message, and a line that begins `End of`. Log lines begin with date, time, process and
thread, level; the lines of a message do so in some versions, in others only its first line does. Packets of several
threads can be interleaved. The times are local times without a zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from sipauthctl.capture.messages import Assembled, Assembler
from sipauthctl.capture.record import InputKind, Notice, Record
from sipauthctl.capture.source import Line
from sipauthctl.capture.text_reader import LOCAL, TextReader, address

PREFIX = re.compile(
    rb"(\d{1,2}/\d{1,2}/\d{4})\|(\d\d:\d\d:\d\d\.\d{1,6}) +([0-9A-Fa-f]+:[0-9A-Fa-f]+) +[A-Z]+ *::(?: (.*))?",
    re.DOTALL,
)
_BEGIN = re.compile(
    rb"(Sending Packet|Data Received) *- *(\S+):(\d+)"
    rb"(?: +\((?:From|To) Local Address: *(\S+):(\d+)\))?(?: +(\d{1,9}) bytes)?:? *"
)
_END = re.compile(rb"End of (?:Sending Packet|Data Received)\b")
_MAX_OPEN = 16  # packets at a time, each of them bounded


class _Packet:
    def __init__(self, begin: re.Match[bytes], time: datetime | None, place: int) -> None:
        remote = address(begin[2], begin[3])
        local = address(begin[4], begin[5]) if begin[4] else LOCAL
        sent = begin[1].startswith(b"Sending")
        self.source, self.destination = (local, remote) if sent else (remote, local)
        self.size = int(begin[6]) if begin[6] else None
        self.time = time
        self.place = place
        self.assembler = Assembler()
        self.messages = 0
        self.has_text = False


class UccapilogReader(TextReader):
    """Reads a client log."""

    kind = InputKind.CLIENT_LOG

    def _read(self, lines: Iterable[Line]) -> Iterator[Record | Notice]:
        packets: dict[bytes, _Packet] = {}  # by process and thread
        thread = b""  # whose entry the lines without a prefix belong to
        for line in lines:
            prefix = PREFIX.fullmatch(line.data)
            if prefix is None:
                if thread in packets:
                    yield from self._add(packets[thread], line)
                continue
            thread = prefix[3]
            text = prefix[4] or b""
            begin = _BEGIN.fullmatch(text)
            if begin:
                if thread in packets:
                    yield from self._end(packets.pop(thread), cut=True)
                elif len(packets) >= _MAX_OPEN:
                    yield from self._end(packets.pop(next(iter(packets))), cut=True)
                yield from self._local_time(line.number)
                packets[thread] = _Packet(begin, self._time(prefix), line.number)
            elif thread not in packets:
                continue
            elif _END.match(text):
                yield from self._end(packets.pop(thread), cut=False)
            else:
                yield from self._add(packets[thread], line._replace(data=text))
        for packet in packets.values():
            yield from self._end(packet, cut=True)

    def _add(self, packet: _Packet, line: Line) -> Iterator[Record | Notice]:
        packet.has_text = packet.has_text or bool(line.data.strip())
        done = packet.assembler.add(line)
        if done:
            yield from self._of(packet, done)

    def _end(self, packet: _Packet, *, cut: bool) -> Iterator[Record | Notice]:
        size = None if packet.messages else packet.size
        done = packet.assembler.end(cut=cut, size=size)
        if done:
            yield from self._of(packet, done)
            changed = size is not None and len(done.raw) != size
            if changed and not (done.problem or done.without_body):
                text = (
                    "A message does not have as many bytes as the log says: lines are missing, or somebody changed "
                    "the log. That alone can make signatures wrong."
                )
                yield from self._once("damaged-message", text, done.place)
        elif packet.has_text and not packet.messages:
            yield self._notice("damaged-message", "A packet is not a SIP message.", packet.place, packet.time)

    def _of(self, packet: _Packet, message: Assembled) -> Iterator[Record | Notice]:
        packet.messages += 1
        yield from self._message(message, packet.time, packet.source, packet.destination)

    def _time(self, prefix: re.Match[bytes]) -> datetime | None:
        text = f"{prefix[1].decode('ascii')} {prefix[2].decode('ascii')}"
        try:
            return self._utc(datetime.strptime(text, "%m/%d/%Y %H:%M:%S.%f"))
        except ValueError:
            return None
