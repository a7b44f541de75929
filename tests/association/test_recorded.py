"""Recorded sessions: the string to sign, and the signature itself, as a real client and server made them."""

from __future__ import annotations

from sipauthctl.association.offers import offers
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.association.signing import WireSignature, signature_buffer
from sipauthctl.sip.message import Response, parse_message
from tests.mechanisms.ntlm import recorded

COMMUNICATOR_REQUEST = (
    "REGISTER sip:cosmo.local SIP/2.0\r\n"
    "Via: SIP/2.0/TLS 192.168.172.6:12723\r\n"
    "From: <sip:user@cosmo.local>;tag=3e49177a52;epid=c8ca638a15\r\n"
    "To: <sip:user@cosmo.local>\r\n"
    "Call-ID: 4037df9284354df39065195bd57a4b14\r\n"
    "CSeq: 3 REGISTER\r\n"
    'Proxy-Authorization: NTLM qop="auth", realm="SIP Communications Service", opaque="2BDBAC9D", '
    'targetname="cosmo-ocs-r2.cosmo.local", version=4, gssapi-data="'
    + recorded.AUTHENTICATE_BASE64
    + '", crand="13317733", cnum="1", response="0100000029618e9651b65a7764000000"\r\n'
    "Content-Length: 0\r\n\r\n"
)
OCS_RESPONSE = (
    "SIP/2.0 200 OK\r\n"
    'Authentication-Info: NTLM rspauth="01000000E615438A917661BE64000000", srand="9616454F", snum="1", '
    'opaque="2BDBAC9D", qop="auth", targetname="cosmo-ocs-r2.cosmo.local", realm="SIP Communications Service"\r\n'
    'From: "User"<sip:user@cosmo.local>;tag=3e49177a52;epid=c8ca638a15\r\n'
    "To: <sip:user@cosmo.local>;tag=5E61CCD925D17E043D9A74835A88F664\r\n"
    "Call-ID: 4037df9284354df39065195bd57a4b14\r\n"
    "CSeq: 3 REGISTER\r\n"
    "Via: SIP/2.0/TLS 192.168.172.6:12723;ms-received-port=12723;ms-received-cid=2600\r\n"
    "Expires: 7200\r\n"
    "Content-Length: 0\r\n\r\n"
)
NOKIA_RESPONSE = (
    "SIP/2.0 180 Ringing\r\n"
    'Authentication-Info: NTLM rspauth="010000003EA8D688BA51D5CD64000000", srand="1B6D47A1", snum="11", '
    'opaque="357E6F72", qop="auth", targetname="LOC-COMPANYT-FE03.COMPANY.COM", realm="SIP Communications Service"\r\n'
    "Via: SIP/2.0/tls 192.168.44.10:50230;received=10.117.245.254;ms-received-port=50230\r\n"
    'FROM: "Sender"<sip:sender@company.com>;tag=2420628112;epid=54392f1bbf01\r\n'
    'TO: "recipient"<sip:recipient@company.com>;tag=7aee15546a;epid=3102EB8BD1\r\n'
    "CSEQ: 1 INVITE\r\n"
    "CALL-ID: 41CEg82ECa0AC8i3DD7mE673t9CF4b19DAxF780x\r\n"
    "CONTENT-LENGTH: 0\r\n"
    'P-ASSERTED-IDENTITY: "recipient"<SIP:recipient@company.com>\r\n\r\n'
)
NOKIA_STRING = (
    b"<NTLM><1B6D47A1><11><SIP Communications Service><LOC-COMPANYT-FE03.COMPANY.COM>"
    b"<41CEg82ECa0AC8i3DD7mE673t9CF4b19DAxF780x><1><INVITE><sip:sender@company.com><2420628112>"
    b"<sip:recipient@company.com><7aee15546a><SIP:recipient@company.com><><><180>"
)


def string_of(text: str, header: str, version: int) -> bytes:
    message = parse_message(text.encode())
    parameters = AuthParameters.parse(message.headers.get(header) or "")
    read = WireSignature.of_response if isinstance(message, Response) else WireSignature.of_request
    wire = read(parameters)
    assert wire is not None
    return signature_buffer(
        message,
        scheme_text=parameters.scheme_text,
        rand=wire.rand,
        num_text=wire.num_text,
        realm=parameters.get("realm") or "",
        targetname=parameters.get("targetname") or "",
        version=version,
    ).text


def test_communicator_2007_r2_signs_this_string() -> None:
    assert string_of(COMMUNICATOR_REQUEST, "Proxy-Authorization", 4) == recorded.REQUEST_STRING


def test_ocs_2007_r2_signs_this_string() -> None:
    assert string_of(OCS_RESPONSE, "Authentication-Info", 4) == recorded.RESPONSE_STRING


def test_header_names_in_capitals_and_an_identity_in_capitals() -> None:
    assert string_of(NOKIA_RESPONSE, "Authentication-Info", 4) == NOKIA_STRING


def test_version_2_leaves_to_uri_and_identity_out() -> None:
    text = OCS_RESPONSE.replace("cosmo-ocs-r2.cosmo.local", "ocs1.ocs.provo.novell.com")
    assert b"<3e49177a52><5E61CCD925D17E043D9A74835A88F664><7200><200>" in string_of(text, "Authentication-Info", 2)


def test_offers_are_read_in_both_families_in_any_order_and_quoting() -> None:
    for status, name in ((401, "WWW-Authenticate"), (407, "Proxy-Authenticate")):
        text = (
            f"SIP/2.0 {status} x\r\n"
            f'{name}: NTLM realm="SIP Communications Service", targetname="hs1.litwareinc.com", version=4\r\n'
            f'{name.upper()}: kerberos version="3",\r\n targetname="sip/hs1.litwareinc.com",\r\n\trealm=Plain\r\n'
            f'{name}: TLS-DSK realm="r, with comma", targetname=x, sts-uri="https://x/y", version="4"\r\n\r\n'
        )
        message = parse_message(text.encode())
        assert isinstance(message, Response)
        found = offers(message)
        assert [(o.scheme_text, o.realm, o.targetname, o.version) for o in found] == [
            ("NTLM", "SIP Communications Service", "hs1.litwareinc.com", 4),
            ("kerberos", "Plain", "sip/hs1.litwareinc.com", 3),
            ("TLS-DSK", "r, with comma", "x", 4),
        ]
        assert found[2].sts_uri == "https://x/y"


def test_several_schemes_in_one_header() -> None:
    value = 'NTLM realm="a", targetname="b", version=4, Kerberos realm="c", targetname="d"'
    text = f"SIP/2.0 401 x\r\nWWW-Authenticate: {value}\r\n\r\n"
    message = parse_message(text.encode())
    assert isinstance(message, Response)
    assert [(o.scheme_text, o.realm, o.version) for o in offers(message)] == [
        ("NTLM", "a", 4),
        ("Kerberos", "c", None),
    ]


def test_a_header_with_a_grammar_of_its_own_does_not_hide_the_others() -> None:
    text = (
        "SIP/2.0 401 x\r\nWWW-Authenticate: Negotiate abc/def\r\n"
        'WWW-Authenticate: NTLM realm="a", targetname="b", version=4\r\n\r\n'
    )
    message = parse_message(text.encode())
    assert isinstance(message, Response)
    assert [o.scheme_text for o in offers(message)] == ["NTLM"]
