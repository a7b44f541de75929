"""What an onlooker sees of a healthy sign-in and must not take for a fault: other legs, other clocks, parts of it."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from sipauthctl.analysis.analyze import Analysis
from sipauthctl.analysis.results import State
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.merge import merge
from sipauthctl.capture.record import Address, Notice, Record
from tests.analysis import independent
from tests.analysis.independent import resigned, signature, string_fields
from tests.analysis.sessions import CLIENT, GIVEN, NOTHING, Outcome, changed, lab, outcome, put, session

PROXY, HOME = Address("192.0.2.1", 5061), Address("192.0.2.2", 5061)


def errors(seen: Outcome) -> list[str]:
    return [found.id for found in seen.findings if found.severity.value == "error"]


def inner_leg(record: Record) -> Record:
    """The message between the proxy and the home server: one Via more, answers not signed yet."""
    via = b"\r\nVia: SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bKproxy\r\nVia:"
    raw = record.raw.replace(b"\r\nVia:", via, 1)
    raw = re.sub(rb"\r\nAuthentication-Info: [^\r]*", b"", raw)
    ends = (PROXY, HOME) if record.source == CLIENT else (HOME, PROXY)
    return replace(record, raw=raw, source=ends[0], destination=ends[1], place=record.place + 100)


def both_legs(records: list[Record]) -> list[Record]:
    """What a trace of the proxy has: requests come in and go on, answers come back and are signed."""
    found: list[Record] = []
    for record in records:
        ends = (CLIENT, PROXY) if record.source == CLIENT else (PROXY, CLIENT)
        outer = replace(record, source=ends[0], destination=ends[1])
        forwarded = record.place > 4  # the handshake is the proxy's own
        pair = [outer, inner_leg(record)] if record.source == CLIENT else [inner_leg(record), outer]
        found += pair if forwarded else [outer]
    return found


@pytest.mark.parametrize("secrets", [GIVEN, NOTHING])
def test_a_trace_of_a_proxy_has_both_its_sides(secrets: object) -> None:
    seen = outcome(both_legs(session()), secrets)  # type: ignore[arg-type]
    assert seen.serious == []
    assert len(seen.associations) == 1


def test_an_unsigned_answer_on_the_inner_side_alone_is_no_error() -> None:
    seen = outcome([inner_leg(record) for record in session()])
    assert errors(seen) == []


def test_a_log_whose_zone_is_not_known_beside_a_capture() -> None:
    """Its messages come hours before those of the capture, on the same time line."""
    records = session()
    log = [
        replace(r, time=r.time - timedelta(hours=8), input="x.uccapilog", place=r.place * 50)
        for r in records
        if r.time is not None
    ]
    for order in ([log, records], [records, log]):
        analysis = Analysis(merge(order), GIVEN, local_times={"x.uccapilog"})
        associations = list(analysis.associations())
        assert {s.verdict for a in associations for s in a.signatures} == {Verdict.VALID}
        assert [f.id for f in analysis.findings if f.severity.value != "info"] == []


@pytest.mark.parametrize("later", [-30, 5, 30, 50, 5000], ids=lambda ms: f"{ms}ms")
def test_a_refused_sign_in_of_two_inputs_is_told_once(later: int) -> None:
    """Copies of its messages come when the handshake is over; they are no second sign-in, and no first challenge."""
    records = lab(password="not his password", lab={"redirect": False})
    again = [replace(r, time=r.time + timedelta(milliseconds=later), input="2.pcap") for r in records if r.time]
    alone, both = outcome(records), outcome(merge([records, again]))
    assert both.ids == alone.ids
    assert [one.state for one in both.associations] == [one.state for one in alone.associations] == [State.FAILED]


def test_a_client_that_keeps_its_cseq_from_one_token_to_the_next() -> None:
    """As pidgin-sipe does it with 407: no copy of the request before."""
    records = session(family=HeaderFamily.PROXY)[:6]
    seen = outcome([replace(r, raw=re.sub(rb"CSeq: \d+", b"CSeq: 1", r.raw)) for r in records])
    assert [one.state for one in seen.associations] == [State.ESTABLISHED]
    assert "handshake-incomplete" not in seen.ids
    assert "cseq-not-increased" in seen.ids


@pytest.mark.parametrize("missing", [5, 6])
def test_what_the_server_signs_shows_that_it_took_the_token_that_the_capture_lacks(missing: int) -> None:
    seen = outcome([record for record in session() if record.place != missing])
    assert [one.state for one in seen.associations] == [State.ESTABLISHED]
    assert "handshake-incomplete" not in seen.ids


def test_requests_alone_are_one_sign_in() -> None:
    seen = outcome([record for record in session() if record.source == CLIENT])
    assert len(seen.associations) == 1
    assert len(seen.signatures) == 5


def test_two_captures_one_after_the_other() -> None:
    records = session()
    second = [replace(record, input="later.pcap") for record in records[8:]]
    seen = outcome([*records[:8], *second])
    assert seen.serious == []


def test_messages_that_overtake_each_other_are_no_gap() -> None:
    records = session()
    order = [*records[:8], records[10], records[8], *records[9:10], *records[11:]]
    assert "num-gap" not in outcome(order).ids
    assert "num-gap" in outcome([record for record in records if record.place != 9]).ids


def test_a_client_that_gives_its_credentials_under_another_call_id() -> None:
    records = session()
    first = [replace(r, raw=re.sub(rb"Call-ID: \w+", b"Call-ID: first", r.raw)) for r in records[:2]]
    assert "handshake-incomplete" not in outcome([*first, *records[2:]]).ids


def test_a_capture_of_one_direction() -> None:
    for kept in (1, 3):
        requests = [record for record in session()[:kept] if record.source == CLIENT]
        later = lab(user="nina", lab={"redirect": False})
        alone = [replace(record, time=(later[-1].time or timedelta()) + timedelta(minutes=9)) for record in later[::2]]  # type: ignore[operator]
        seen = outcome([*requests, *alone])
        assert errors(seen) == []


def via(value: bytes) -> Callable[[list[Record]], list[Record]]:
    def change(records: list[Record]) -> list[Record]:
        raw = re.sub(rb"(\r\nVia: SIP/2.0/TLS )[^\r;]*", lambda m: m[1] + value, records[5].raw)
        return put(records, replace(records[5], raw=raw))

    return change


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"ws1.litwareinc.com:40000;received=198.51.100.9", False),
        (b"192.0.2.35:40000;received=192.0.2.35", False),
        (b"[2001:db8::1]:40000;received=2001:DB8:0::1", False),
        (b"192.168.0.3:40000;received=198.51.100.9", True),
    ],
)
def test_address_translation_shows_in_addresses_alone(value: bytes, found: bool) -> None:
    assert ("nat-detected" in outcome(via(value)(session())).ids) is found


def test_a_challenge_that_tells_no_names_says_nothing_of_a_domain() -> None:
    records = session()
    challenge = bytearray(independent.tokens(records)[0])
    (flags,) = struct.unpack_from("<I", challenge, 20)
    struct.pack_into("<I", challenge, 20, flags & ~0x00800000)
    struct.pack_into("<HHI", challenge, 40, 0, 0, 48)
    raw = re.sub(rb'gssapi-data="[^"]*"', b'gssapi-data="' + base64.b64encode(challenge) + b'"', records[3].raw)
    seen = outcome(put(records, replace(records[3], raw=raw)), NOTHING)
    assert "server-not-domain-joined" not in seen.ids


def test_a_wrong_sequence_number_is_not_taken_for_forgeable_signatures() -> None:
    records = session()
    keys = independent.keys(*independent.tokens(records), "Litware-Ned-1")
    text = independent.joined(string_fields(records[8].raw, "client"))
    seen = outcome([resigned(records[8], signature(keys, "client", text, sequence=0))], NOTHING)
    assert "ntlm-forgeable-signatures" not in seen.ids
    assert "ntlm-forgeable-signatures" in outcome(session(extended=False)[6:], NOTHING).ids


def test_an_unknown_zone_leaves_open_which_clock_is_ahead() -> None:
    analysis = Analysis(lab("clock-skew", lab={"redirect": False}), GIVEN, local_times={"session.pcap"})
    list(analysis.associations())
    details = [found.detail for found in analysis.findings if found.id.endswith("clock-skew")]
    assert not [detail for detail in details if "ahead" in detail or "behind" in detail]


def test_a_register_between_servers_is_not_asked_for_credentials() -> None:
    records = session()
    answered = replace(records[1], raw=re.sub(rb"SIP/2.0 401 [^\r]*", b"SIP/2.0 200 OK", records[1].raw))
    seen = outcome([records[0], answered])
    assert seen.ids == ["not-challenged"]
    assert errors(seen) == []


def test_a_wrong_signature_in_a_log_that_lost_lines_is_doubted() -> None:
    records = changed(session(), 9, b"From: <sip:ned@", b"From: <sip:nad@")
    damage = Notice("damaged-message", "A message does not have as many bytes as the log says.", "session.pcap", 9)
    assert errors(outcome(records)) == ["signature-invalid"]
    seen = outcome([damage, *records])
    assert errors(seen) == []
    (found,) = [finding for finding in seen.findings if finding.id == "signature-invalid"]
    assert "lines of this log are missing or changed" in found.detail


def test_a_cseq_that_goes_back_on_one_leg_is_still_found() -> None:
    records = session()
    assert "cseq-not-increased" in outcome(changed(records, 9, b"CSeq: 5", b"CSeq: 2")).ids
