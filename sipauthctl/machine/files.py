"""Reads settings files: within a size, and None for one that is not there or not ours to read."""

from __future__ import annotations

import os
from pathlib import Path

MAX_FILE_BYTES = 1 << 20


def read_bytes(path: Path) -> bytes | None:
    """The beginning of a regular file, None where it cannot be read."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except OSError:
        return None


def is_hidden(path: Path) -> bool:
    """Whether it is there, or may be, and is not ours to read."""
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return not os.access(path, os.R_OK)


def read_text(path: Path) -> str | None:
    """The same as text; what is not UTF-8 is replaced."""
    data = read_bytes(path)
    return None if data is None else data.decode("utf-8", "replace")
