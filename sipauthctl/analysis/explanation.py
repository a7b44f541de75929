"""The search for the mistake that makes a wrong signature hold, and what to show of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sipauthctl.analysis.attempts import Attempt, SignedMessage, StringMistake
from sipauthctl.analysis.keyless import Stream, stream_of
from sipauthctl.analysis.mistakes import CHANGED_BYTE, STRING_MISTAKES, one_byte
from sipauthctl.analysis.verifier import Deviation, SignatureVerifier
from sipauthctl.analysis.words import Sender
from sipauthctl.mechanisms.ntlm.context import SEQUENCE_NUMBER

_MOST_BYTES = 1200  # of a string that is searched byte by byte; a real one has 250
_DIFFERENCE_BYTES = 24
UNEXPLAINED = "no known mistake makes it hold"


class Check(Protocol):
    """Whether a string is the one that was signed."""

    def matches(self, text: bytes) -> bool:
        """Whether the signature is right for it."""

    def deviation(self, text: bytes) -> Deviation | None:
        """The mistake in key or algorithm that makes the signature right for it."""

    def nearly(self, text: bytes) -> bool:
        """Whether the signature is right for it but for a digit or two."""


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """With a key."""

    verifier: SignatureVerifier
    sender: Sender
    num: int
    signature: bytes

    def matches(self, text: bytes) -> bool:
        """Whether the signature is right for it."""
        return self.verifier.verify(self.sender, text, self.signature)

    def deviation(self, text: bytes) -> Deviation | None:
        """The mistake in key or algorithm that makes the signature right for it."""
        return self.verifier.deviation(self.sender, self.num, text, self.signature)

    def nearly(self, text: bytes) -> bool:
        """Whether the signature is right for it but for a digit or two."""
        return self.verifier.nearly(self.sender, text, self.signature)


@dataclass(frozen=True, slots=True)
class RelationCheck:
    """Without a key: by the key stream that other messages of the association show."""

    settled: Stream
    num: int
    signature: bytes

    def matches(self, text: bytes) -> bool:
        """Whether the signature is right for it."""
        return stream_of(text, self.signature) == self.settled

    def deviation(self, text: bytes) -> Deviation | None:
        """A sequence number other than 100 shows in the last four bytes; keys do not show without one."""
        crc, last = stream_of(text, self.signature)
        if crc != self.settled[0] or last == self.settled[1]:
            return None
        sequence = int.from_bytes(last, "little") ^ int.from_bytes(self.settled[1], "little") ^ SEQUENCE_NUMBER
        names = {0: "sequence-number-zero", self.num: "sequence-number-counting", 1: "sequence-number-one"}
        name = names.get(sequence, "sequence-number-other")
        return Deviation(name, f"sequence number {sequence} was used instead of {SEQUENCE_NUMBER}")

    def nearly(self, text: bytes) -> bool:
        """Whether the signature is right for it but for a digit or two."""
        crc, last = stream_of(text, self.signature)
        settled = self.settled[0].to_bytes(4, "little") + self.settled[1]
        return 0 < sum(a != b for a, b in zip(crc.to_bytes(4, "little") + last, settled, strict=True)) <= 2


@dataclass(frozen=True, slots=True)
class Explanation:
    """`mistake` and `signed` are None where none was found; `difference` is empty where the string is right."""

    mistake: str | None
    sentence: str
    signed: bytes | None
    expected: bytes

    @property
    def difference(self) -> str:
        """One sentence on the first place where the two strings part."""
        if self.signed is None or self.signed == self.expected:
            return ""
        return first_difference(self.signed, self.expected)


def explain(signed: SignedMessage, check: Check, *, hints: Sequence[str] = (), thorough: bool = True) -> Explanation:
    """Names the mistake behind a signature that does not hold.

    Args:
        signed: the message and what should have been signed.
        check: tells whether a string is the one.
        hints: names of mistakes that the same sender made before, tried first.
        thorough: search every pair of a string and a key mistake, and every changed byte (some 0.1 s).
    """
    expected = signed.buffer.text
    for mistake in sorted(STRING_MISTAKES, key=lambda mistake: mistake.name not in hints):
        for attempt in mistake.attempts(signed):
            if attempt.text != expected and check.matches(attempt.text):
                return Explanation(mistake.name, attempt.sentence, attempt.text, expected)
    deviation = check.deviation(expected)
    if deviation is not None:
        return Explanation(deviation.name, deviation.sentence, expected, expected)
    if check.nearly(expected):
        return Explanation("signature-changed", "the signature itself was changed after signing", expected, expected)
    if thorough:
        both = _both(signed, check) or _byte(signed, check)
        if both is not None:
            return both
    return Explanation(None, UNEXPLAINED, None, expected)


def explain_together(waiting: Sequence[tuple[SignedMessage, bytes]]) -> Stream | None:
    """The key stream under which most of several messages have the same mistake, at least two of them.

    Without a key and without any right message: one client makes the same mistake each time. Where a CRC32 cannot
    tell two mistakes apart (it is linear, so a change of common text cancels out), the first one in the table counts.
    """
    for mistake in STRING_MISTAKES:
        streams = Counter(stream for signed, signature in waiting for stream in _streams(mistake, signed, signature))
        best = max(streams, key=lambda stream: streams[stream], default=None)
        if best is not None and streams[best] > 1:
            return best
    return None


def first_difference(signed: bytes, expected: bytes) -> str:
    """Where two strings part, with a little of what follows in each."""
    pairs = enumerate(zip(signed, expected, strict=False))
    position = next((index for index, (a, b) in pairs if a != b), min(len(signed), len(expected)))
    return f"at byte {position + 1}: signed {_piece(signed, position)}, expected {_piece(expected, position)}"


def _piece(text: bytes, position: int) -> str:
    piece = text[position : position + _DIFFERENCE_BYTES]
    return ascii(piece.decode("utf-8", "surrogateescape")) if piece else "nothing more"


def _streams(mistake: StringMistake, signed: SignedMessage, signature: bytes) -> list[Stream]:
    return list(dict.fromkeys(stream_of(attempt.text, signature) for attempt in mistake.attempts(signed)))


def _both(signed: SignedMessage, check: Check) -> Explanation | None:
    """A string mistake together with one of key or algorithm."""
    for name, attempt in _attempts(signed):
        deviation = check.deviation(attempt.text)
        if deviation is not None:
            sentence = f"{attempt.sentence}, and {deviation.sentence}"
            return Explanation(f"{name} {deviation.name}", sentence, attempt.text, signed.buffer.text)
    return None


def _byte(signed: SignedMessage, check: Check) -> Explanation | None:
    expected = signed.buffer.text
    if len(expected) > _MOST_BYTES:
        return None
    for attempt in one_byte(signed):
        if check.matches(attempt.text):
            return Explanation(CHANGED_BYTE, attempt.sentence, attempt.text, expected)
    return None


def _attempts(signed: SignedMessage) -> Iterator[tuple[str, Attempt]]:
    return ((mistake.name, attempt) for mistake in STRING_MISTAKES for attempt in mistake.attempts(signed))
