"""What is signed is the values that [MS-SIPAE] 3.2.5.2 names, not the way in which they are written.

So a message may be folded, reordered or written with other spaces and quotes on its way, and still verifies; and
anything that changes a value, or moves it where another reading would find it, does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.association.parameters import AuthParameters
from sipauthctl.association.security_association import SignatureProblem
from sipauthctl.association.signing import signature_buffer
from sipauthctl.mechanisms.ntlm.context import Role
from sipauthctl.sip.errors import ParseError, SipError
from sipauthctl.sip.framer import StreamFramer
from sipauthctl.sip.message import Request, parse_message
from tests.association.messages import NOW, REQUEST, association, request
from tests.sip.long_values import LONG

KINDS = ["ess", "no-ess"]


def signed(kind: str = "ess") -> bytes:
    return association(kind, Role.INITIATOR).sign_request(request()).to_bytes()


def verifies(data: bytes, kind: str = "ess") -> bool:
    message = parse_message(data)
    assert isinstance(message, Request)
    return association(kind, Role.ACCEPTOR).verify_request(message, NOW).trusted


def substitution(pattern: bytes, replacement: bytes) -> Callable[[bytes], bytes]:
    def apply(data: bytes) -> bytes:
        changed, number = re.subn(pattern, replacement, data)
        assert number, pattern
        return changed

    return apply


def reversed_headers(data: bytes) -> bytes:
    start, *lines = data.removesuffix(b"\r\n\r\n").split(b"\r\n")
    return b"\r\n".join([start, *reversed(lines), b"", b""])


def reversed_parameters(data: bytes) -> bytes:
    def swap(match: re.Match[bytes]) -> bytes:
        return match[1] + b", ".join(reversed(match[2].split(b", ")))

    return re.sub(rb"(Authorization: NTLM )([^\r]*)", swap, data)


WRITINGS = {
    "LF line ends": substitution(rb"\r\n", b"\n"),
    "folded credentials": substitution(rb", ", b",\r\n\t"),
    "no space after commas": substitution(rb'", ', b'",'),
    "spaces around colons": substitution(rb"\r\n(\S+): ", rb"\r\n\1 :   "),
    "no space after colons": substitution(rb"\r\n(\S+): ", rb"\r\n\1:"),
    "header names in capitals": lambda data: re.sub(
        rb"\r\n(\S+): ", lambda match: b"\r\n" + match[1].upper() + b": ", data
    ),
    "compact names": lambda data: (
        data.replace(b"\r\nFrom:", b"\r\nf:").replace(b"\r\nTo:", b"\r\nt:").replace(b"\r\nCall-ID:", b"\r\ni:")
    ),
    "headers in reverse": reversed_headers,
    "parameters in reverse": reversed_parameters,
    "parameter names in capitals": lambda data: re.sub(
        rb'(\w+)="', lambda match: match[1].upper() + b'="', data.replace(b"gssapi-data", b"GSSAPI-DATA")
    ),
    "cnum without quotes": substitution(rb'cnum="(\d+)"', rb"cnum=\1"),
    "quoted version": substitution(rb"version=4", b'version="4"'),
    "escaped realm": substitution(rb'realm="SIP', rb'realm="\\S\\IP'),
    "spaces in CSeq": substitution(rb"CSeq: 3 ", b"CSeq: 3 \t  "),
    "spaces around the tag": substitution(rb";tag=", b" ; TAG = "),
    "no display name": substitution(rb'From: "Ned Flint" ', b"From: "),
    "another display name": substitution(rb'"Ned Flint"', '"<Åsa>, \\"tag=1\\""'.encode()),
    "parameters before the tag": substitution(rb";tag=", b";x=y;tag="),
    "the SIP URI after the tel URI": substitution(
        rb'Identity: "Ned" (<sip[^>]*>), (<tel[^>]*>)', rb"Identity: \2, \1"
    ),
    "identities on two lines": substitution(rb", (<tel[^>]*>)", rb"\r\nP-Asserted-Identity: \1"),
    "more headers": substitution(rb"\r\nExpires", b"\r\nX-Expires: 1\r\nSupported: a\r\nExpires"),
    "another body": lambda data: data.replace(b"Content-Length: 0", b"Content-Length: 2") + b"ab",
    "capitals in the signature": lambda data: re.sub(
        rb'response="(\w+)"', lambda match: b'response="' + match[1].upper() + b'"', data
    ),
}
CHANGES = {
    "scheme in capitals": substitution(rb"NTLM qop", b"Ntlm qop"),
    "a space in the realm": substitution(rb"SIP Communications", b"SIP  Communications"),
    "leading zero in cnum": substitution(rb'cnum="1"', b'cnum="01"'),
    "crand in capitals": substitution(rb'crand="1a1b1c1d"', b'crand="1A1B1C1D"'),
    "leading zero in CSeq": substitution(rb"CSeq: 3", b"CSeq: 03"),
    "leading zero in Expires": substitution(rb"Expires: 7200", b"Expires: 07200"),
    "Expires gone": substitution(rb"Expires: 7200\r\n", b""),
    "another Expires first": substitution(rb"Expires: 7200", b"Expires: 0\r\nExpires: 7200"),
    "another Call-ID first": substitution(rb"Call-ID: ", b"Call-ID: x\r\nCall-ID: "),
    "another From first": substitution(rb"From: ", b"From: <sip:nina@litwareinc.com>;tag=3e49177a52\r\nFrom: "),
    "another tag first": substitution(rb";tag=3e49177a52", b";tag=x;tag=3e49177a52"),
    "From URI in capitals": substitution(rb"<sip:ned@", b"<SIP:ned@"),
    "a parameter of the From URI": substitution(rb"(From: [^<]*<[^>]*)>", rb"\1;x>"),
    "a port of the To URI": substitution(rb"(To: <[^>]*)>", rb"\1:5061>"),
    "To tag gone": substitution(rb";tag=88AA", b""),
    "another identity first": substitution(rb"Identity: ", b"Identity: <sip:nina@litwareinc.com>, "),
    "tel identity gone": substitution(rb", <tel[^>]*>", b""),
    "preferred instead of asserted, beside another": substitution(
        rb"P-Asserted-Identity: ", b"P-Asserted-Identity: <sip:nina@litwareinc.com>\r\nP-Preferred-Identity: "
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", WRITINGS)
def test_the_same_values_written_otherwise_verify(name: str, kind: str) -> None:
    data = signed(kind)
    changed = WRITINGS[name](data)
    assert changed != data
    assert verifies(changed, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CHANGES)
def test_other_values_do_not_verify(name: str, kind: str) -> None:
    data = signed(kind)
    changed = CHANGES[name](data)
    assert changed != data
    assert not verifies(changed, kind)


def test_an_identity_that_only_prefers_is_signed_where_none_is_asserted() -> None:
    preferred = parse_message(REQUEST.replace(b"P-Asserted", b"P-Preferred"))
    assert isinstance(preferred, Request)
    data = association("ess", Role.INITIATOR).sign_request(preferred).to_bytes()
    assert verifies(data)
    assert not verifies(data.replace(b"tel:+1", b"tel:+2"))


STRING = (
    b"<NTLM><1a1b1c1d><1><SIP Communications Service><hs1.litwareinc.com><4037df9284354df39065195bd57a4b14><3>"
    b"<REGISTER><sip:ned@litwareinc.com><3e49177a52><sip:ned@litwareinc.com><88AA>"
    b"<sip:ned@litwareinc.com><tel:+15555550123><7200>"
)


@given(data=st.data())
def test_any_byte_anywhere_is_either_not_signed_or_noticed(data: st.DataObject) -> None:
    """Whatever byte is put wherever: if the message verifies, every signed value is what it was."""
    original = signed()
    position = data.draw(st.integers(0, len(original) - 1))
    byte = data.draw(st.integers(0, 255))
    changed = original[:position] + bytes([byte]) + original[position + 1 :]
    framer = StreamFramer()
    framer.feed(changed)
    try:
        message = framer.next()
    except SipError:
        return
    if not isinstance(message, Request):
        return
    result = association("ess", Role.ACCEPTOR).verify_request(message, NOW)
    if result.trusted:
        assert result.buffer is not None
        assert result.buffer.text == STRING
    else:
        assert result.problem in (
            SignatureProblem.INVALID,
            SignatureProblem.MALFORMED,
            SignatureProblem.MISSING,
            SignatureProblem.UNKNOWN_ASSOCIATION,
        )


@pytest.mark.parametrize("name", ["Call-ID", "CSeq", "From", "To"])
def test_a_message_without_a_signed_header_has_no_string(name: str) -> None:
    message = request()
    with pytest.raises(ParseError, match=name):
        signature_buffer(
            message.with_headers(message.headers.without(name)),
            scheme_text="NTLM",
            rand="1a1b1c1d",
            num_text="1",
            realm="r",
            targetname="t",
            version=4,
        )


def test_bytes_that_are_not_utf_8_are_signed_as_they_stand() -> None:
    latin = REQUEST.replace(b"4037df9284354df39065195bd57a4b14", b"R\xe9n\xc3\xa9")
    message = parse_message(latin)
    buffer = signature_buffer(
        message, scheme_text="NTLM", rand="1", num_text="1", realm="r", targetname="t", version=2
    )
    assert b"<R\xe9n\xc3\xa9>" in buffer.text


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", LONG)
def test_the_longest_authentication_headers_are_read_in_linear_time(name: str) -> None:
    for text in (LONG[name], "NTLM " + LONG[name], 'NTLM realm="' + LONG[name]):
        try:
            AuthParameters.parse_all(text)
        except ParseError as error:
            assert len(str(error)) < 200
