"""The recorded contexts of contexts.json, and keytabs written by hand."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from sipauthctl.mechanisms.base import MechanismUnavailable
from sipauthctl.mechanisms.kerberos.libkrb5 import loaded_library
from sipauthctl.mechanisms.kerberos.offline import ContextKeys, ServiceKeytab
from tests.external import DEMANDED

MESSAGES = (b"<Kerberos><8A59CE2B><1>", b"", b"<sip:ned@litwareinc.com>" * 40)
SPN, REALM = "sip/hs1.litwareinc.com", "LITWAREINC.COM"


def _missing() -> bool:
    try:
        loaded_library()
    except MechanismUnavailable:
        return True
    return False


needs_libkrb5 = pytest.mark.skipif(_missing() and not DEMANDED, reason="needs libkrb5: apt install libkrb5-3")


@dataclass(frozen=True)
class Recorded:
    """One context."""

    type: str
    mutual: bool
    keytab: bytes
    token: bytes
    answer: bytes | None
    mics: dict[str, list[bytes]]

    @property
    def name(self) -> str:
        return self.type + ("-mutual" if self.mutual else "")

    def keys(self) -> ContextKeys:
        """Opened with its keytab, and the server's token taken."""
        with keytab(self.keytab) as opened:
            keys = opened.open(self.token)
        if self.answer is not None:
            keys.take_answer(self.answer)
        return keys


@cache
def contexts() -> tuple[Recorded, ...]:
    text = Path(__file__).with_name("contexts.json").read_text("ascii")
    return tuple(
        Recorded(
            entry["type"],
            entry["mutual"],
            bytes.fromhex(entry["keytab"]),
            bytes.fromhex(entry["token"]),
            bytes.fromhex(entry["answer"]) if entry["answer"] else None,
            {who: [bytes.fromhex(mic) for mic in mics] for who, mics in entry["mics"].items()},
        )
        for entry in json.loads(text)
    )


def context(type_: str = "aes256-cts-hmac-sha1-96", *, mutual: bool = False) -> Recorded:
    return next(found for found in contexts() if (found.type, found.mutual) == (type_, mutual))


@contextmanager
def keytab(content: bytes) -> Iterator[ServiceKeytab]:
    """A keytab with this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "keytab")
        path.write_bytes(content)
        yield ServiceKeytab(path)


@dataclass(frozen=True)
class Entry:
    """One key of a keytab."""

    principal: str
    version: int
    enctype: int
    key: bytes


def entries(content: bytes) -> list[Entry]:
    """The keys in a keytab, in the format that MIT describes (version 0x502)."""
    found, at = [], 2
    while at < len(content):
        (size,) = struct.unpack_from(">i", content, at)
        record = content[at + 4 : at + 4 + size]
        (count,) = struct.unpack_from(">H", record)
        texts, place = [], 2
        for _ in range(count + 1):
            (length,) = struct.unpack_from(">H", record, place)
            texts.append(record[place + 2 : place + 2 + length].decode())
            place += 2 + length
        version, enctype, length = struct.unpack_from(">BHH", record, place + 8)
        key = record[place + 13 : place + 13 + length]
        found.append(Entry("/".join(texts[1:]) + "@" + texts[0], version, enctype, key))
        at += 4 + size
    return found


def written(*keys: Entry) -> bytes:
    """A keytab with these keys."""
    content = b"\x05\x02"
    for entry in keys:
        name, _, realm = entry.principal.partition("@")
        parts = name.split("/")
        record = struct.pack(">H", len(parts)) + b"".join(
            struct.pack(">H", len(text)) + text.encode() for text in (realm, *parts)
        )
        record += struct.pack(">IIBHH", 1, 0, entry.version, entry.enctype, len(entry.key)) + entry.key
        content += struct.pack(">i", len(record)) + record
    return content
