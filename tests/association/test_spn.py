"""Which services a client asks a ticket for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.association.spn import Spn, SpnProblem, check_spn

HOST = "hs1.litwareinc.com"


@pytest.mark.parametrize("targetname", ["sip/hs1.litwareinc.com", "SIP/HS1.LitwareInc.com", "sip/hs1.litwareinc.com."])
@pytest.mark.parametrize("over_tls", [True, False])
def test_the_server_itself_may_be_asked_for(targetname: str, over_tls: bool) -> None:
    assert check_spn(targetname, server_host=HOST, over_tls=over_tls) is None
    assert check_spn(targetname, server_host=HOST + ".", over_tls=over_tls) is None


def test_the_form_with_a_colon_is_taken_too_and_asked_for_as_a_kdc_knows_it() -> None:
    # As the OCS 2007 R2 Resource Kit, chapter 22, prints it.
    assert check_spn("sip:hs1.litwareinc.com", server_host=HOST, over_tls=False) is None
    spn = Spn.parse("sip:hs1.litwareinc.com")
    assert spn is not None
    assert spn.text == "sip/hs1.litwareinc.com"


@pytest.mark.parametrize("targetname", ["sip/pool.litwareinc.com", "sip/evil.example", "sip/litwareinc.com"])
def test_another_host_needs_the_proof_of_tls(targetname: str) -> None:
    assert check_spn(targetname, server_host=HOST, over_tls=True) is None
    assert check_spn(targetname, server_host=HOST, over_tls=False) is SpnProblem.HOST_MISMATCH


@pytest.mark.parametrize("service", ["http", "cifs", "host", "ldap", "krbtgt", "sips", "sip2", "MSSQLSvc"])
@pytest.mark.parametrize("over_tls", [True, False])
def test_another_service_is_never_asked_for(service: str, over_tls: bool) -> None:
    found = check_spn(f"{service}/{HOST}", server_host=HOST, over_tls=over_tls)
    assert found is SpnProblem.FOREIGN_SERVICE


@pytest.mark.parametrize(
    "targetname",
    [
        "",
        "sip",
        "sip/",
        "/hs1.litwareinc.com",
        "hs1.litwareinc.com",
        "http:hs1.litwareinc.com",
        "sip/hs1.litwareinc.com/litwareinc.com",
        "sip/hs1.litwareinc.com:5061",
        "sip/hs1.litwareinc.com@EVIL.EXAMPLE",
        "sip/../hs1",
        "sip/hs1.litwareinc.com\n",
        "sip/hs1 .litwareinc.com",
        " sip/hs1.litwareinc.com",
        "sip/hs1.litwareinc.com..",
        "sip/hs1.litwareinç.com",
        "sip/-hs1",
    ],
)
def test_what_is_no_spn_of_two_parts_is_malformed(targetname: str) -> None:
    assert check_spn(targetname, server_host=HOST, over_tls=True) is SpnProblem.MALFORMED


@given(st.text(max_size=40), st.sampled_from(["sip/", "sip:", "http/", ""]))
def test_only_names_of_the_sip_service_pass(text: str, beginning: str) -> None:
    targetname = beginning + text
    if check_spn(targetname, server_host=HOST, over_tls=True) is None:
        assert targetname[:4].lower() in ("sip/", "sip:")
        assert not set(targetname[4:]) & set("/:@ \r\n\t\\")
    if check_spn(targetname, server_host=HOST, over_tls=False) is None:
        assert targetname[4:].rstrip(".").lower() == HOST
