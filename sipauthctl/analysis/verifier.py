"""What checks signatures once the key of an association is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sipauthctl.analysis.words import Method, Sender


@dataclass(frozen=True, slots=True)
class Deviation:
    """A way of signing that is wrong, and makes a signature hold: its short name, and a sentence on it."""

    name: str
    sentence: str


class SignatureVerifier(Protocol):
    """Both directions of one association."""

    @property
    def method(self) -> Method:
        """What the key came from."""

    def verify(self, sender: Sender, data: bytes, signature: bytes) -> bool:
        """Whether `sender` made `signature` over `data`. Damaged signatures are False, not errors."""

    def deviation(self, sender: Sender, num: int, data: bytes, signature: bytes) -> Deviation | None:
        """The mistake in key or algorithm with which `sender` made it; None where no known one did."""

    def nearly(self, sender: Sender, data: bytes, signature: bytes) -> bool:
        """Whether the right signature over `data` differs in one or two hexadecimal digits: it was damaged."""
