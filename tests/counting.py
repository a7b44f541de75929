"""Counts work, for tests that it grows no faster than the input: lines that run, bytes that are copied."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, SupportsIndex

PACKAGE = str(Path(__file__).parent.parent / "sipauthctl")


def lines_run(work: Callable[[], object], *, libraries: bool = False) -> int:
    """How many lines of the package run, or of every library that is written in Python, too."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace if libraries or frame.f_code.co_filename.startswith(PACKAGE) else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


class CountedPattern:
    """A pattern that counts how many bytes it is given to look at."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self._pattern = pattern
        self.seen = 0

    def search(self, data: bytes | bytearray, start: int = 0, end: int = sys.maxsize) -> re.Match[bytes] | None:
        found = self._pattern.search(data, start, end)
        self.seen += (min(end, len(data)) if found is None else found.end()) - start
        return found


class CountedBytes(bytes):
    """Bytes that count how many of them are copied by slices and sums, also of what comes of those."""

    copied = 0
    """Of all of them; a test sets it back."""

    @classmethod
    def _of(cls, data: bytes) -> CountedBytes:
        cls.copied += len(data)
        return cls(data)

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        found = super().__getitem__(key)
        return self._of(found) if isinstance(found, bytes) else found

    def __add__(self, other: Any) -> CountedBytes:
        return self._of(super().__add__(other))

    def __radd__(self, other: bytes) -> CountedBytes:
        return self._of(other + bytes(self))


def bytes_copied(work: Callable[[], object]) -> int:
    """How many bytes `work` copies out of `CountedBytes`."""
    CountedBytes.copied = 0
    work()
    return CountedBytes.copied
