"""Requests that the server sends, and the client's answers to them: signed too, in the same headers and counters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Record
from tests.analysis import independent
from tests.analysis.sessions import GIVEN, NOTHING, PASSWORD, changed, outcome, session

NOTIFY = (
    b"NOTIFY sip:192.0.2.35:40000 SIP/2.0\r\n"
    b"Via: SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bKaa\r\n"
    b"From: <sip:presence@litwareinc.com>;tag=s1\r\n"
    b"To: <sip:ned@litwareinc.com>;tag=c1;epid=%b\r\n"
    b"Call-ID: 5e0f\r\n"
    b"CSeq: 1 NOTIFY\r\n"
    b'Authentication-Info: NTLM rspauth="00", srand="0badcafe", snum="6", opaque="%b", qop="auth", '
    b'targetname="hs1.litwareinc.com", realm="SIP Communications Service"\r\n'
    b"Content-Length: 0\r\n\r\n"
)
ANSWER = (
    b"SIP/2.0 200 OK\r\n"
    b"Via: SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bKaa\r\n"
    b"From: <sip:presence@litwareinc.com>;tag=s1\r\n"
    b"To: <sip:ned@litwareinc.com>;tag=c1;epid=%b\r\n"
    b"Call-ID: 5e0f\r\n"
    b"CSeq: 1 NOTIFY\r\n"
    b'Authorization: NTLM qop="auth", realm="SIP Communications Service", opaque="%b", '
    b'targetname="hs1.litwareinc.com", crand="0badf00d", cnum="6", response="00", version=4\r\n'
    b"Content-Length: 0\r\n\r\n"
)


def with_notify(extended: bool) -> list[Record]:
    records = session(extended=extended)
    epid = independent.value(records[4].raw, rb";epid=(\w+)")
    opaque = independent.value(records[4].raw, rb'opaque="(\w+)"')
    challenge, authenticate = independent.tokens(records)
    keys = independent.keys(challenge, authenticate, PASSWORD)
    made: list[Record] = []
    for template, who, like in ((NOTIFY, "server", records[-1]), (ANSWER, "client", records[-2])):
        raw = template % (epid, opaque)
        signature = independent.signature(keys, who, independent.joined(independent.string_fields(raw, who)))
        place = len(records) + len(made) + 1
        made.append(independent.resigned(replace(like, raw=raw, place=place, time=records[-1].time), signature))
    return [*records, *made]


@pytest.mark.parametrize("extended", [True, False])
def test_they_belong_to_the_association_of_the_registration(extended: bool) -> None:
    seen = outcome(with_notify(extended), GIVEN)
    assert len(seen.associations) == 1
    assert {s.verdict for s in seen.signatures} == {Verdict.VALID}
    assert [(s.sender.value, s.num) for s in seen.signatures][-2:] == [("server", 6), ("client", 6)]
    assert "signature-missing" not in seen.ids


def test_and_are_related_without_a_secret() -> None:
    assert {s.verdict for s in outcome(with_notify(False), NOTHING).signatures} == {Verdict.CONSISTENT}


@pytest.mark.parametrize("place", [15, 16])
def test_a_change_of_one_is_found(place: int) -> None:
    seen = outcome(changed(with_notify(True), place, b"presence@", b"presenCe@"))
    assert {s.frame for s in seen.signatures if s.verdict is Verdict.INVALID} == {place}
    assert "From URI" in seen.sentences[0]
