"""Sign-in against a healthy lab, in every variant."""

from __future__ import annotations

from typing import Any

import pytest

from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.verdict import Verdict
from sipauthctl.network.evidence import Transport
from sipauthctl.probe.events import RequestSent
from sipauthctl.probe.options import ServerChoice
from sipauthctl.probe.results import HopResult, Outcome
from tests.probe.harness import run

TCP = {"transport": Transport.TCP, "allow_cleartext": True}


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("family", list(HeaderFamily), ids=["401", "407"])
@pytest.mark.parametrize("redirect", [True, False], ids=["redirect", "direct"])
def test_a_healthy_deployment_registers_without_a_finding(version: int, family: HeaderFamily, redirect: bool) -> None:
    result = run(lab={"version": version, "family": family, "redirect": redirect})
    assert result.registration.outcome is Outcome.REGISTERED
    assert result.ids == []
    hops = result.registration.hops
    expected = [HopResult.REDIRECTED, HopResult.REGISTERED] if redirect else [HopResult.REGISTERED]
    assert [hop.result for hop in hops] == expected
    assert [hop.association.version for hop in hops if hop.association] == [version] * len(hops)
    assert {check.verdict for hop in hops for check in hop.signatures} == {Verdict.VALID}


@pytest.mark.parametrize("options", [{}, TCP], ids=["tls", "tcp"])
def test_both_transports_reach_the_home_server(options: dict[str, Any]) -> None:
    result = run(options=options)
    assert result.registration.outcome is Outcome.REGISTERED
    assert [hop.server.host for hop in result.registration.hops] == ["hs1.litwareinc.com", "hs2.litwareinc.com"]
    assert result.ids == []


def test_every_signature_of_ours_is_accepted_by_the_lab() -> None:
    result = run(options={"refreshes": 3})
    checked = [event.signature for event in result.lab if event.signature is not None]
    assert len(checked) == 6  # one at the proxy; sign-in, three refreshes and the de-registration at home
    assert all(check.trusted and check.problem is None for check in checked)


def test_the_registration_is_gone_afterwards() -> None:
    result = run()
    assert len(result.lab_did("de-registered")) == 1
    assert result.deployment.home.bindings.current(result.lab[-1].time) == ()


def test_keep_leaves_the_registration() -> None:
    result = run(options={"keep": True})
    assert result.lab_did("de-registered") == []
    (binding,) = result.deployment.home.bindings.current(result.lab[-1].time)
    assert binding.address_of_record == "sip:ned@litwareinc.com"


def test_refreshes_are_signed_and_counted() -> None:
    result = run(options={"refreshes": 2})
    assert len(result.lab_did("refreshed")) == 2
    home = result.registration.hops[-1]
    assert [check.num for check in home.signatures if check.sender == "client"] == [1, 2, 3, 4]
    assert [check.num for check in home.signatures if check.sender == "server"] == [1, 2, 3, 4]


def test_epid_call_id_and_from_tag_stay_while_cseq_grows() -> None:
    requests = [event.request for event in run().events if isinstance(event, RequestSent)]
    assert len(requests) == 7  # three at the proxy, three at home, the de-registration
    assert len({request.call_id for request in requests}) == 1
    assert len({request.from_.tag for request in requests}) == 1
    assert len({request.from_.param("epid") for request in requests}) == 1
    assert [request.cseq.number for request in requests] == list(range(1, 8))


def test_no_credentials_go_to_the_second_server_before_it_asks() -> None:
    requests = [event for event in run().events if isinstance(event, RequestSent)]
    first_at_home = next(event for event in requests if event.server.host.startswith("hs2"))
    assert "Authorization" not in first_at_home.request.headers


@pytest.mark.parametrize("logon", ["ned", "LITWAREINC\\ned", "litwareinc.com\\ned", "ned@litwareinc.com"])
def test_every_form_of_the_user_name(logon: str) -> None:
    assert run(logon=logon).registration.outcome is Outcome.REGISTERED


def test_a_given_server_needs_no_discovery() -> None:
    result = run(lab={"port": 25161}, options={"server": ServerChoice("hs2.litwareinc.com", 25163)})
    assert [hop.server.host for hop in result.registration.hops] == ["hs2.litwareinc.com"]
    assert result.registration.outcome is Outcome.REGISTERED


def test_tls_evidence_is_kept() -> None:
    tls = run().registration.hops[0].tls
    assert tls is not None
    assert tls.verified
    assert tls.version in ("TLSv1.2", "TLSv1.3")
    assert tls.names == ("hs1.litwareinc.com",)


def test_an_unverified_certificate_works_only_when_it_was_asked_for() -> None:
    from sipauthctl.network.tls import TlsPolicy

    result = run("tls-untrusted", options={"policy": TlsPolicy(verify=False)})
    assert result.registration.outcome is Outcome.REGISTERED
    assert result.registration.hops[0].tls is not None
    assert not result.registration.hops[0].tls.verified


def test_without_extended_session_security_it_works_and_is_reported() -> None:
    result = run(lab={"extended_session_security": False})
    assert result.registration.outcome is Outcome.REGISTERED
    assert result.ids == ["ntlm-forgeable-signatures"]
