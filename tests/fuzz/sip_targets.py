"""SIP text: messages, streams, values, authentication parameters, what servers say of themselves."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, timedelta

from sipauthctl.analysis.reading import read_head, signed_headers
from sipauthctl.association.clock import read_date
from sipauthctl.association.diagnostics import diagnostics
from sipauthctl.association.digest import DigestChallenge, DigestCredentials, DigestInfo, is_anonymous_join
from sipauthctl.association.offers import offers
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.association.redaction import quoted, without_secrets, without_tokens
from sipauthctl.association.signing import WireSignature, identity_uris, signature_buffer
from sipauthctl.association.spn import Spn
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.report.text import safe
from sipauthctl.sip.cseq import CSeq
from sipauthctl.sip.errors import IncompleteMessage, ParseError, SipError
from sipauthctl.sip.framer import KeepAlive, StreamFramer
from sipauthctl.sip.headers import Headers, split_list
from sipauthctl.sip.limits import Limits
from sipauthctl.sip.message import Message, Response, parse_message
from sipauthctl.sip.name_addr import NameAddr
from sipauthctl.sip.params import parse_params, quote, unquote
from sipauthctl.sip.uri import SipUri
from sipauthctl.sip.via import Via, ip_of
from tests.association.messages import REQUEST, RESPONSE
from tests.fuzz.registry import refused, target, text_of
from tests.sip import torture

LIMITS = Limits(line=200, header_block=700, headers=12, body=300)
"""Small, so that short inputs reach them."""

CHALLENGE = (
    b'NTLM realm="SIP Communications Service", targetname="hs1.litwareinc.com", opaque="4452DFB0", version=4, '
    b'gssapi-data="TlRMTVNTUAACAAAA", Kerberos realm="a\\"b", targetname="sip/hs1.litwareinc.com", version=3'
)
SIGNED = (
    b'NTLM qop="auth", opaque="4452DFB0", realm="SIP Communications Service", targetname="hs1.litwareinc.com", '
    b'crand="1a1b1c1d", cnum="1", response="0100000029618e9651b65a7764000000", version=4'
)
DIGEST = (
    b'Digest username="anonymous", realm="litwareinc.com", nonce="abc", uri="sip:ned@litwareinc.com", qop=auth, '
    b'nc=00000001, cnonce="xyz", response="6629fae49393a05397450978507c4ef1", algorithm=MD5-sess, stale=TRUE'
)
DIAGNOSTIC = b'1000;reason="Final handshake failed";source="hs1.litwareinc.com";hresult="0xC3E93EC3(SIP_E_AUTH)"'
TORTURE = tuple(value for name, value in vars(torture).items() if name.isupper() and isinstance(value, bytes))


@target(REQUEST, RESPONSE, *TORTURE)
def sip_message(data: bytes) -> None:
    """What is parsed is written and parsed again as the same; its headers are read or refused."""
    with refused(SipError):
        message = parse_message(data)
        assert message.to_bytes() == data
        again = parse_message(replace(message, raw=None).to_bytes())
        same = again.headers.without("Content-Length"), again.body
        assert same == (message.headers.without("Content-Length"), message.body)
        assert again.to_bytes() == replace(again, raw=None).to_bytes()
        read_headers(message)


def read_headers(message: Message) -> None:
    """Everything that is read of a message."""
    for read in (
        lambda: message.cseq,
        lambda: message.from_,
        lambda: message.to,
        lambda: message.call_id,
        lambda: NameAddr.parse_list(message.headers.values("Contact")),
        lambda: [Via.parse(value) for value in message.headers.values("Via")],
        lambda: identity_uris(message.headers),
        lambda: offers(message) if isinstance(message, Response) else None,
        lambda: (
            signature_buffer(
                message, scheme_text="NTLM", rand="0", num_text="1", realm="r", targetname="t", version=4
            ).text
        ),
        lambda: is_anonymous_join(message),
        lambda: diagnostics(message),
    ):
        with refused(SipError):
            read()
    _, problem = signed_headers(message)
    assert len(problem) < 300


@target(REQUEST + RESPONSE, b"\r\n\r\n" + REQUEST + b"\r\n" + RESPONSE, *(one[:400] for one in TORTURE))
def sip_framer(data: bytes) -> None:
    """The messages are the same whatever the pieces are; the first byte chooses these."""
    step, data = (data[0] % 61 + 1, data[1:]) if data else (1, data)
    whole, in_pieces = framed(data, len(data) or 1), framed(data, step)
    assert whole == in_pieces, f"{whole} in one piece, {in_pieces} in pieces of {step}"


def framed(data: bytes, step: int) -> tuple[list[Message], str]:
    """The messages, and how the stream ends."""
    framer, found = StreamFramer(LIMITS), []
    try:
        for start in range(0, len(data), step):
            framer.feed(data[start : start + step])
            while (item := framer.next()) is not None:
                if not isinstance(item, KeepAlive):
                    found.append(item)
        framer.close()
    except IncompleteMessage:
        return found, "inside a message"
    except SipError as error:
        assert len(str(error)) < 300
        return found, "with an error"
    return found, "well"


@target(
    b'"Ned \\"F\\" Flint" <sip:ned@litwareinc.com;gr>;tag=1;epid="x"', b"SIP/2.0/TLS [::1]:5061;rport;received=1.2"
)
def sip_values(data: bytes) -> None:
    """Addresses, URIs, Via, CSeq, parameters, lists."""
    text = text_of(data)
    assert unquote(quote(text)) == text
    for separator in ",;":
        parts = split_list(text, separator)
        assert sum(map(len, parts)) <= len(text)
    with refused(ParseError):
        found = NameAddr.parse(text)
        assert found.uri in text
    with refused(ParseError):
        uri = SipUri.parse(text)
        assert uri.port is None or 0 < uri.port < 65_536
        assert uri.host
    with refused(ParseError):
        Via.parse(text)
    with refused(ParseError):
        assert CSeq.parse(text).number < 2**31
    with refused(ParseError):
        parse_params(text)
    ip_of(text)
    spn = Spn.parse(text)
    assert spn is None or Spn.parse(spn.text) == spn
    with refused(ValueError):
        assert LogonName.parse(text).user


@target(CHALLENGE, SIGNED, DIGEST, b"NTLM", b"Kerberos realm=, version=4,", b'NTLM a=b\\c, d="\\""')
def auth_parameters(data: bytes) -> None:
    """The value of an authentication header: written and read again, it is the same, by both ways of reading."""
    text = text_of(data)
    DigestInfo.of(text)
    with refused(ParseError):
        found = AuthParameters.parse_all(text)
        for one in found:
            if one.params:
                assert AuthParameters.parse_all(one.format()) == (one,)
            read_parameters(one)
        if len(found) == 1:  # an escape leads through the general reader
            scheme, rest = found[0].scheme_text, text.lstrip()[len(found[0].scheme_text) :]
            more = AuthParameters.parse_all(f'{scheme} zz="\\"",{rest}')
            assert more == (AuthParameters(scheme, (("zz", '"'), *found[0].params)),)


def read_parameters(one: AuthParameters) -> None:
    """What is read of them."""
    for read in (WireSignature.of_request, WireSignature.of_response):
        with refused(ParseError):
            wire = read(one)
            assert wire is None or (0 <= wire.num < 10**10 and wire.value)
    with refused(ParseError):
        challenge = DigestChallenge.of(one)
        again = DigestChallenge.of(AuthParameters.parse(challenge.format()))
        assert (again.realm, again.nonce, again.opaque) == (challenge.realm, challenge.nonce, challenge.opaque)
    with refused(ParseError):
        credentials = DigestCredentials.of(one)
        assert credentials.count is None or 0 <= credentials.count < 1 << 32
        credentials.expected("INVITE", b"", "secret")


@target(b"Sun, 01 Mar 2026 12:00:00 GMT", b"1 Jan 0001 00:00:00 +2359", b"Mon, 31 Dec 9999 23:59:59 -0001")
def date(data: bytes) -> None:
    """A Date header."""
    with refused(ParseError):
        found = read_date(text_of(data))
        assert found.tzinfo is UTC
        assert found - found == timedelta()


@target(DIAGNOSTIC, b"2", b"1;hresult=", b'3;reason="a;b";x')
def ms_diagnostics(data: bytes) -> None:
    """What a server says of a refusal; an HRESULT has 32 bits."""
    headers = Headers([("ms-diagnostics", text_of(data)), ("ms-diagnostics-public", text_of(data[::-1]))])
    for one in diagnostics(Response(status=401, reason="", headers=headers)):
        assert 0 <= one.id < 10**10
        assert one.hresult is None or 0 <= one.hresult < 1 << 32, f"an HRESULT of {one.hresult.bit_length()} bits"


@target(SIGNED, b'gssapi-data = "TlRMTVNTUAADAAAAGAAYAHIAAADGAMYAigAAAAoACgBIAAAACAAI"', b"\x1b[2J\xe2\x80\xae\xff")
def output_text(data: bytes) -> None:
    """What makes text fit for people: nothing in it acts, no token is left."""
    text = text_of(data)
    shown = safe(text)
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")]
    shown.encode("utf-8")
    assert len(shown) < 10 * 2_100
    assert quoted(text).isascii()
    assert len(quoted(text)) < MOST_QUOTED
    assert without_tokens(without_tokens(text)) == without_tokens(text)
    assert without_secrets(without_secrets(data)) == without_secrets(data)
    with refused(SipError):
        read_head(data)


MOST_QUOTED = 2_100
