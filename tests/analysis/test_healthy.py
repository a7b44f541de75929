"""Sign-ins that go well: every signature holds, and there is nothing to complain of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipauthctl.analysis.results import State
from sipauthctl.analysis.secrets import Secrets
from sipauthctl.analysis.words import Method
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Record
from tests.analysis.sessions import GIVEN, NOTHING, PASSWORD, by_hash, lab, outcome, session

ALL = [
    (version, extended, family, redirect)
    for version in (2, 3, 4)
    for extended in (True, False)
    for family, redirect in ((HeaderFamily.USER_AGENT, True), (HeaderFamily.PROXY, False))
]
EXPECTED = {True: [], False: ["ntlm-forgeable-signatures"]}


def signed_places(version: int, redirect: bool, count: int) -> list[int]:
    """Which messages carry a signature: those after the handshake, its answer, and in version 4 its last request."""
    first = 5 if version == 4 else 6
    places = [*range(first, 7), *range(6 + first, count + 1)] if redirect else [*range(first, count + 1)]
    return [place for place in places if not (redirect and 7 <= place < 6 + first)]


@pytest.mark.parametrize(("version", "extended", "family", "redirect"), ALL)
@pytest.mark.parametrize(("secrets", "method"), [(GIVEN, Method.PASSWORD), (by_hash(PASSWORD), Method.NT_HASH)])
def test_with_a_secret_every_signature_is_valid(
    version: int, extended: bool, family: HeaderFamily, redirect: bool, secrets: Secrets, method: Method
) -> None:
    records = session(version, extended=extended, family=family, redirect=redirect)
    seen = outcome(records, secrets)
    assert [s.frame for s in seen.signatures] == signed_places(version, redirect, len(records))
    assert {s.verdict for s in seen.signatures} == {Verdict.VALID}
    assert {s.method for s in seen.signatures} == {method}
    assert {s.detail for s in seen.signatures} == {""}
    assert [a.state for a in seen.associations] == [State.ESTABLISHED] * (1 + redirect)
    assert {a.version for a in seen.associations} == {version}
    assert seen.serious == EXPECTED[extended] * (1 + redirect)


@pytest.mark.parametrize(("version", "extended", "family", "redirect"), ALL)
def test_without_a_secret_none_is_called_wrong(
    version: int, extended: bool, family: HeaderFamily, redirect: bool
) -> None:
    records = session(version, extended=extended, family=family, redirect=redirect)
    seen = outcome(records, NOTHING)
    assert [s.frame for s in seen.signatures] == signed_places(version, redirect, len(records))
    last = list(seen.associations[-1].signatures)
    assert {s.verdict for s in last} == {Verdict.UNVERIFIABLE if extended else Verdict.CONSISTENT}
    assert {s.verdict for s in seen.signatures} <= {Verdict.UNVERIFIABLE, Verdict.CONSISTENT}
    assert seen.serious == EXPECTED[extended] * (1 + redirect)


def test_an_association_is_named_as_the_protocol_names_it() -> None:
    proxy, home = outcome(session(redirect=True)).associations
    assert (proxy.scheme, proxy.user, proxy.realm) == ("NTLM", "sip:ned@litwareinc.com", "SIP Communications Service")
    assert (proxy.targetname, home.targetname) == ("hs1.litwareinc.com", "hs2.litwareinc.com")
    assert (proxy.client, home.client) == ("192.0.2.35:40000", "192.0.2.35:40000")
    assert proxy.server is not None and proxy.server.startswith("hs1.litwareinc.com:")
    assert proxy.opaque is not None and proxy.opaque != home.opaque
    assert proxy.epid is not None and proxy.epid == home.epid
    numbers = [(s.sender.value, s.num) for s in home.signatures]
    assert numbers == [(sender, num) for num in range(1, 6) for sender in ("client", "server")]


def test_the_ladder_begins_with_the_request_for_a_token() -> None:
    (association,) = outcome(session()).associations
    texts = [(step.place, step.sender.value, step.text) for step in association.steps[:4]]
    assert texts == [
        (3, "client", "REGISTER"),
        (4, "server", "401 Unauthorized"),
        (5, "client", "REGISTER"),
        (6, "server", "200 OK"),
    ]
    assert association.steps_left_out == 0


def test_a_capture_that_begins_after_the_handshake_is_checked_as_far_as_possible() -> None:
    seen = outcome(session(extended=False)[6:], GIVEN)
    (association,) = seen.associations
    assert (association.state, association.handshake_seen) == (State.ESTABLISHED, False)
    assert {s.verdict for s in seen.signatures} == {Verdict.CONSISTENT}
    assert "num-not-from-one" not in seen.ids
    seen = outcome(session(extended=True)[6:], GIVEN)
    assert {s.verdict for s in seen.signatures} == {Verdict.UNVERIFIABLE}


def test_version_2_is_recognised_in_the_middle_of_a_session() -> None:
    records = session(2, extended=False)[6:]
    seen = outcome([_without_version(record) for record in records], NOTHING)
    assert {s.verdict for s in seen.signatures} == {Verdict.CONSISTENT}
    assert [a.version for a in seen.associations] == [2]


def _without_version(record: Record) -> Record:
    return replace(record, raw=record.raw.replace(b", version=2", b""))


def test_two_users_on_one_connection_are_kept_apart() -> None:
    ned, nina = session(), lab(user="nina", lab={"redirect": False}, options={"refreshes": 3})
    mixed = [record for pair in zip(ned, nina, strict=True) for record in pair]
    seen = outcome(mixed)
    assert sorted(a.user for a in seen.associations) == ["sip:ned@litwareinc.com", "sip:nina@litwareinc.com"]
    by_user = {a.user: {s.verdict for s in a.signatures} for a in seen.associations}
    assert by_user == {"sip:ned@litwareinc.com": {Verdict.VALID}, "sip:nina@litwareinc.com": {Verdict.UNVERIFIABLE}}
    assert seen.serious == []


def test_the_same_session_in_two_inputs_is_no_replay() -> None:
    records = session()
    twice = [one for r in records for one in (r, replace(r, input="client.uccapilog", place=r.place * 60))]
    seen = outcome(twice)
    assert {s.verdict for s in seen.signatures} == {Verdict.VALID}
    assert seen.serious == []
