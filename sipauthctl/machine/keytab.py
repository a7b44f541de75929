"""The principals of a keytab, without their keys: MIT's keytab file format, versions 1 and 2."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from sipauthctl.machine.files import read_bytes

PATH = "etc/krb5.keytab"


def read_keytab(root: Path) -> tuple[str, ...]:
    """The principals of the computer's keytab, each once; none where it cannot be read, as by most users.

    Args:
        root: the file system's root.
    """
    data = read_bytes(root / PATH)
    return tuple(dict.fromkeys(principals(data))) if data is not None else ()


def principals(data: bytes) -> Iterator[str]:
    """The principals, `name/instance@REALM`, up to the first entry that is damaged."""
    if len(data) < 2 or data[0] != 5 or data[1] not in (1, 2):
        return
    old = data[1] == 1  # the computer's own byte order, and the realm counts as a part
    order = "=" if old else ">"
    offset = 2
    while offset + 4 <= len(data):
        (size,) = struct.unpack_from(f"{order}i", data, offset)
        offset += 4
        if size > 0:  # a negative size is a hole
            try:
                yield _principal(data[offset : offset + size], order, old)
            except struct.error:
                return
        offset += abs(size)


def _principal(entry: bytes, order: str, old: bool) -> str:
    (count,) = struct.unpack_from(f"{order}H", entry)
    offset, parts = 2, []
    for _ in range(count if old else count + 1):
        (length,) = struct.unpack_from(f"{order}H", entry, offset)
        (text,) = struct.unpack_from(f"{length}s", entry, offset + 2)
        parts.append(text.decode("utf-8", "replace"))
        offset += 2 + length
    realm, *names = parts
    return f"{'/'.join(names)}@{realm}"
