"""The frame of GSS-API's first token, RFC 2743 3.1 and RFC 4121 4.1."""

from __future__ import annotations

import struct
from typing import Any

from spnego._asn1 import unpack_asn1, unpack_asn1_integer, unpack_asn1_sequence, unpack_asn1_tagged_sequence

from sipauthctl.mechanisms.base import MalformedToken

MAX_TOKEN_BYTES = 65535
"""Windows makes no longer one (MaxTokenSize)."""

_KERBEROS = bytes.fromhex("06092a864886f712010202")
_SPNEGO = bytes.fromhex("06062b0601050502")
_AP_REQ = b"\x01\x00"
_AP_REP = b"\x02\x00"
_FRAME = 0x60
_TICKET, _AUTHENTICATOR = 3, 4  # fields of an AP-REQ, RFC 4120 5.5.1
_ETYPE = 0  # of EncryptedData, RFC 4120 5.2.9
_ENC_PART = 3  # of a ticket, RFC 4120 5.3


def check_initial_token(token: bytes) -> None:
    """Tells a Kerberos token from other things.

    Raises:
        MalformedToken: it is something else, or too long.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise MalformedToken(f"a token of {len(token)} bytes; a Kerberos token has at most {MAX_TOKEN_BYTES}")
    if token.startswith(b"NTLMSSP\x00"):
        raise MalformedToken("an NTLM message where a Kerberos token is due")
    body = _body(token)
    if body.startswith(_SPNEGO):
        raise MalformedToken("a Kerberos token must not be wrapped in SPNEGO here")
    if not body.startswith(_KERBEROS + _AP_REQ):
        raise MalformedToken("not a Kerberos token: it has no AP-REQ of the Kerberos mechanism")


def ap_request(token: bytes) -> bytes:
    """The AP-REQ in a client's token.

    Raises:
        MalformedToken: as `check_initial_token`.
    """
    check_initial_token(token)
    return _body(token)[len(_KERBEROS + _AP_REQ) :]


def ticket_of(request: bytes) -> bytes:
    """The ticket in an AP-REQ, empty where there is none."""
    try:
        return _field(request, _TICKET)
    except (ValueError, LookupError, TypeError, struct.error):
        return b""


def session_key_type(token: bytes) -> int | None:
    """The encryption type of the session key, which the authenticator names in the clear; None where it is damaged.

    Args:
        token: a client's token.
    """
    try:
        return _key_type(_field(ap_request(token), _AUTHENTICATOR))
    except (MalformedToken, ValueError, LookupError, TypeError, struct.error):
        return None


def ticket_key_type(token: bytes) -> int | None:
    """The encryption type of the ticket, which is that of the service's key, RFC 3961 8; None where it is damaged.

    Args:
        token: a client's token.
    """
    try:
        return _key_type(_field(ticket_of(ap_request(token)), _ENC_PART))
    except (MalformedToken, ValueError, LookupError, TypeError, struct.error):
        return None


def _key_type(encrypted: bytes) -> int:
    parts: Any = unpack_asn1_tagged_sequence(unpack_asn1(encrypted)[0])
    return int(unpack_asn1_integer(parts[_ETYPE]))


def _field(request: bytes, number: int) -> bytes:
    parts: Any = unpack_asn1_sequence(unpack_asn1(unpack_asn1(request)[0].b_data)[0])
    return {part.tag_number: bytes(part.b_data) for part in parts}[number]


def ap_reply(token: bytes) -> bytes:
    """The AP-REP in a server's token, RFC 4121 4.1.

    Raises:
        MalformedToken: it is none.
    """
    body = _body(token)
    if not body.startswith(_KERBEROS + _AP_REP):
        raise MalformedToken("not a Kerberos token of a server: it has no AP-REP of the Kerberos mechanism")
    return body[len(_KERBEROS + _AP_REP) :]


def framed(token: bytes) -> bytes:
    """What stands in the frame of a token of RFC 1964, after the mechanism's name.

    Raises:
        MalformedToken: there is no such frame, or it is of another mechanism.
    """
    body = _body(token)
    if not body.startswith(_KERBEROS):
        raise MalformedToken("the token is not one of Kerberos")
    return body[len(_KERBEROS) :]


def _body(token: bytes) -> bytes:
    """What follows the tag and the length in DER, which must be all that there is."""
    if len(token) < 2 or token[0] != _FRAME:
        raise MalformedToken("not a Kerberos token: it does not begin as a first token of GSS-API")
    long_form = token[1] >= 0x80
    head = 2 + (token[1] - 0x80 if long_form else 0)
    length = int.from_bytes(token[2:head], "big") if long_form else token[1]
    if length != len(token) - head:
        raise MalformedToken(f"the Kerberos token has {len(token)} bytes, and {head + length} by its own account")
    return token[head:]
