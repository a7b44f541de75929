"""What a capture lacks of a TCP connection: tshark waits for it for ever, where it puts segments in order.

What is there, in its order, goes on to the framing of SIP where the connection carries that in plain text.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from sipauthctl.capture.pcap_framing import Framing

_SEQUENCE = struct.Struct(">I")
_MODULUS, _HALF = 1 << 32, 1 << 31
_MOST_HOLES = 64
SYN = 0x02


@dataclass(slots=True)
class Direction:
    """One direction of a TCP connection, RFC 9293 3.4. `number` is that of its connection."""

    number: int
    framing: Framing | None = None
    _next: int | None = None
    _holes: list[tuple[int, int, int]] = field(default_factory=list)  # from, to, the frame that showed it

    def take(self, data: bytes, offset: int, end: int, captured: int, frame: int) -> None:
        """Notes the segment whose header begins at `offset`, and whose data ends before `end`, of which the capture
        has what is before `captured`."""
        start = offset + (data[offset + 12] >> 4) * 4
        size = end - start
        first = _SEQUENCE.unpack_from(data, offset + 4)[0]
        if data[offset + 13] & SYN:
            self._next = (first + 1) % _MODULUS
            return
        if size <= 0:
            return
        after = (first + size) % _MODULUS
        ahead = 0 if self._next is None else (first - self._next) % _MODULUS
        if ahead == 0:
            self._next = after
            if self.framing is not None:
                if end <= captured:
                    self.framing.take(data, start, end, frame)
                else:
                    self.framing.lose()
        elif ahead < _HALF:
            if len(self._holes) < _MOST_HOLES and self._next is not None:
                self._holes.append((self._next, first, frame))
            self._next = after
            if self.framing is not None:
                self.framing.lose()
        else:
            self._fill(first, after)

    @property
    def lost_at(self) -> int | None:
        """The frame from which on a segment is missing, None where all are there."""
        return self._holes[0][2] if self._holes else None

    def _fill(self, first: int, after: int) -> None:
        """Takes a segment that came late, or once more; it may go beyond what was there."""
        if self._next is not None and 0 < (after - self._next) % _MODULUS < _HALF:
            self._next = after
            if self.framing is not None:
                self.framing.lose()
        holes, self._holes = self._holes, []
        for begin, end, frame in holes:
            if _before(first, end) and _before(begin, after):
                parts = ((begin, first), (after, end))
                self._holes += [(left, right, frame) for left, right in parts if _before(left, right)]
            else:
                self._holes.append((begin, end, frame))


def _before(one: int, other: int) -> bool:
    return 0 < (other - one) % _MODULUS < _HALF
