"""The string that a signature covers, [MS-SIPAE] 3.2.5.2 (versions 3 and 4) and [MS-SIP] 3.1.4.2 (version 2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.association.redaction import quoted
from sipauthctl.sip.errors import ParseError
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Message, Request, Response
from sipauthctl.sip.name_addr import NameAddr
from sipauthctl.sip.numbers import decimal

_UNSIGNED = ("ACK", "CANCEL")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")


@dataclass(frozen=True, slots=True)
class SignatureBuffer:
    """The signed fields in their order, by name. The text is each value in angle brackets, `<>` for an absent one."""

    fields: tuple[tuple[str, str], ...]

    @property
    def text(self) -> bytes:
        """The bytes that GSS_GetMIC is given: exactly those of the message."""
        joined = "><".join([value for _, value in self.fields])
        return f"<{joined}>".encode("utf-8", "surrogateescape")


class WireSignature(NamedTuple):
    """A signature as it stands in a header: rand and num are crand and cnum, or srand and snum."""

    rand: str
    num_text: str
    num: int
    value: bytes

    @classmethod
    def of_request(cls, parameters: AuthParameters) -> WireSignature | None:
        """The client's signature, None when the header carries none.

        Raises:
            ParseError: a part of it is missing or malformed.
        """
        return cls._read(parameters, "crand", "cnum", "response")

    @classmethod
    def of_response(cls, parameters: AuthParameters) -> WireSignature | None:
        """The server's signature; otherwise as `of_request`."""
        return cls._read(parameters, "srand", "snum", "rspauth")

    @classmethod
    def _read(cls, parameters: AuthParameters, rand: str, num: str, value: str) -> WireSignature | None:
        rand_text, num_text, value_text = parameters.get(rand), parameters.get(num), parameters.get(value)
        if rand_text is None and num_text is None and value_text is None:
            return None
        if rand_text is None or num_text is None or value_text is None:
            missing = rand if rand_text is None else num if num_text is None else value
            raise ParseError(f"the signature has no {missing}")
        number = decimal(num_text, 10**10 - 1)
        if number is None:
            raise ParseError(f"{num} is not a number: {quoted(num_text)}")
        if not _HEX.fullmatch(value_text):
            raise ParseError(f"{value} is not hexadecimal: {quoted(value_text)}")
        return cls(rand_text, num_text, number, bytes.fromhex(value_text))


def must_be_signed(message: Message) -> bool:
    """Whether a side that holds an association has to sign this message to the other, [MS-SIP] 3.1.4.2.

    That is all it sends but ACK and CANCEL, which are never challenged ([MS-SIPAE] 3.3.5.1), the answers to these,
    provisional answers and challenges.

    Raises:
        ParseError: the CSeq of a response cannot be read.
    """
    if isinstance(message, Request):
        return message.method not in _UNSIGNED
    final = message.status >= 200 and HeaderFamily.of_status(message.status) is None
    return final and message.cseq.method not in _UNSIGNED


def signature_buffer(
    message: Message,
    *,
    scheme_text: str,
    rand: str,
    num_text: str,
    realm: str,
    targetname: str,
    version: int,
) -> SignatureBuffer:
    """The signature buffer of `message` in protocol version 2, 3 or 4.

    Every value is taken as it stands in the message. The status code ends the buffer of a response; a request has no
    such field, not even an empty one.

    Raises:
        ParseError: a header that is signed is missing or cannot be read (Call-ID, CSeq, From, To).
    """
    cseq, sender, recipient = message.cseq, message.from_, message.to
    fields = [
        ("scheme", scheme_text),
        ("rand", rand),
        ("num", num_text),
        ("realm", realm),
        ("targetname", targetname),
        ("Call-ID", message.call_id),
        ("CSeq number", cseq.number_text),
        ("CSeq method", cseq.method),
        ("From URI", sender.uri),
        ("From tag", sender.tag or ""),
    ]
    if version >= 3:
        fields.append(("To URI", recipient.uri))
    fields.append(("To tag", recipient.tag or ""))
    if version >= 3:
        sip_uri, tel_uri = identity_uris(message.headers)
        fields += [("identity SIP URI", sip_uri), ("identity tel URI", tel_uri)]
    fields.append(("Expires", message.headers.get("Expires") or ""))
    if isinstance(message, Response):
        fields.append(("status code", str(message.status)))
    return SignatureBuffer(tuple(fields))


def identity_uris(headers: Headers) -> tuple[str, str]:
    """The SIP and the tel URI of P-Asserted-Identity, or where that is absent of P-Preferred-Identity.

    Raises:
        ParseError: the header cannot be read.
    """
    values = headers.values("P-Asserted-Identity") or headers.values("P-Preferred-Identity")
    if not values:
        return "", ""
    uris = [identity.uri for identity in NameAddr.parse_list(values)]
    sip_uri = next((uri for uri in uris if uri.lower().startswith(("sip:", "sips:"))), "")
    tel_uri = next((uri for uri in uris if uri.lower().startswith("tel:")), "")
    return sip_uri, tel_uri
