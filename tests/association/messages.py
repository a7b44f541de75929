"""Messages and contexts for the tests of this room."""

from __future__ import annotations

from datetime import UTC, datetime

from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.security_association import SecurityAssociation
from sipauthctl.mechanisms.base import Scheme, SecurityContext
from sipauthctl.mechanisms.ntlm.context import NtlmContext, Role
from sipauthctl.mechanisms.ntlm.messages import Flags
from sipauthctl.sip.message import Request, Response, parse_message

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SESSION_KEY = bytes.fromhex("5f029153bc025058969548615e7099ba")
BASE_FLAGS = Flags.unicode | Flags.sign | Flags.datagram | Flags.ntlm | Flags.key_exch | Flags.key_128
FLAGS = {"ess": BASE_FLAGS | Flags.extended_session_security, "no-ess": BASE_FLAGS}

REQUEST = (
    b"REGISTER sip:litwareinc.com SIP/2.0\r\n"
    b"Via: SIP/2.0/TLS 192.0.2.7:3721;branch=z9hG4bK77\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Ned Flint" <sip:ned@litwareinc.com>;tag=3e49177a52;epid=c8ca638a15\r\n'
    b"To: <sip:ned@litwareinc.com>;tag=88AA\r\n"
    b"Call-ID: 4037df9284354df39065195bd57a4b14\r\n"
    b"CSeq: 3 REGISTER\r\n"
    b"Contact: <sip:192.0.2.7:3721;transport=tls>\r\n"
    b'P-Asserted-Identity: "Ned" <sip:ned@litwareinc.com>, <tel:+15555550123>\r\n'
    b"Expires: 7200\r\n"
    b"User-Agent: UCCAPI/3.5.6907.0\r\n"
    b"Content-Length: 0\r\n"
    b"\r\n"
)
RESPONSE = REQUEST.replace(b"REGISTER sip:litwareinc.com SIP/2.0", b"SIP/2.0 200 OK", 1)


def request() -> Request:
    message = parse_message(REQUEST)
    assert isinstance(message, Request)
    return message


def response() -> Response:
    message = parse_message(RESPONSE)
    assert isinstance(message, Response)
    return message


def ntlm_context(kind: str, role: Role) -> SecurityContext:
    return NtlmContext(FLAGS[kind], SESSION_KEY, role)


def association(kind: str, role: Role, version: int = 4, **more: object) -> SecurityAssociation:
    return SecurityAssociation(
        scheme=Scheme.NTLM,
        scheme_text="NTLM",
        realm="SIP Communications Service",
        targetname="hs1.litwareinc.com",
        opaque="4452DFB0",
        version=version,
        family=HeaderFamily.USER_AGENT,
        context=ntlm_context(kind, role),
        token_bytes=lambda size: bytes(range(0x1A, 0x1A + size)),
        established=NOW,
        **more,  # type: ignore[arg-type]
    )
