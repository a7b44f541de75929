"""One byte of a signed field changed on the way: exactly that message is invalid, and the field is named."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Record
from tests.analysis.sessions import GIVEN, NOTHING, changed, outcome, session

REQUEST, ANSWER = 9, 10
# field: pattern with one group around its bytes; the words of the explanation
SIGNED = {
    "rand": rb'[cs]rand="(\w+)"',
    "num": rb'[cs]num="(\d+)"',
    "realm": rb'(?:Authorization|Info): [^\r]*realm="([^"]+)"',
    "targetname": rb'(?:Authorization|Info): [^\r]*targetname="([^"]+)"',
    "Call-ID": rb"\r\nCall-ID: (\w+)",
    "CSeq number": rb"\r\nCSeq: (\d+) ",
    "CSeq method": rb"\r\nCSeq: \d+ (\w+)",
    "From URI": rb"\r\nFrom: [^<\r]*<([^>]+)>",
    "From tag": rb"\r\nFrom: [^\r]*;tag=(\w+)",
    "To URI": rb"\r\nTo: [^<\r]*<([^>]+)>",
    "To tag": rb"\r\nTo: [^\r]*;tag=(\w+)",
    "Expires": rb"\r\nExpires: (\d+)",
    "status code": rb"^SIP/2.0 (\d+) ",
}
UNSIGNED = {
    "Via": rb"branch=(\w+)",
    "Contact": rb"\r\nContact: <sip:([^>]+)>",
    "User-Agent": rb"\r\nUser-Agent: (\w+)",
    "Server": rb"\r\nServer: (\w+)",
    "Max-Forwards": rb"\r\nMax-Forwards: (\d+)",
    "reason": rb"^SIP/2.0 \d+ (\w+)",
}


def other(byte: int) -> bytes:
    return (b"1" if byte != ord("1") else b"2") if chr(byte).isdigit() else (b"x" if byte != ord("x") else b"y")


def cases(patterns: dict[str, bytes]) -> list[tuple[str, int, bool]]:
    return [(name, place, extended) for name in patterns for place in (REQUEST, ANSWER) for extended in (True, False)]


def altered(name: str, pattern: bytes, place: int, extended: bool, position: int) -> list[Record] | None:
    records = session(extended=extended)
    raw = records[place - 1].raw
    match = re.search(pattern, raw)
    if match is None:
        return None
    at = match.start(1) + (position if position >= 0 else len(match[1]) + position)
    return changed(records, place, raw, raw[:at] + other(raw[at]) + raw[at + 1 :])


@pytest.mark.parametrize(("name", "place", "extended"), cases(SIGNED))
def test_with_a_secret(name: str, place: int, extended: bool) -> None:
    records = altered(name, SIGNED[name], place, extended, 0 if extended else -1)
    if records is None:
        assert (name, place) in {("status code", REQUEST), ("To tag", REQUEST), ("Expires", REQUEST)}
        return
    seen = outcome(records, GIVEN)
    wrong = {s.frame for s in seen.signatures if s.verdict is not Verdict.VALID}
    assert wrong == {place}
    assert seen.verdicts[place] is Verdict.INVALID
    assert len(seen.associations) == 1
    assert len(seen.signatures) == 10
    (explained,) = seen.associations[0].explained
    assert explained.place == place
    assert name in explained.sentence
    assert "signature-invalid" in seen.ids


@pytest.mark.parametrize(("name", "place"), [(name, place) for name in SIGNED for place in (REQUEST, ANSWER)])
def test_without_a_secret(name: str, place: int) -> None:
    records = altered(name, SIGNED[name], place, False, -1)
    if records is None:
        return
    seen = outcome(records, NOTHING)
    assert {s.frame for s in seen.signatures if s.verdict is not Verdict.CONSISTENT} == {place}
    assert seen.verdicts[place] is Verdict.INCONSISTENT
    assert [name in sentence for sentence in seen.sentences] == [True]


@pytest.mark.parametrize(("name", "place", "extended"), cases(UNSIGNED))
def test_a_change_that_is_not_signed(name: str, place: int, extended: bool) -> None:
    records = altered(name, UNSIGNED[name], place, extended, 0)
    if records is None:
        return
    assert {s.verdict for s in outcome(records, GIVEN).signatures} == {Verdict.VALID}


@pytest.mark.parametrize("place", [REQUEST, ANSWER])
def test_a_changed_signature(place: int) -> None:
    records = session()
    raw = records[place - 1].raw
    match = re.search(rb'(?:response|rspauth)="(\w+)"', raw)
    assert match is not None
    at = match.start(1) + 12
    records = changed(records, place, raw, raw[:at] + (b"0" if raw[at] != ord("0") else b"1") + raw[at + 1 :])
    seen = outcome(records)
    assert {s.frame for s in seen.signatures if s.verdict is not Verdict.VALID} == {place}
    assert seen.mistakes == ["signature-changed"]


def test_a_changed_address_is_shown_with_both_values() -> None:
    seen = outcome(changed(session(), REQUEST, b"From: <sip:ned@", b"From: <sip:nad@"))
    assert seen.sentences == [
        "the From URI was changed after signing: 'sip:ned@litwareinc.com' was signed, "
        "the message has 'sip:nad@litwareinc.com'"
    ]


@pytest.mark.parametrize("extended", [True, False])
def test_every_message_of_a_session_in_turn(extended: bool) -> None:
    records = session(extended=extended)
    for place in range(5, len(records) + 1):
        seen = outcome(changed(records, place, b"To: <sip:ned@", b"To: <sip:Ned@"))
        assert [s.frame for s in seen.signatures if s.verdict is Verdict.INVALID] == [place]
        assert "To URI" in seen.sentences[0]


@pytest.mark.parametrize("extended", [True, False])
def test_an_expiry_that_is_shortened_in_every_answer(extended: bool) -> None:
    """No other message has the right value."""
    granted = b"Expires: 7200"
    records = session(extended=extended)
    shortened = [replace(r, raw=r.raw.replace(granted, b"Expires: 600")) for r in records]
    seen = outcome(shortened, GIVEN if extended else NOTHING)
    assert len(seen.sentences) == sum(granted in record.raw for record in records) > 1
    assert {*seen.sentences} == {"the Expires was changed after signing: '7200' was signed, the message has '600'"}
