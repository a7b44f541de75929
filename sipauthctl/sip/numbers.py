"""Numbers in text from outside. Python's own `int` takes signs, underscores and foreign digits, and raises beyond
4,300 digits."""

from __future__ import annotations

MOST_DIGITS = 20


def decimal(text: str | bytes | None, most: int) -> int | None:
    """A decimal number from 0 to `most`; None for anything else, also for more than 20 digits."""
    if not text or len(text) > MOST_DIGITS or not (text.isascii() and text.isdigit()):
        return None
    number = int(text)
    return number if number <= most else None


def port_number(text: str | bytes | None) -> int | None:
    """A port from 1 to 65535; None for anything else."""
    return decimal(text, 65_535) or None
