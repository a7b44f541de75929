"""The form of MIC tokens, judged without a key: tokens of MIT Kerberos pass, malformed ones do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.mechanisms.kerberos.mic import form_problem, sequence_of
from sipauthctl.mechanisms.kerberos.token import session_key_type
from tests.mechanisms.kerberos.recorded import Recorded, context, contexts

AES256, RC4 = 18, 23
GOOD = context().mics["client"][0]
OLD = context("arcfour-hmac").mics["client"][0]


@pytest.mark.parametrize("recorded", contexts(), ids=[found.name for found in contexts()])
def test_tokens_of_a_real_peer_have_the_right_form(recorded: Recorded) -> None:
    key_type = session_key_type(recorded.token)
    for who, mics in recorded.mics.items():
        assert [form_problem(mic, who == "server", type_) for mic in mics for type_ in (key_type, None)] == [""] * 6


@pytest.mark.parametrize(
    ("type_", "number"), [("aes256-cts-hmac-sha1-96", 18), ("aes128-cts-hmac-sha256-128", 19), ("arcfour-hmac", 23)]
)
def test_the_authenticator_names_the_type_of_the_session_key(type_: str, number: int) -> None:
    assert session_key_type(context(type_).token) == number


def test_a_damaged_token_names_no_type() -> None:
    token = context().token
    assert {session_key_type(part) for part in (b"", token[:-1], token[:17] + b"\x30\x00")} == {None}


MALFORMED = [
    (bytes.fromhex("fefeacdd"), "begins with fefe"),
    (b"", "begins with"),
    (GOOD[:-1], "has 27 bytes"),
    (GOOD + b"\0", "has 29 bytes"),
    (GOOD[:3], "has 3 bytes"),
    (context("aes128-cts-hmac-sha256-128").mics["client"][0], "has 32 bytes; a MIC token of this key has 28"),
    (b"\x05\x04" + GOOD[2:], "begins with 0504"),  # the TOK_ID of a Wrap token
    (GOOD[:3] + b"\0" + GOOD[4:], "filler"),
    (GOOD[:2] + b"\x01" + GOOD[3:], "SentByAcceptor"),
    (GOOD[:8] + GOOD[8:16][::-1] + GOOD[16:], "SND_SEQ"),  # the least significant byte first
    (OLD, "a token of RFC 1964"),
]


@pytest.mark.parametrize(("token", "words"), MALFORMED, ids=[words for _, words in MALFORMED])
def test_a_malformed_token_is_told(token: bytes, words: str) -> None:
    assert words in form_problem(token, False, AES256)


MALFORMED_OLD = [
    (OLD[:-1], "36 bytes"),
    (OLD.replace(b"\x01\x01\x11\x00", b"\x02\x01\x11\x00"), "TOK_ID"),
    (OLD.replace(b"\xff" * 4, b"\0" * 4), "filler"),
    (b"\x60\x22" + OLD[2:-1], "checksum"),
]


@pytest.mark.parametrize(("token", "words"), MALFORMED_OLD, ids=[words for _, words in MALFORMED_OLD])
def test_a_malformed_token_of_an_rc4_key_is_told(token: bytes, words: str) -> None:
    assert words in form_problem(token, False, RC4)


@given(st.binary(max_size=64), st.booleans(), st.sampled_from([None, AES256, RC4]))
def test_any_bytes_are_judged(token: bytes, by_acceptor: bool, key_type: int | None) -> None:
    form_problem(token, by_acceptor, key_type)
    sequence_of(token)
    session_key_type(token)
