"""Recognises on the wire that a client begins to log on to LDAP."""

from __future__ import annotations

from sipauthctl.lab.samba.configuration import LDAP_PORT, LDAPS_PORT

_SEQUENCE, _INTEGER, _BIND_REQUEST = 0x30, 0x02, b"\x60"
_LOGON_BY_TLS = 4


def begins_logon(port: int, number: int, piece: bytes) -> bool:
    """Whether a piece of what a client sends asks to log on.

    Within TLS that cannot be seen: there it is the fourth piece, since the handshake takes two, and clients ask for
    the rootDSE first.

    Args:
        port: of LDAP or of another service.
        number: the piece's number on its connection, from 1.
        piece: its bytes.
    """
    return (port == LDAP_PORT and _is_bind_request(piece)) or (port == LDAPS_PORT and number >= _LOGON_BY_TLS)


def _is_bind_request(message: bytes) -> bool:
    """RFC 4511 4.1.1 and 4.2: the tag of the operation stands behind the message's length and its id."""
    if len(message) < 2 or message[0] != _SEQUENCE:
        return False
    length_octets = message[1] & 0x7F if message[1] & 0x80 else 0
    rest = message[2 + length_octets :]
    return len(rest) > 1 and rest[0] == _INTEGER and rest[2 + rest[1] : 3 + rest[1]] == _BIND_REQUEST
