"""Reads bytes as an input."""

from __future__ import annotations

import io

from sipauthctl.capture.reader import open_reader
from sipauthctl.capture.record import Notice, Reader, Record


def no_captures(path: str) -> Reader:
    raise AssertionError(f"{path} was taken for a capture")


def read(data: bytes) -> list[Record | Notice]:
    """Everything that an input says, given on standard input."""
    return list(open_reader("-", captures=no_captures, stdin=io.BytesIO(data)))


def records(data: bytes) -> list[Record]:
    return [found for found in read(data) if isinstance(found, Record)]


def notices(data: bytes) -> list[Notice]:
    return [found for found in read(data) if isinstance(found, Notice)]


def raws(data: bytes) -> list[bytes]:
    return [record.raw for record in records(data)]
