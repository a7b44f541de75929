"""What can be said of signatures without any secret: their form, and with NTLM more.

Without extended session security the same RC4 stream covers the CRC32 of every message of an association (the cipher
is set up afresh for each), so CRC32(string) XOR signature[8:12] is the same for all right signatures, and
signature[12:16] too, [MS-NLMP] 3.4.4.1.
"""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, field

from sipauthctl.mechanisms.ntlm.context import SEQUENCE_NUMBER, SIGNATURE_BYTES

_VERSION = b"\x01\x00\x00\x00"
_SEQUENCE = SEQUENCE_NUMBER.to_bytes(4, "little")
_MOST_STREAMS = 64

Stream = tuple[int, bytes]
"""The key stream over a CRC32, and the last four bytes of the signature."""


def form_problem(signature: bytes, extended: bool | None) -> str:
    """What is wrong with the form of an NTLM signature, [MS-NLMP] 2.2.2.9; empty where nothing is.

    Args:
        extended: whether extended session security was negotiated, None where that is not known.
    """
    if len(signature) != SIGNATURE_BYTES:
        return f"the signature has {len(signature)} bytes; an NTLM signature has {SIGNATURE_BYTES}"
    if not signature.startswith(_VERSION):
        return f"the signature begins with {signature[:4].hex()} instead of version 01000000"
    if extended and signature[12:] != _SEQUENCE:
        number = int.from_bytes(signature[12:], "little")
        return f"the signature ends with sequence number {number} instead of {SEQUENCE_NUMBER}"
    return ""


def stream_of(data: bytes, signature: bytes) -> Stream:
    """The key stream that would make `signature` (16 bytes) right for `data`."""
    return zlib.crc32(data) ^ int.from_bytes(signature[8:12], "little"), signature[12:]


MAX_STRAY_NUMBERS = 16
"""By how much SND_SEQ may differ from the count of cnum or snum: a server that signs several messages at once may
count them in another order."""


@dataclass(slots=True)
class SequenceRelation:
    """SND_SEQ of the Kerberos tokens in one direction beside cnum or snum, RFC 4121 4.2.6.1: both count the same
    messages, or SND_SEQ stays as it is where the context does not count."""

    _first: tuple[int, int] | None = None
    _doubtful: tuple[int, int] | None = None

    def fits(self, num: int, sequence: int) -> bool:
        """Whether one more token fits to those before it."""
        if self._first is None or _agree(self._first, (num, sequence)):
            self._first = self._first or (num, sequence)
            return True
        if self._doubtful is not None and _agree(self._doubtful, (num, sequence)):
            self._first = self._doubtful  # the earlier ones were wrong
            return True
        self._doubtful = num, sequence
        return False


def _agree(one: tuple[int, int], other: tuple[int, int]) -> bool:
    numbers, sequences = other[0] - one[0], other[1] - one[1]
    return sequences == 0 or abs(sequences - numbers) <= MAX_STRAY_NUMBERS


@dataclass(slots=True)
class CrcRelation:
    """The key streams seen in one direction. Two messages that agree prove each other, to 1 in 2**32.

    `settled` is the right stream once that is known; whoever finds it sets it.
    """

    streams: Counter[Stream] = field(default_factory=Counter)
    settled: Stream | None = None

    def add(self, stream: Stream) -> bool:
        """Notes the stream of one message; whether it agrees with others."""
        if stream == self.settled:
            return True
        if len(self.streams) >= _MOST_STREAMS and stream not in self.streams:
            return False
        self.streams[stream] += 1
        return self.streams[stream] > 1
