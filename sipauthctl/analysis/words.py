"""The words for who signed and how a signature was checked; the values stand in every output."""

from __future__ import annotations

from enum import Enum


class Sender(str, Enum):
    """Who signed: credentials headers are the client's, info headers the server's."""

    __hash__ = str.__hash__  # Enum's own is written in Python, and these are keys of tables

    CLIENT = "client"
    SERVER = "server"

    @property
    def other(self) -> Sender:
        """The other side."""
        return Sender.SERVER if self is Sender.CLIENT else Sender.CLIENT


class Method(str, Enum):
    """What a verdict rests on."""

    __hash__ = str.__hash__  # Enum's own is written in Python, and these are keys of tables

    PASSWORD = "password"
    NT_HASH = "nt-hash"
    KEYTAB = "keytab"
    KEY_LOG = "key-log"
    LIVE = "live"
    CRC_RELATION = "crc-relation"
