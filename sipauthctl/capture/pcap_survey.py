"""The first pass over a capture: reads pcap and pcapng as files of packets, and leaves out what cannot hold SIP.

tshark needs some ten microseconds for each packet, whatever it is, and most captures consist of other traffic.
"""

from __future__ import annotations

import struct
import tempfile
from array import array
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple

from sipauthctl.capture.pcap_packets import DROP, KEEP, LINKS, Sieve

_CHUNK = 4 << 20
_PCAP_ORDER = {  # microseconds and nanoseconds
    b"\xd4\xc3\xb2\xa1": "<",
    b"\x4d\x3c\xb2\xa1": "<",
    b"\xa1\xb2\xc3\xd4": ">",
    b"\xa1\xb2\x3c\x4d": ">",
}
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_PCAP_HEAD, _RECORD_HEAD = 24, 16
_LARGEST_PACKET = 262_144  # tshark calls anything larger damage
_LARGEST_BLOCK = 16 << 20  # so does it here
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET, _SECRETS = 0x0A0D0D0A, 1, 2, 3, 6, 10
_OTHER_BLOCKS = frozenset({4, 5})  # names, statistics
_PACKET_HEAD, _LEAST_BLOCK, _LEAST_SECTION = 28, 12, 28
_BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_NEW_SECTION = -3  # a fate: stays, and its length is no longer known
_NO_PACKET = 0
_ENTRY = struct.Struct("<QQIi")
_ENTRIES_IN_MEMORY = 4 << 20
_WORTH_IT = 0.7  # what at most may stay, of the bytes


class Piece(NamedTuple):
    """A part of the file that may stay: where, its number as a packet (from 1, 0 for none), what becomes of it."""

    offset: int
    length: int
    number: int
    fate: int


class UnknownKind(Exception):
    """The capture is of a kind that is not read here, or has something in it that is not known."""


class Survey:
    """One capture, looked at from beginning to end; close it afterwards.

    Args:
        path: a capture that is not compressed.
        ports: TCP and UDP ports of which everything stays.

    Raises:
        UnknownKind: nothing can be said of it.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path, ports: Collection[int] = ()) -> None:
        self._path = path
        self._pieces = tempfile.SpooledTemporaryFile(max_size=_ENTRIES_IN_MEMORY)  # noqa: SIM115 (closed in close)
        self.sieve = Sieve(ports)
        self.packets = 0
        """How many packets it has."""
        self.secrets = False
        """Whether TLS secrets are embedded in it."""
        try:
            with path.open("rb") as file:
                self._size = path.stat().st_size
                for piece in self._look(file):
                    self._pieces.write(_ENTRY.pack(*piece))
        except BaseException:
            self.close()
            raise
        self.sieve.settle()

    def __enter__(self) -> Survey:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of what it has noted."""
        self._pieces.close()

    def worth_it(self) -> bool:
        """Whether enough can be left out that a smaller capture is worth writing."""
        return sum(piece.length for piece in self._staying()) < _WORTH_IT * self._size

    def write(self, path: Path) -> array[int]:
        """Writes the capture with what stays. Gives the numbers that its packets have in the whole one."""
        numbers = array("I")
        with self._path.open("rb", buffering=_CHUNK) as whole, path.open("wb", buffering=_CHUNK) as part:
            for piece in self._staying():
                whole.seek(piece.offset)
                if piece.fate == _NEW_SECTION:
                    block = whole.read(piece.length)
                    part.write(block[:16] + b"\xff" * 8 + block[24:])
                elif piece.number == _NO_PACKET:
                    _copy(whole, part, piece.length)
                else:
                    part.write(whole.read(piece.length))
                    numbers.append(piece.number)
        return numbers

    def _staying(self) -> Iterator[Piece]:
        self._pieces.seek(0)
        while entries := self._pieces.read(_ENTRY.size * 4096):
            for entry in _ENTRY.iter_unpack(entries):
                piece = Piece(*entry)
                if piece.fate < 0 or self.sieve.keeps(piece.fate):
                    yield piece

    def _look(self, file: BinaryIO) -> Iterator[Piece]:
        head = file.read(_PCAP_HEAD)
        order = _PCAP_ORDER.get(head[:4])
        if order is not None and len(head) == _PCAP_HEAD:
            return self._look_at_pcap(file, head, order)
        if head.startswith(_PCAPNG):
            file.seek(0)
            return self._look_at_pcapng(file)
        raise UnknownKind

    def _rest(self, offset: int) -> Piece:
        """What cannot be read any further; tshark has to say what is wrong with it."""
        return Piece(offset, self._size - offset, _NO_PACKET, KEEP)

    def _look_at_pcap(self, file: BinaryIO, head: bytes, order: str) -> Iterator[Piece]:
        link = struct.unpack_from(order + "I", head, 20)[0] & 0xFFFF
        if link not in LINKS:
            raise UnknownKind
        yield Piece(0, _PCAP_HEAD, _NO_PACKET, KEEP)
        unpack, look = struct.Struct(order + "8xI").unpack_from, self.sieve.look
        base, position, data, number = _PCAP_HEAD, 0, b"", 0
        while chunk := file.read(_CHUNK):
            base, data, position = base + position, data[position:] + chunk, 0
            size = len(data)
            while position + _RECORD_HEAD <= size:
                start = position + _RECORD_HEAD
                length = unpack(data, position)[0]
                if length > _LARGEST_PACKET:
                    self.packets = number
                    yield self._rest(base + position)
                    return
                end = start + length
                if end > size:
                    break
                number += 1
                fate = look(link, data, start, end, number)
                if fate != DROP:
                    yield Piece(base + position, end - position, number, fate)
                position = end
        self.packets = number
        if position < len(data):
            yield self._rest(base + position)

    def _look_at_pcapng(self, file: BinaryIO) -> Iterator[Piece]:
        links: list[int] = []
        order = "<"
        base, position, data = 0, 0, b""
        while chunk := file.read(_CHUNK):
            base, data, position = base + position, data[position:] + chunk, 0
            size = len(data)
            while position + _LEAST_BLOCK <= size:
                if data.startswith(_PCAPNG, position):
                    order = _BYTE_ORDERS.get(data[position + 8 : position + 12], "")
                    links = []
                    if not order:
                        raise UnknownKind
                    unpack = struct.Struct(order + "III").unpack_from
                    captured_in = struct.Struct(order + "I").unpack_from
                kind, length, interface = unpack(data, position)
                if not _LEAST_BLOCK <= length <= _LARGEST_BLOCK or length % 4:
                    yield self._rest(base + position)
                    return
                end = position + length
                if end > size:
                    break
                fate, number = KEEP, _NO_PACKET
                if kind == _PACKET:
                    self.packets = number = self.packets + 1
                    start = position + _PACKET_HEAD
                    captured = captured_in(data, position + 20)[0]
                    if start + captured + 4 > end or interface >= len(links):
                        raise UnknownKind
                    if links[interface] in LINKS:
                        fate = self.sieve.look(links[interface], data, start, start + captured, number)
                elif kind in (_OLD_PACKET, _SIMPLE_PACKET):
                    self.packets = number = self.packets + 1
                elif kind == _SECTION:
                    if length < _LEAST_SECTION:
                        yield self._rest(base + position)
                        return
                    fate = _NEW_SECTION
                elif kind == _INTERFACE:
                    links.append(interface & 0xFFFF if order == "<" else interface >> 16)
                elif kind == _SECRETS:
                    self.secrets = True
                elif kind not in _OTHER_BLOCKS:
                    raise UnknownKind  # some others are packets to tshark
                if fate != DROP:
                    yield Piece(base + position, length, number, fate)
                position = end
        if position < len(data):
            yield self._rest(base + position)


def _copy(source: BinaryIO, target: BinaryIO, length: int) -> None:
    while length and (data := source.read(min(length, _CHUNK))):
        target.write(data)
        length -= len(data)
