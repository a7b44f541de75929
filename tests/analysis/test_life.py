"""Several servers on the path, and registrations that are held: real exchanges of the prober with the lab."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from sipauthctl.analysis.results import State
from sipauthctl.association.verdict import Verdict
from tests.analysis.lives import records_of_life
from tests.analysis.sessions import GIVEN, NOTHING, outcome
from tests.probe.harness import Clock, run
from tests.probe.test_life import HOUR, held

PROBES = ("SUBSCRIBE", "MESSAGE")


@pytest.mark.parametrize("proxies", [1, 2, 3])
@pytest.mark.parametrize("forked", [False, True], ids=["chain", "forked"])
def test_every_proxy_has_its_own_association_and_numbers(proxies: int, forked: bool) -> None:
    result = run(lab={"proxies": proxies, "forked": forked}, options={"refreshes": 2, "probes": PROBES}, clock=Clock())
    seen = outcome(records_of_life(result), GIVEN)
    assert len(seen.associations) == proxies + 1
    assert {association.state for association in seen.associations} == {State.ESTABLISHED}
    assert {signature.verdict for signature in seen.signatures} == {Verdict.VALID}
    for association in seen.associations:
        numbers = [one.num for one in association.signatures if one.sender.value == "server"]
        assert numbers == list(range(1, len(numbers) + 1))
    assert seen.ids == []


def test_without_a_password_the_path_shows_no_false_finding() -> None:
    result = run(lab={"proxies": 2}, options={"refreshes": 1}, clock=Clock())
    assert outcome(records_of_life(result), NOTHING).ids == []


def test_a_signature_under_another_proxys_association_names_its_maker() -> None:
    seen = outcome(records_of_life(run("wrong-proxy-signs", clock=Clock())), GIVEN)
    (found,) = seen.findings
    assert found.id == "wrong-signer"
    assert "it names hs1.litwareinc.com, and is made under the association with hs2.litwareinc.com" in found.detail


def test_another_path_replaces_the_association() -> None:
    seen = outcome(records_of_life(run("path-change", options={"refreshes": 2}, clock=Clock())), GIVEN)
    assert [(found.id, found.severity.value) for found in seen.findings] == [("association-replaced", "info")]
    assert Verdict.MISSING not in {signature.verdict for signature in seen.signatures}


def test_a_proxy_that_stops_signing_is_no_other_path() -> None:
    """The same refresh, but nobody new on the path: the signature is missing."""
    records = records_of_life(run(lab={"proxies": 1}, options={"refreshes": 1}, clock=Clock()))
    place = max(r.place for r in records if b"Proxy-Authentication-Info" in r.raw) - 2
    raw = re.sub(rb"\r\nProxy-Authentication-Info: [^\r]*", b"", records[place - 1].raw)
    assert raw != records[place - 1].raw
    seen = outcome([replace(r, raw=raw) if r.place == place else r for r in records], GIVEN)
    assert "signature-missing" in seen.ids
    assert "association-replaced" not in seen.ids


@pytest.mark.parametrize("fault", ["snum-reset", "replay-after-refresh"])
def test_numbers_that_come_again(fault: str) -> None:
    result = run(fault, options={"refreshes": 2}, clock=Clock())
    records = records_of_life(result)
    if fault == "replay-after-refresh":  # the prober drops the stray answer, which a capture shows
        records = [*records[:-2], replace(records[-5], place=99, time=records[-2].time), *records[-2:]]
    assert "num-replayed" in outcome(records, GIVEN).ids


def test_requests_of_the_server_go_on_with_its_numbers() -> None:
    clock = Clock()
    clock.at(100, lambda deployment: deployment.send_message())
    seen = outcome(records_of_life(held(2 * HOUR, clock=clock)), GIVEN)
    home = next(one for one in seen.associations if one.targetname.startswith("hs2"))
    numbers = [one.num for one in home.signatures if one.sender.value == "server"]
    assert numbers == list(range(1, len(numbers) + 1))
    assert seen.ids == []
