"""CSeq, RFC 3261 20.16."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sipauthctl.sip.errors import ParseError, excerpt


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
    if len(parts) != 2 or not (parts[0].isascii() and parts[0].isdigit() and len(parts[0]) <= 20):
        raise ParseError(f"not a CSeq: {excerpt(text)}")
    number = int(parts[0])
    if number >= 2**31:
        raise ParseError(f"a CSeq number of 2**31 or more: {excerpt(text)}")
    return CSeq(parts[0], number, parts[1])
