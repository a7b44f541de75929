"""CSeq, RFC 3261 20.16."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sipauthctl.sip.errors import ParseError, excerpt
from sipauthctl.sip.numbers import MOST_DIGITS, decimal


@dataclass(frozen=True, slots=True)
class CSeq:
    """A sequence number, as it stands and as a number, and the method."""

    number_text: str
    number: int
    method: str

    @staticmethod
    @lru_cache(maxsize=512)  # it is asked for several times, and stands in the answer too
    def parse(text: str) -> CSeq:
        """Reads `4711 REGISTER`.

        Raises:
            ParseError: the number is none or not below 2**31, or the method is missing.
        """
        return _parse(text)


def _parse(text: str) -> CSeq:
    parts = text.split()
    number = decimal(parts[0], 10**MOST_DIGITS) if len(parts) == 2 else None
    if number is None:
        raise ParseError(f"not a CSeq: {excerpt(text)}")
    if number >= 2**31:
        raise ParseError(f"a CSeq number of 2**31 or more: {excerpt(text)}")
    return CSeq(parts[0], number, parts[1])
