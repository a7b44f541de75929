"""Reads what tshark exports: the payload of each layer as it was handed to a dissector, with its addresses.

tshark writes them as packets of a pcapng file; each begins with a list of tags (Wireshark's epan/exported_pdu.h). Only
the blocks and tags that this tshark writes here are looked at.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

from sipauthctl.capture.pcap_tshark import TsharkProblem
from sipauthctl.capture.record import Address

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_RESOLUTION = 9  # option of an interface
_NAME, _HEURISTIC_NAME = 12, 13
_HOSTS = {20: 0, 22: 0, 21: 1, 23: 1}
_PORT_TYPE, _SOURCE_PORT, _DESTINATION_PORT, _FRAME = 24, 25, 26, 30
_UDP = 3
_BLOCK = {order: struct.Struct(order + "II") for order in "<>"}
_PACKET_HEAD = {order: struct.Struct(order + "4xIII") for order in "<>"}  # of what follows the block's length
_TAG = struct.Struct(">HH")
_KNOWN_FLOWS = 4096


class Flow(NamedTuple):
    """One direction of a connection. `protocol` is tcp or udp."""

    source: Address | None
    destination: Address | None
    protocol: str


class Pdu(NamedTuple):
    """What one dissector was given: `name` is the dissector's, `frame` counts from 1, `time` is in microseconds."""

    name: str
    flow: Flow
    frame: int
    time: int
    data: bytes


def pdus(pieces: Iterable[bytes]) -> Iterator[Pdu]:
    """The exported payloads in a pcapng stream that tshark wrote.

    Raises:
        TsharkProblem: the stream ends in the middle of a block, whatever tshark's exit status is.
    """
    reader = _Reader()
    rest = b""
    for piece in pieces:
        data = rest + piece if rest else piece
        position = yield from reader.read(data)
        rest = data[position:]
    if rest:
        raise TsharkProblem("its output ends in the middle of a packet")


class _Reader:
    def __init__(self) -> None:
        self._order = "<"
        self._units = 1_000_000  # a second
        self._tags: dict[bytes, tuple[str, Flow]] = {}
        self._length = 0  # of the tags of the payload before

    def read(self, data: bytes) -> Generator[Pdu, None, int]:
        """The payloads in the whole blocks of `data`; returns where the first block that is not whole begins."""
        position, size = 0, len(data)
        block, head = _BLOCK[self._order], _PACKET_HEAD[self._order]
        while position + 12 <= size:
            kind, length = block.unpack_from(data, position)
            if kind == _SECTION:
                self._order = "<" if data[position + 8 : position + 12] == b"\x4d\x3c\x2b\x1a" else ">"
                block, head = _BLOCK[self._order], _PACKET_HEAD[self._order]
                kind, length = block.unpack_from(data, position)
            if length < 12 or position + length > size:
                break
            if kind == _PACKET:
                high, low, captured = head.unpack_from(data, position + 8)
                start = position + 28
                name, flow, frame, payload = self._read_tags(data, start)
                time = ((high << 32) + low) * 1_000_000 // self._units
                yield Pdu(name, flow, frame, time, data[payload : start + captured])
            elif kind == _INTERFACE:
                self._interface(data[position + 16 : position + length - 4])
            position += length
        return position

    def _interface(self, options: bytes) -> None:
        unpack = struct.Struct(self._order + "HH").unpack_from
        position = 0
        while position + 4 <= len(options):
            code, length = unpack(options, position)
            if code == _RESOLUTION:
                exponent = options[position + 4]
                self._units = 2 ** (exponent & 0x7F) if exponent & 0x80 else 10**exponent
            position += 4 + length + -length % 4

    def _read_tags(self, data: bytes, start: int) -> tuple[str, Flow, int, int]:
        """Whose payload it is, its frame, and where it begins."""
        end = start + self._length
        # The tags of one flow differ only in the number of the frame, which comes last.
        known = self._tags.get(data[start : end - 8])
        if known is not None:
            return *known, int.from_bytes(data[end - 8 : end - 4]), end
        tags: dict[int, bytes] = {}
        position = start
        while True:
            tag, length = _TAG.unpack_from(data, position)
            position += 4
            if not tag:
                break
            tags[tag] = data[position : position + length]
            position += length
        meaning = _meaning(tags)
        if data[position - 12 : position - 8] == _TAG.pack(_FRAME, 4):
            self._length = position - start
            if len(self._tags) >= _KNOWN_FLOWS:
                self._tags.clear()
            self._tags[data[start : position - 8]] = meaning
        return *meaning, int.from_bytes(tags.get(_FRAME, b"")), position


def _meaning(tags: dict[int, bytes]) -> tuple[str, Flow]:
    hosts: list[str | None] = [None, None]
    for tag, end in _HOSTS.items():
        if tag in tags:
            hosts[end] = str(ipaddress.ip_address(tags[tag]))
    ports = [int.from_bytes(tags[tag]) if tag in tags else None for tag in (_SOURCE_PORT, _DESTINATION_PORT)]
    source, destination = (
        None if host is None else Address(host, port) for host, port in zip(hosts, ports, strict=True)
    )
    protocol = "udp" if int.from_bytes(tags.get(_PORT_TYPE, b"")) == _UDP else "tcp"
    name = (tags.get(_NAME) or tags.get(_HEURISTIC_NAME) or b"").rstrip(b"\x00").decode("ascii", "replace")
    return name, Flow(source, destination, protocol)
