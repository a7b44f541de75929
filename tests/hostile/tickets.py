"""A credential cache made by hand, so that there are tickets to be lured away without a KDC."""

from __future__ import annotations

import secrets
import struct
import time
from pathlib import Path

from tests.hostile.peers import der, integer

REALM = "LITWAREINC.COM"
_AES256, _KEY_BYTES = 18, 32
_INITIAL = 0x00400000


def write_cache(path: Path, user: str, *services: str) -> None:
    """Writes the format 0x504 of MIT Kerberos: a ticket-granting ticket of a user, and tickets for services, such as
    `sip/hs1.litwareinc.com`."""
    client = _principal(1, REALM, user)
    data = b"\x05\x04" + struct.pack(">H", 0) + client
    for service in (f"krbtgt/{REALM}", *services):
        # The name that was asked for: services without a realm, which the KDC finds (RFC 6806).
        asked = _principal(2, REALM if service.startswith("krbtgt/") else "", *service.split("/"))
        now = int(time.time())
        data += client + asked + struct.pack(">HI", _AES256, _KEY_BYTES) + secrets.token_bytes(_KEY_BYTES)
        data += struct.pack(">IIIIBIII", now - 60, now - 60, now + 36000, 0, 0, _INITIAL, 0, 0)
        data += _counted(_ticket(service)) + _counted(b"")
    path.touch(mode=0o600)
    path.write_bytes(data)


def _ticket(service: str) -> bytes:
    """RFC 4120 5.3; what is encrypted is noise, since only the service reads it."""
    name = der(0x30, *(der(0x1B, part.encode()) for part in service.split("/")))
    sealed = der(0x30, der(0xA0, integer(_AES256)), der(0xA2, der(0x04, secrets.token_bytes(300))))
    fields = (
        der(0xA0, integer(5)),
        der(0xA1, der(0x1B, REALM.encode())),
        der(0xA2, der(0x30, der(0xA0, integer(2)), der(0xA1, name))),
        der(0xA3, sealed),
    )
    return der(0x61, der(0x30, *fields))


def _principal(kind: int, realm: str, *parts: str) -> bytes:
    names = b"".join(_counted(part.encode()) for part in (realm, *parts))
    return struct.pack(">II", kind, len(parts)) + names


def _counted(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
