"""Ways in which networks wrap an Ethernet frame with an IP packet; each gives the frames that carry it instead."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from tests.capture.frames import ethernet, udp

Wrapping = Callable[[bytes], list[bytes]]
_OUTER = ("198.51.100.1", "198.51.100.2")


def _typed(frame: bytes, kind: int, head: bytes) -> list[bytes]:
    """With a header of another type before the frame's own payload."""
    return [frame[:12] + struct.pack("!H", kind) + head + frame[14:]]


def bare(frame: bytes) -> list[bytes]:
    return [frame]


def vlan(frame: bytes) -> list[bytes]:
    return _typed(frame, 0x8100, struct.pack("!H", 7) + frame[12:14])


def qinq(frame: bytes) -> list[bytes]:
    return _typed(frame, 0x88A8, struct.pack("!HHH", 9, 0x8100, 7) + frame[12:14])


def mpls(frame: bytes) -> list[bytes]:
    return _typed(frame, 0x8847, b"\x00\x01\x01\x40")


def pppoe(frame: bytes) -> list[bytes]:
    protocol = 0x0057 if frame[12:14] == b"\x86\xdd" else 0x0021
    return _typed(frame, 0x8864, struct.pack("!BBHHH", 0x11, 0, 1, len(frame) - 12, protocol))


def snap(frame: bytes) -> list[bytes]:
    return _typed(frame, len(frame) - 6, b"\xaa\xaa\x03\0\0\0" + frame[12:14])


def gre(frame: bytes) -> list[bytes]:
    return [ethernet(*_OUTER, 47, struct.pack("!H", 0) + frame[12:14] + frame[14:])]


def ip_in_ip(frame: bytes) -> list[bytes]:
    return [ethernet(*_OUTER, 41 if frame[12:14] == b"\x86\xdd" else 4, frame[14:])]


def vxlan(frame: bytes) -> list[bytes]:
    return [udp(b"\x08\0\0\0\0\0\x2a\0" + frame, (_OUTER[0], 49152), (_OUTER[1], 4789))]


def teredo(frame: bytes) -> list[bytes]:
    """Only for IPv6."""
    return [udp(frame[14:], (_OUTER[0], 50000), (_OUTER[1], 3544))] if frame[12:14] == b"\x86\xdd" else [frame]


def gtp(frame: bytes) -> list[bytes]:
    head = struct.pack("!BBHI", 0x30, 0xFF, len(frame) - 14, 1)
    return [udp(head + frame[14:], (_OUTER[0], 2152), (_OUTER[1], 2152))]


def fragments(frame: bytes) -> list[bytes]:
    """In three pieces."""
    if frame[12:14] == b"\x86\xdd":
        head, protocol, payload = bytearray(frame[14:54]), frame[20], frame[54:]
    else:
        head, protocol, payload = bytearray(frame[14:34]), frame[23], frame[34:]
    name = zlib.crc32(frame) & 0xFFFF
    size = max(8, len(payload) // 3 // 8 * 8)
    found = []
    for start in range(0, len(payload), size):
        piece, more = payload[start : start + size], start + size < len(payload)
        if len(head) == 40:
            head[6] = 44
            extra = struct.pack("!BBHI", protocol, 0, start | more, name)
            head[4:6] = struct.pack("!H", len(extra) + len(piece))
        else:
            extra = b""
            head[2:8] = struct.pack("!HHH", 20 + len(piece), name, start // 8 | more << 13)
        found.append(frame[:14] + bytes(head) + extra + piece)
    return found


def options(frame: bytes) -> list[bytes]:
    """With options of IPv4, or extension headers of IPv6."""
    if frame[12:14] == b"\x86\xdd":
        head = bytearray(frame[14:54])
        extra = bytes((60, 0, 1, 4, 0, 0, 0, 0)) + bytes((frame[20], 0, 1, 4, 0, 0, 0, 0))
        head[6] = 0
        head[4:6] = struct.pack("!H", len(frame) - 54 + len(extra))
        return [frame[:14] + bytes(head) + extra + frame[54:]]
    head = bytearray(frame[14:34])
    head[0] = 0x46
    head[2:4] = struct.pack("!H", len(frame) - 14 + 4)
    return [frame[:14] + bytes(head) + b"\x01\x01\x01\x00" + frame[34:]]


def padded(frame: bytes) -> list[bytes]:
    return [frame + bytes(12)]


def left_to_the_card(frame: bytes) -> list[bytes]:
    """As large segments look on the computer that sends them: without a length."""
    return [frame[:16] + b"\0\0" + frame[18:]] if frame[12:14] == b"\x08\x00" else [frame]


WRAPPINGS: tuple[Wrapping, ...] = (
    bare,
    vlan,
    qinq,
    mpls,
    pppoe,
    snap,
    gre,
    ip_in_ip,
    vxlan,
    teredo,
    gtp,
    fragments,
    options,
    padded,
    left_to_the_card,
)
