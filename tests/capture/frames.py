"""Writes packet captures by hand: Ethernet, IPv4 or IPv6, TCP or UDP, in a pcap file."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, field

CLIENT, SERVER = ("192.0.2.7", 40000), ("192.0.2.1", 5061)
_SYN, _ACK, _PSH_ACK = 0x02, 0x10, 0x18


@dataclass
class Pcap:
    """Frames with times one millisecond apart, or from `now` on where that is set (in milliseconds)."""

    frames: list[bytes] = field(default_factory=list)
    times: dict[int, int] = field(default_factory=dict)
    now: int | None = None

    def add(self, frame: bytes) -> int:
        """Adds a frame, gives its number."""
        if self.now is not None:
            self.times[len(self.frames)] = self.now
            self.now += 1
        self.frames.append(frame)
        return len(self.frames)

    @staticmethod
    def frames_of(pcap: bytes) -> list[bytes]:
        """The frames of what `to_bytes` gave."""
        frames, position = [], 24
        while position < len(pcap):
            length = struct.unpack_from("<I", pcap, position + 8)[0]
            frames.append(pcap[position + 16 : position + 16 + length])
            position += 16 + length
        return frames

    def to_pcapng(self, *, secrets: bytes = b"", order: str = "<", link: int = 1) -> bytes:
        """The same as pcapng; `secrets` is a TLS key log to embed."""

        def block(kind: int, body: bytes) -> bytes:
            body += bytes(-len(body) % 4)
            return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)

        parts = [block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))]
        parts.append(block(1, struct.pack(order + "HHI", link, 0, 0)))
        if secrets:
            parts.append(block(10, struct.pack(order + "II", 0x544C534B, len(secrets)) + secrets))
        for index, frame in enumerate(self.frames):
            time = (1_772_366_400_000 + index) * 1000
            head = struct.pack(order + "IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(frame), len(frame))
            parts.append(block(6, head + frame))
        return b"".join(parts)

    def to_bytes(self) -> bytes:
        parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)]
        for index, frame in enumerate(self.frames):
            time = self.times.get(index, 1_772_366_400_000 + index)  # 2026-03-01 12:00:00 UTC, in ms
            parts += [struct.pack("<IIII", time // 1000, time % 1000 * 1000, len(frame), len(frame)), frame]
        return b"".join(parts)


@dataclass
class TcpFlow:
    """Both directions of one connection."""

    pcap: Pcap
    client: tuple[str, int] = CLIENT
    server: tuple[str, int] = SERVER
    seq: dict[bool, int] = field(default_factory=lambda: {True: 1000, False: 5000})

    def open(self) -> None:
        """The three-way handshake."""
        self.pcap.add(self.segment(True, b"", 999, _SYN))
        self.pcap.add(self.segment(False, b"", 4999, _SYN | _ACK))
        self.pcap.add(self.segment(True, b"", 1000, _ACK))

    def send(self, data: bytes, *, from_client: bool = True) -> int:
        """One segment with data; gives its frame number."""
        return self.pcap.add(self.take(data, from_client=from_client))

    def take(self, data: bytes, *, from_client: bool = True) -> bytes:
        """The next segment, not yet in the capture."""
        seq = self.seq[from_client]
        self.seq[from_client] += len(data)
        return self.segment(from_client, data, seq, _PSH_ACK)

    def segment(self, from_client: bool, data: bytes, seq: int, flags: int) -> bytes:
        source, target = (self.client, self.server) if from_client else (self.server, self.client)
        ack = 0 if flags == _SYN else self.seq[not from_client]
        tcp = struct.pack("!HHIIBBHHH", source[1], target[1], seq, ack, 0x50, flags, 65535, 0, 0)
        return ethernet(source[0], target[0], 6, tcp + data)


def udp(data: bytes, source: tuple[str, int], target: tuple[str, int]) -> bytes:
    """One datagram."""
    return ethernet(source[0], target[0], 17, struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0) + data)


def ethernet(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    """An Ethernet frame with an IP packet; checksums are left zero, which tshark does not mind."""
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(target)
    if a.version == 6:
        head = struct.pack("!IHBB", 0x60000000, len(payload), protocol, 64) + a.packed + b.packed
        kind = 0x86DD
    else:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + a.packed + b.packed
        kind = 0x0800
    return b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02" + struct.pack("!H", kind) + head + payload
