"""Hostile and damaged input: no error leaves the analysis, and tables stay bounded."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipauthctl.analysis.analyze import Analysis
from sipauthctl.analysis.dialogs import CREDENTIALS_KEPT
from sipauthctl.analysis.reconstruction import Reconstruction
from sipauthctl.analysis.table import NEWEST, AssociationTable
from sipauthctl.analysis.tracked import Step
from sipauthctl.analysis.wrong_signatures import MistakeSearch
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Notice, Record
from sipauthctl.findings import Finding
from sipauthctl.report.json_output import finding_list
from tests.analysis.sessions import GIVEN, NOTHING, lab, outcome, put, session

HEADERS = [b"Call-ID", b"CSeq", b"From", b"To", b"Via", b"Authorization", b"Authentication-Info", b"WWW-Authenticate"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=400), max_size=6))
def test_garbage_is_counted_and_passed_over(blobs: list[bytes]) -> None:
    first = session()[0]
    items = [replace(first, raw=blob, place=number) for number, blob in enumerate(blobs, 1)]
    analysis = Analysis(items, GIVEN)
    assert list(analysis.associations()) == []
    if blobs:
        (count,) = analysis.inputs
        assert count.messages == len(blobs)
        assert count.unreadable <= len(blobs)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.data())
@pytest.mark.parametrize("extended", [True, False])
def test_damaged_sessions(extended: bool, data: st.DataObject) -> None:
    """Any bytes of any messages overwritten, messages left out, doubled and mixed up."""
    records = session(4, extended=extended, redirect=True)
    order = data.draw(st.lists(st.sampled_from(records), min_size=1, max_size=16))
    items: list[Record] = []
    for record in order:
        raw = record.raw
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, len(raw)))
            raw = raw[:at] + data.draw(st.binary(max_size=6)) + raw[at + data.draw(st.integers(0, 6)) :]
        time = data.draw(st.sampled_from([record.time, None]))
        items.append(replace(record, raw=raw, time=time))
    secrets = data.draw(st.sampled_from([GIVEN, NOTHING]))
    seen = outcome(items, secrets)
    signed = sum(len(association.signatures) for association in seen.associations)
    assert len({id(association.signatures) for association in seen.associations}) == len(seen.associations)
    assert signed == len(seen.signatures) <= 8 * len(items)
    assert all(isinstance(finding, Finding) for finding in seen.findings)
    finding_list(seen.findings)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 13), st.sampled_from(HEADERS), st.binary(max_size=60).filter(lambda b: b"\n" not in b))
def test_any_value_of_any_header(index: int, name: bytes, value: bytes) -> None:
    records = session()
    raw = re.sub(rb"(\r\n%b: )[^\r]*" % name, lambda m: m[1] + value, records[index].raw)
    outcome(put(records, replace(records[index], raw=raw)))


@pytest.mark.parametrize("part", ["authenticate", "challenge"])
@settings(max_examples=150, deadline=None)
@given(token=st.binary(max_size=120), keep=st.integers(0, 90))
def test_any_token(part: str, token: bytes, keep: int) -> None:
    records = session()
    place = 4 if part == "challenge" else 5
    old = re.search(rb'gssapi-data="([^"]+)"', records[place - 1].raw)
    assert old is not None
    data = base64.b64encode(base64.b64decode(old[1])[:keep] + token)
    raw = records[place - 1].raw.replace(old[1], data)
    outcome(put(records, replace(records[place - 1], raw=raw)))


def test_open_associations_are_bounded_and_each_comes_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipauthctl.analysis.memory.OPEN_ASSOCIATIONS", 10)
    base = session()[:13]
    items = []
    for number in range(50):
        for record in base:
            raw = re.sub(rb"Call-ID: \w+", b"Call-ID: %032x" % number, record.raw)
            raw = re.sub(rb'opaque="\w+"', b'opaque="%08X"' % number, raw)
            items.append(replace(record, raw=raw))
    analysis = Analysis(iter(items), NOTHING)
    held = 0
    seen = []
    for association in analysis.associations():
        seen.append(association.opaque)
        held = max(held, sum(1 for _ in analysis._reconstruction.memory.open))
    assert held <= 10
    assert sorted(str(opaque) for opaque in seen) == [f"{number:08X}" for number in range(50)]


def test_searches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []
    original = MistakeSearch.explain

    def counted(self: MistakeSearch, *arguments: object) -> object:
        searched.append(self._thorough)
        return original(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(MistakeSearch, "explain", counted)
    monkeypatch.setattr("sipauthctl.analysis.wrong_signatures.THOROUGH_SEARCHES", 2)
    monkeypatch.setattr("sipauthctl.analysis.wrong_signatures.SEARCHES", 4)
    records = session()
    for record in records[4:]:
        damaged = re.sub(rb'(response|rspauth)="(\w{16})\w{8}', rb'\1="0100000000000000deadbeef', record.raw)
        records = put(records, replace(record, raw=damaged))
    seen = outcome(records)
    assert {s.verdict for s in seen.signatures} == {Verdict.INVALID}
    assert searched[0] == 2
    assert min(searched) == 0
    assert any("not searched" in sentence for sentence in seen.sentences)


def test_notices_are_kept_and_bounded() -> None:
    notice = Notice("truncated", "The capture ends in the middle of a packet.", "x.pcap")
    analysis = Analysis([notice] * 300, NOTHING)
    assert list(analysis.associations()) == []
    assert len(analysis.notices) == 201
    assert "100 more" in analysis.notices[-1].text


def test_a_long_association_keeps_a_short_ladder_and_all_signatures() -> None:
    """One user who signs a thousand messages: the ladder has the beginning, the log every signature."""
    records = session(extended=True)
    items = list(records[:8])
    for number in range(3, 1000):
        raw = re.sub(rb'cnum="\d+"', b'cnum="%d"' % number, records[8].raw)
        items.append(replace(records[8], raw=raw, place=number + 100))
    seen = outcome(items, NOTHING)
    (association,) = seen.associations
    assert len(association.signatures) == 4 + 997
    assert len(association.steps) <= 80
    assert association.steps_left_out > 900


def test_messages_that_cannot_be_read_are_told_without_their_text() -> None:
    records = session()
    wrapped = records[4].raw.replace(b"Authorization: NTLM ", b"Authorization: NTLM\r\nSecretToken")
    analysis = Analysis([*put(records, replace(records[4], raw=wrapped))[:6], replace(records[0], raw=b"x")], GIVEN)
    assert len(list(analysis.associations())) == 1
    (notice,) = analysis.notices
    assert (notice.kind, notice.input, notice.place) == ("unreadable-messages", "session.pcap", records[4].place)
    assert notice.text == "2 of 7 messages cannot be read as SIP; of the first one: not a header line."


@pytest.mark.parametrize("place", [4, 5])
@pytest.mark.parametrize("broken", [b'"', b'", "', b"\r\n x"])
def test_no_part_of_a_token_is_told_where_its_header_cannot_be_read(place: int, broken: bytes) -> None:
    records = session()
    token = re.findall(rb'gssapi-data="([^"]+)"', records[place - 1].raw)[0]
    half = len(token) // 2
    raw = records[place - 1].raw.replace(token, token[:half] + broken + token[half:])
    analysis = Analysis(put(records, replace(records[place - 1], raw=raw)), GIVEN)
    told = str(list(analysis.associations())) + str(analysis.findings) + str(analysis.notices)
    pieces = [token[at : at + 24].decode() for at in range(0, len(token) - 24)]
    assert not [piece for piece in pieces if piece in told]
    assert "signature-malformed" in told or "malformed-token" in told


def test_credentials_that_cannot_be_read_are_the_cause_of_a_refusal() -> None:
    records = lab(password="not his password", lab={"redirect": False})
    raw = records[4].raw.replace(b'gssapi-data="', b'gssapi-data="x" y"')
    seen = outcome(put(records, replace(records[4], raw=raw)))
    assert seen.ids[0] == "signature-malformed"
    assert "credentials-refused" not in seen.ids
    assert "handshake-incomplete" not in seen.ids
    assert [one.stopped_at for one in seen.associations] == [Step.REFUSED.value]


@pytest.mark.slow
def test_a_key_out_of_a_damaged_token_makes_no_signature_wrong() -> None:
    """The last bytes of the AUTHENTICATE are those of the encrypted session key; its MIC shows the damage."""
    records = session()
    token = re.findall(rb'gssapi-data="([^"]+)"', records[4].raw)[0]
    data = base64.b64decode(token)
    raw = records[4].raw.replace(token, base64.b64encode(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]))
    seen = outcome(put(records, replace(records[4], raw=raw)))
    assert set(seen.verdicts.values()) == {Verdict.UNVERIFIABLE}
    assert seen.ids == ["ntlm-malformed-token"]


def test_what_one_message_is_compared_with_is_bounded() -> None:
    """Requests of one transaction, each with an opaque of its own: every one begins an association."""
    record, many = session()[6], 100
    watched = Reconstruction(NOTHING)
    for number in range(many):
        raw = re.sub(rb'opaque="[^"]*"', b'opaque="%08d"' % number, record.raw)
        assert list(watched.feed(replace(record, raw=raw, place=number + 1))) == []
    (sent,) = watched.memory.requests.take_all()
    assert len(sent.credentials) == len(sent.signed) == CREDENTIALS_KEPT < many
    first, *others = watched.close()
    assert len(others) == many - 1
    table = AssociationTable(many)
    for tracked in (first, *others):
        table.put(tracked)
    found = table.by_endpoint(first.name, first.endpoint)
    assert list(found) == [*reversed(others)][:NEWEST]
