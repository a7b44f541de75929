"""Which offer is taken, and why the others are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipauthctl.association.choice import Choice, Rejection, Wanted, choose
from sipauthctl.association.offers import Offer
from sipauthctl.mechanisms.base import Scheme

HOST = "hs1.litwareinc.com"


def offer(scheme: Scheme, targetname: str) -> Offer:
    return Offer(scheme, scheme.value, "SIP Communications Service", targetname, 4, None, None, None, None)


NTLM = offer(Scheme.NTLM, HOST)
KERBEROS = offer(Scheme.KERBEROS, f"sip/{HOST}")
TLS_DSK = offer(Scheme.TLS_DSK, HOST)
DIGEST = replace(offer(Scheme.DIGEST, HOST), targetname=None, version=None)
UNKNOWN = replace(NTLM, scheme=None, scheme_text="Bearer")


def chosen(
    *offers: Offer, wanted: Wanted = Wanted.AUTO, unusable: frozenset[Scheme] = frozenset(), over_tls: bool = True
) -> Choice:
    return choose(offers, wanted, unusable=unusable, server_host=HOST, over_tls=over_tls)


def why(choice: Choice) -> list[tuple[str, Rejection]]:
    return [(rejected.offer.scheme_text, rejected.why) for rejected in choice.rejected]


@pytest.mark.parametrize("offers", [(NTLM, KERBEROS), (KERBEROS, NTLM), (TLS_DSK, NTLM, DIGEST, KERBEROS)])
def test_kerberos_comes_before_ntlm_in_whatever_order_they_are_offered(offers: tuple[Offer, ...]) -> None:
    assert chosen(*offers).usable == (KERBEROS, NTLM)


def test_offers_of_one_scheme_stay_in_their_order() -> None:
    second = replace(NTLM, targetname="edge.litwareinc.com")
    assert chosen(NTLM, second).usable == (NTLM, second)
    assert chosen(second, NTLM).usable == (second, NTLM)


@pytest.mark.parametrize(
    ("wanted", "taken", "other"), [(Wanted.NTLM, NTLM, KERBEROS), (Wanted.KERBEROS, KERBEROS, NTLM)]
)
def test_the_wish_of_the_user_decides(wanted: Wanted, taken: Offer, other: Offer) -> None:
    choice = chosen(NTLM, KERBEROS, wanted=wanted)
    assert choice.usable == (taken,)
    assert why(choice) == [(other.scheme_text, Rejection.NOT_WANTED)]


def test_a_scheme_that_cannot_run_here_is_passed_over() -> None:
    choice = chosen(NTLM, KERBEROS, unusable=frozenset({Scheme.KERBEROS}))
    assert choice.usable == (NTLM,)
    assert why(choice) == [("Kerberos", Rejection.MECHANISM_UNUSABLE)]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (TLS_DSK, Rejection.NEEDS_CERTIFICATE),
        (DIGEST, Rejection.ANONYMOUS_ONLY),
        (UNKNOWN, Rejection.NOT_SPOKEN),
        (replace(NTLM, targetname=None), Rejection.TARGETNAME_MISSING),
        (replace(NTLM, targetname=""), Rejection.TARGETNAME_MISSING),
        (replace(NTLM, realm=None), Rejection.REALM_MISSING),
        (replace(NTLM, version=1), Rejection.VERSION_UNSUPPORTED),
        (replace(NTLM, version=0), Rejection.VERSION_UNSUPPORTED),
        (replace(NTLM, version=-1), Rejection.VERSION_UNSUPPORTED),
        (replace(KERBEROS, targetname=HOST), Rejection.SPN_MALFORMED),
        (replace(KERBEROS, targetname=f"http/{HOST}"), Rejection.SPN_FOREIGN_SERVICE),
    ],
)
def test_what_cannot_be_taken_is_passed_over_with_its_reason(bad: Offer, reason: Rejection) -> None:
    choice = chosen(bad, NTLM)
    assert choice.usable == (NTLM,)
    assert why(choice) == [(bad.scheme_text, reason)]


def test_an_spn_of_a_host_that_may_not_be_named_is_passed_over() -> None:
    other = replace(KERBEROS, targetname="sip/hs1.fabrikam.com")
    choice = choose((other, NTLM), Wanted.AUTO, server_host=HOST, over_tls=True, may_name=lambda host: host == HOST)
    assert choice.usable == (NTLM,)
    assert why(choice) == [("Kerberos", Rejection.SPN_FOREIGN_DOMAIN)]


def test_the_host_of_an_spn_is_judged_without_tls_only() -> None:
    other = replace(KERBEROS, targetname="sip/pool.litwareinc.com")
    assert chosen(other, over_tls=True).usable == (other,)
    assert why(chosen(other, over_tls=False)) == [("Kerberos", Rejection.SPN_HOST_MISMATCH)]


def test_a_foreign_service_is_reported_whatever_the_user_wants() -> None:
    foreign = replace(KERBEROS, targetname=f"cifs/{HOST}")
    assert why(chosen(foreign, NTLM, wanted=Wanted.NTLM)) == [("Kerberos", Rejection.SPN_FOREIGN_SERVICE)]


@pytest.mark.parametrize("version", [None, 2, 3, 4, 5, 9999])
def test_every_version_from_2_on_and_an_absent_one_can_be_taken(version: int | None) -> None:
    some = replace(NTLM, version=version)
    assert chosen(some).usable == (some,)


def test_no_offers_leave_no_choice() -> None:
    assert chosen() == Choice((), ())
