"""Messages as RFC 3261 has them, and as servers of this family send them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.sip.errors import (
    BodyTooLarge,
    HeaderBlockTooLarge,
    LineTooLong,
    ParseError,
    SipError,
    TooManyHeaders,
)
from sipauthctl.sip.headers import Headers, split_list
from sipauthctl.sip.limits import DEFAULT_LIMITS, Limits
from sipauthctl.sip.message import Response, parse_message
from sipauthctl.sip.name_addr import NameAddr
from sipauthctl.sip.params import quote, unquote
from sipauthctl.sip.uri import SipUri


def test_bytes_that_are_not_utf_8_are_given_back() -> None:
    latin = b'SIP/2.0 200 \xe9\r\nFrom: "Ren\xe9" <sip:r@x>;tag=1\r\nContent-Length: 0\r\n\r\n'
    message = parse_message(latin)
    assert message.to_bytes() == latin
    assert (message.from_.display_name or "").encode("utf-8", "surrogateescape") == b"Ren\xe9"


def test_a_message_that_is_written_can_be_read() -> None:
    headers = Headers([("Via", "SIP/2.0/TLS h"), ("From", '"Åsa, \\"x\\"" <sip:a@b>;tag=1'), ("Call-ID", "x")])
    written = Response(status=200, reason="OK", headers=headers, body=b"abc").to_bytes()
    again = parse_message(written)
    assert isinstance(again, Response)
    assert (again.status, again.reason, again.body) == (200, "OK", b"abc")
    assert again.headers.get("content-length") == "3"
    assert again.from_.display_name == 'Åsa, "x"'


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"REGISTER sip:x SIP/7.0", "version"),  # RFC 4475 3.1.2.16
        (b"REGISTER  sip:x SIP/2.0", "start line"),  # 3.1.2.9, extra spaces
        (b"REGISTER sip:x SIP/2.0 ", "start line"),
        (b"REGISTER <sip:x> SIP/2.0", "start line"),  # 3.1.2.7, URI in brackets
        (b"SIP/2.0 2OO OK", "status line"),
        (b"SIP/2.0 4294967301 better not", "status line"),  # 3.1.2.19
        (b"HTTP/1.1 400 Bad Request", "HTTP"),
        (b"\x16\x03\x01\x02\x00", "TLS"),
        (b"", "start line"),
    ],
)
def test_a_wrong_start_line_is_refused(start: bytes, words: str) -> None:
    with pytest.raises(ParseError, match=words):
        parse_message(start + b"\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    "cseq",
    [
        "REGISTER",
        "1",
        "x REGISTER",
        "-1 REGISTER",
        "4294967296 REGISTER",
        "99999999999999999999999 REGISTER",
        "1 A B",
        "",
    ],
)
def test_a_wrong_cseq_is_refused(cseq: str) -> None:
    message = parse_message(f"SIP/2.0 200 OK\r\nCSeq: {cseq}\r\n\r\n".encode())
    with pytest.raises(ParseError):
        _ = message.cseq


@pytest.mark.parametrize("length", ["-1", "x", "99999999999999", "4\r\nContent-Length: 5", ""])
def test_a_wrong_content_length_is_refused(length: str) -> None:
    with pytest.raises(SipError):
        parse_message(f"SIP/2.0 200 OK\r\nContent-Length: {length}\r\n\r\nabcd".encode())


def test_a_body_shorter_than_announced_is_refused_and_a_longer_one_is_cut() -> None:
    with pytest.raises(ParseError, match="only 2 bytes"):
        parse_message(b"SIP/2.0 200 OK\r\nContent-Length: 4\r\n\r\nab")
    assert parse_message(b"SIP/2.0 200 OK\r\nContent-Length: 1\r\n\r\nab").body == b"a"


LIMITS = Limits(line=100, header_block=300, headers=5, body=10)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"SIP/2.0 200 OK\r\nX: " + b"a" * 101 + b"\r\n\r\n", LineTooLong),
        (
            b"SIP/2.0 200 OK\r\n"
            + b"X: "
            + b"a" * 90
            + b"\r\nY: "
            + b"a" * 90
            + b"\r\nZ: "
            + b"a" * 90
            + b"\r\nW: "
            + b"a" * 90
            + b"\r\n\r\n",
            HeaderBlockTooLarge,
        ),
        (b"SIP/2.0 200 OK\r\n" + b"X: 1\r\n" * 6 + b"\r\n", TooManyHeaders),
        (b"SIP/2.0 200 OK\r\n\r\n" + b"a" * 11, BodyTooLarge),
    ],
)
def test_each_limit_has_its_own_error(text: bytes, error: type[SipError]) -> None:
    with pytest.raises(error):
        parse_message(text, LIMITS)


def test_the_usual_limits_hold_a_large_kerberos_token() -> None:
    token = b"A" * 60_000
    message = parse_message(b'REGISTER sip:x SIP/2.0\r\nAuthorization: Kerberos gssapi-data="' + token + b'"\r\n\r\n')
    assert len(message.headers.get("Authorization") or "") > 60_000
    assert DEFAULT_LIMITS.line > 60_000


COMPACT = {"f": "From", "t": "To", "i": "Call-ID", "m": "Contact", "l": "Content-Length", "v": "Via", "s": "Subject"}


@pytest.mark.parametrize(("short", "long"), COMPACT.items())
def test_a_compact_name_equals_its_long_one_in_any_case(short: str, long: str) -> None:
    headers = Headers([(short.upper(), "a"), (long.upper(), "b")])
    assert headers.get_all(long.lower()) == ("a", "b")
    assert long in headers
    assert len(headers.without(long)) == 0
    assert headers.replace(long, "c").get_all(short) == ("c",)


def test_repeated_headers_and_lists_are_one() -> None:
    headers = Headers([("Supported", "a, b"), ("X", "1"), ("supported", "c,,d")])
    assert headers.values("Supported") == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ('"a, b" <sip:x,y@z>;p="c, d", <tel:+1>', ('"a, b" <sip:x,y@z>;p="c, d"', "<tel:+1>")),
        (r'"a \", b" <sip:x>, c', (r'"a \", b" <sip:x>', "c")),
        (r'"a \\", b', (r'"a \\"', "b")),
        ('<sip:a"b>, <sip:c"d>', ('<sip:a"b>', '<sip:c"d>')),
        ("<sip:a>, sip:b;tag=1", ("<sip:a>", "sip:b;tag=1")),
        ('"never closed, x', ('"never closed, x',)),
    ],
)
def test_commas_in_quotes_and_brackets_do_not_split(value: str, parts: tuple[str, ...]) -> None:
    assert split_list(value) == parts


def test_an_asserted_identity_with_a_sip_and_a_tel_uri() -> None:
    both = NameAddr.parse_list(('"Ned, Flint" <sip:ned@litwareinc.com>', "<tel:+1-555-0123;ext=7>"))
    assert [identity.uri for identity in both] == ["sip:ned@litwareinc.com", "tel:+1-555-0123;ext=7"]


@pytest.mark.parametrize(
    ("text", "uri", "tag"),
    [
        ("sip:a@b;tag=1", "sip:a@b", "1"),  # addr-spec: parameters belong to the header
        ("<sip:a@b;user=phone>;tag=1", "sip:a@b;user=phone", "1"),
        ("Ned <sip:a@b>", "sip:a@b", None),
        ('"\xc3\x85sa" <SIP:A@B> ; TAG = x', "SIP:A@B", "x"),
    ],
)
def test_address_forms(text: str, uri: str, tag: str | None) -> None:
    address = NameAddr.parse(text)
    assert (address.uri, address.tag) == (uri, tag)


@pytest.mark.parametrize("text", ["", "<sip:a@b", '"Ned <sip:a@b>', "<>", "Ned", '"x" sip:a@b <sip:c'])
def test_a_wrong_address_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        NameAddr.parse(text)


def test_uris() -> None:
    uri = SipUri.parse("sip:hs2.litwareinc.com:5061;transport=TLS;lr")
    assert (uri.host, uri.port, uri.transport, uri.param("lr"), uri.user) == (
        "hs2.litwareinc.com",
        5061,
        "tls",
        "",
        None,
    )
    assert SipUri.parse("sips:Ned@[2001:db8::1]:5061").host == "2001:db8::1"
    assert SipUri.parse("sip:Ned@Litwareinc.com;x").address_of_record == "sip:ned@litwareinc.com"


@pytest.mark.parametrize(
    "text", ["", "sip:", "tel:+1", "sip:a@b@c d", "sip:h:0", "sip:h:65536", "sip:h:x", "http://h"]
)
def test_a_wrong_uri_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        SipUri.parse(text)


@given(st.text())
def test_quoting_can_be_undone(text: str) -> None:
    assert unquote(quote(text)) == text


@given(
    st.lists(
        st.text(
            alphabet=st.characters(blacklist_characters='",<>;', blacklist_categories=["Cs", "Zs", "Cc"]), min_size=1
        )
    )
)
def test_a_list_splits_into_what_was_joined(parts: list[str]) -> None:
    stripped = [part.strip() for part in parts if part.strip()]
    assert [part for part in split_list(", ".join(stripped)) if part] == stripped


@given(st.binary(max_size=400))
def test_any_bytes_are_a_message_or_a_sip_error(data: bytes) -> None:
    for prefix in (b"", b"SIP/2.0 200 OK\r\n", b"REGISTER sip:x SIP/2.0\r\nFrom: "):
        try:
            message = parse_message(prefix + data)
        except SipError as error:
            assert str(error).isprintable()
            continue
        assert message.to_bytes() == prefix + data
