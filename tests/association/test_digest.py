"""Digest headers: read and written, and the recognition of an anonymous join."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.association.digest import (
    DigestChallenge,
    DigestCredentials,
    answer_challenge,
    is_anonymous_join,
)
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.mechanisms.digest import DigestAlgorithm
from sipauthctl.sip.errors import ParseError
from sipauthctl.sip.message import Message, Request, parse_head

# [MS-SIPAE] 4.5
CHALLENGE = (
    'Digest realm="bob@contoso.com", nonce="h8A4ZW22ygGZozIIGZcb43waVME-M6Gq", opaque="0C1D4536", '
    'algorithm=MD5-sess, qop="auth"'
)
INVITE = (
    "INVITE sip:bob@contoso.com;gruu;opaque=app:conf:focus:id:854T0R7G SIP/2.0\r\n"
    "Via: SIP/2.0/TLS 157.56.64.61:13184\r\nMax-Forwards: 70\r\n"
    'From: "Alice" <sip:6551156d569c4b7d945f310ff10943c5@anonymous.invalid>;tag=c9ef6b0990;epid=c32b51b28c\r\n'
    "To: <sip:bob@contoso.com;gruu;opaque=app:conf:focus:id:854T0R7G>\r\n"
    "Call-ID: 6d5b48eabee745c49dcf7e064c37cbe9\r\nCSeq: 1 INVITE\r\n"
)
# Values come from outside: bytes that are no text, quotes, backslashes, commas, but no line ends.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=40)


def invite(text: str = INVITE) -> Message:
    return parse_head(text.strip().encode())


def test_the_challenge_of_an_anonymous_join() -> None:
    challenge = DigestChallenge.of(AuthParameters.parse(CHALLENGE))
    assert challenge.realm == "bob@contoso.com"
    assert challenge.algorithm is DigestAlgorithm.MD5_SESS
    assert (challenge.qop, challenge.opaque, challenge.stale) == (("auth",), "0C1D4536", False)
    assert challenge.format() == CHALLENGE


def test_an_answer_is_right_for_the_password_and_for_no_other() -> None:
    request = invite()
    assert isinstance(request, Request)
    challenge = DigestChallenge.of(AuthParameters.parse(CHALLENGE))
    credentials = answer_challenge(challenge, request, "alice", "1234", cnonce="0a4f113b")
    assert (credentials.qop, credentials.nc, credentials.opaque) == ("auth", "00000001", "0C1D4536")
    assert credentials.expected("INVITE", b"", "1234") == credentials.response
    assert credentials.expected("INVITE", b"", "1235") != credentials.response
    assert credentials.expected("BYE", b"", "1234") != credentials.response


def test_the_credentials_of_rfc_3261_22_4_are_read() -> None:
    parsed = DigestCredentials.of(
        AuthParameters.parse(
            'Digest username="bob", realm="biloxi.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
            'uri="sip:bob@biloxi.com", qop=auth, nc=00000001, cnonce="0a4f113b", '
            'response="89eb0059246c02b2f6ee02c7961d5ea3", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
        )
    )
    assert parsed.expected("INVITE", b"", "zanzibar") == parsed.response
    assert parsed.count == 1


def test_an_algorithm_that_is_not_known_gives_no_expectation() -> None:
    text = 'Digest username="a", realm="b", nonce="c", uri="sip:d", response="e", algorithm=AKAv1-MD5'
    assert DigestCredentials.of(AuthParameters.parse(text)).expected("INVITE", b"", "1") is None


@pytest.mark.parametrize("missing", ["username", "realm", "nonce", "uri", "response", "nc", "cnonce"])
def test_credentials_that_lack_a_parameter_are_an_error(missing: str) -> None:
    names = ("username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce")
    parameters = tuple((name, "1") for name in names if name != missing)
    with pytest.raises(ParseError, match=missing):
        DigestCredentials.of(AuthParameters("Digest", parameters))


def test_a_challenge_with_an_unknown_qop_or_algorithm_cannot_be_answered() -> None:
    request = invite()
    assert isinstance(request, Request)
    for text in ('Digest realm="a", nonce="b", qop="new"', 'Digest realm="a", nonce="b", algorithm=NEW'):
        with pytest.raises(ParseError):
            answer_challenge(DigestChallenge.of(AuthParameters.parse(text)), request, "a", "b", cnonce="c")


@given(username=TEXTS, realm=TEXTS, nonce=TEXTS, password=TEXTS, algorithm=st.sampled_from(list(DigestAlgorithm)))
def test_written_credentials_read_the_same(
    username: str, realm: str, nonce: str, password: str, algorithm: DigestAlgorithm
) -> None:
    request = invite()
    assert isinstance(request, Request)
    challenge = DigestChallenge(realm, nonce, None, algorithm, algorithm.text, ("auth",), False)
    credentials = answer_challenge(challenge, request, username, password, cnonce="1")
    read = DigestCredentials.of(AuthParameters.parse(credentials.format()))
    assert read == credentials
    assert read.expected("INVITE", b"", password) == credentials.response


@given(st.text(max_size=200))
def test_whatever_stands_in_a_header_is_read_or_refused(text: str) -> None:
    for read in (DigestChallenge.of, DigestCredentials.of):
        try:
            read(AuthParameters.parse("Digest " + text))
        except ParseError:
            continue


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("@anonymous.invalid", "@contoso.com"),
        ("opaque=app:conf:focus:id:854T0R7G>", "opaque=user:epid:1>"),
        ("1 INVITE", "1 REGISTER"),
        ('From: "Alice"', "From: <"),
    ],
)
def test_what_is_no_anonymous_join(old: str, new: str) -> None:
    assert is_anonymous_join(invite())
    assert old in INVITE
    assert not is_anonymous_join(invite(INVITE.replace(old, new)))


@pytest.mark.parametrize(("nc", "count"), [("0000000a", 10), ("-1", None), ("1_0", None), (" 1", None), ("", None)])
def test_a_nonce_count_is_hexadecimal_digits_alone(nc: str, count: int | None) -> None:
    text = f'Digest username="u", realm="r", nonce="n", uri="sip:a@b", response="0", qop="auth", cnonce="c", nc="{nc}"'
    assert DigestCredentials.of(AuthParameters.parse(text)).count == count
