"""From the bytes of a record to what the analysis looks at. Bodies are never read: no signature covers them."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from sipauthctl.analysis.words import Sender
from sipauthctl.association.digest import DigestInfo
from sipauthctl.association.family import CREDENTIALS_HEADERS, INFO_HEADERS
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.capture.record import Record
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.errors import HeaderBlockTooLarge, SipError
from sipauthctl.sip.limits import DEFAULT_LIMITS
from sipauthctl.sip.message import HEADER_END, Message, Request, parse_head
from sipauthctl.sip.name_addr import NameAddr
from sipauthctl.sip.params import Params, find_param

_SIGNED = (
    *((name, Sender.CLIENT) for name in CREDENTIALS_HEADERS),
    *((name, Sender.SERVER) for name in INFO_HEADERS),
)
SIGNING = (Scheme.NTLM, Scheme.KERBEROS, Scheme.TLS_DSK)
"""The schemes that make security associations."""

_MOST_HEADERS = 8  # of one message that carry credentials; each proxy on the path adds one


class Endpoint(NamedTuple):
    """A client as the protocol knows it: its address-of-record in lower case, and its epid."""

    address: str
    epid: str | None


class SignedHeader(NamedTuple):
    """One credentials or info header; `scheme` is None for one that is not known."""

    sender: Sender
    name: str
    parameters: AuthParameters
    scheme: Scheme | None


class AssociationName(NamedTuple):
    """How a header names its association. Texts stand as received."""

    scheme: Scheme | None
    realm: str
    targetname: str


def read_head(raw: bytes) -> Message:
    """The start line and headers of a message; what follows them does not matter, even if it is cut off.

    Raises:
        SipError: it is no SIP message, or larger than the limits allow.
    """
    end = HEADER_END.search(raw, 0, DEFAULT_LIMITS.header_block + 4)
    block = raw[: end.start()].removesuffix(b"\r") if end else raw.rstrip(b"\r\n")
    if len(block) > DEFAULT_LIMITS.header_block:
        raise HeaderBlockTooLarge(f"the header block exceeds {DEFAULT_LIMITS.header_block} bytes")
    return parse_head(block)


def signed_headers(message: Message) -> tuple[list[SignedHeader], str]:
    """The credentials and info headers of a message, and what is wrong with one that cannot be read."""
    found: list[SignedHeader] = []
    problem = ""
    for name, sender in _SIGNED:
        for value in message.headers.get_all(name)[:_MOST_HEADERS] if name in message.headers else ():
            try:
                parsed = AuthParameters.parse_all(value)
            except SipError as error:
                if sender is Sender.CLIENT or DigestInfo.of(value) is None:
                    problem = f"{name}: {without_quote(error)}"
                continue
            found += [SignedHeader(sender, name, one, Scheme.parse(one.scheme_text)) for one in parsed]
    return found[:_MOST_HEADERS], problem


def without_quote(error: SipError) -> str:
    """What is wrong, without the text that the error quotes after a colon: what cannot be read may be a token."""
    return str(error).partition(":")[0]


def name_of(header: SignedHeader) -> AssociationName:
    """The association that a header names, but for its opaque."""
    parameters = header.parameters
    return AssociationName(header.scheme, parameters.get("realm") or "", parameters.get("targetname") or "")


def client_of(message: Message, sender: Sender) -> Endpoint:
    """The client in a message that `sender` sent: requests come from their From, responses go to it.

    Raises:
        ParseError: From or To cannot be read.
    """
    by_client = isinstance(message, Request) == (sender is Sender.CLIENT)
    return endpoint(message.from_ if by_client else message.to)


def endpoint(party: NameAddr) -> Endpoint:
    """The endpoint behind a From or To."""
    return _endpoint(party.uri, party.params)


@lru_cache(maxsize=512)
def _endpoint(uri: str, params: Params) -> Endpoint:
    return Endpoint(uri.partition(";")[0].lower(), find_param(params, "epid") or None)


def transaction(message: Message) -> tuple[str, int, str]:
    """What a response has in common with its request: Call-ID, CSeq number and method.

    Raises:
        ParseError: a header is missing or malformed.
    """
    cseq = message.cseq
    return message.call_id, cseq.number, cseq.method


def start_line(message: Message) -> str:
    """`REGISTER`, or `200 OK`."""
    return message.method if isinstance(message, Request) else f"{message.status} {message.reason}"


def body_of(record: Record) -> bytes:
    """The body of a message as it was recorded, which parsed heads do not have."""
    end = HEADER_END.search(record.raw)
    return record.raw[end.end() :] if end else b""
