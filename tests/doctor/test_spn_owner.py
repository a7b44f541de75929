"""Which owner of a service principal name is the wrong one, and what the remedy does about it."""

from __future__ import annotations

import asyncio

import pytest

from sipauthctl.directory.queries import DirectoryFacts
from sipauthctl.directory.records import OwnerKind, SpnOwner
from sipauthctl.doctor.checks.spn_owner import SpnOwnerCheck
from sipauthctl.findings import Finding
from tests.doctor.harness import case_of

SPN = "sip/hs1.litwareinc.com"


def account(name: str, *, disabled: bool = False) -> SpnOwner:
    return SpnOwner(f"CN={name}", name, OwnerKind.USER, "", disabled, None, None, None)


def computer(name: str) -> SpnOwner:
    host = f"{name.lower()}.litwareinc.com"
    return SpnOwner(f"CN={name}", f"{name}$", OwnerKind.COMPUTER, host, False, None, None, None)


PRODUCT = account("RTCService")


def judged(*owners: SpnOwner) -> Finding:
    case = case_of()
    case.directory = DirectoryFacts(
        host="dc1.litwareinc.com",
        how="Kerberos, sealed",
        time=None,
        domains=(),
        suffixes=(),
        account=None,
        owners={SPN: owners},
        sip_schema=True,
        sip_owner="",
        service_account=any(owner.name == PRODUCT.name for owner in owners),
    )
    (found,) = asyncio.run(SpnOwnerCheck().run(case)).findings
    return found


@pytest.mark.parametrize(
    ("owners", "removed"),
    [
        ((PRODUCT, account("Old")), "Old"),
        ((account("Old"), PRODUCT), "Old"),
        ((computer("HS1"), account("Old")), "Old"),
        ((account("Old"), computer("HS1")), "Old"),
        ((computer("HS1"), computer("HS9")), "HS9$"),
        ((computer("HS1"), PRODUCT), "<account that has it wrongly>"),
        ((account("One"), account("Other")), "<account that has it wrongly>"),
    ],
)
def test_a_duplicate_is_taken_only_from_an_account_that_the_service_does_not_run_as(
    owners: tuple[SpnOwner, ...], removed: str
) -> None:
    found = judged(*owners)
    assert found.id == "spn-duplicate"
    assert f"    setspn -D {SPN} {removed}" in found.remedy.splitlines()


def test_a_name_is_not_moved_to_the_account_that_it_is_taken_from() -> None:
    found = judged(account("RTCService", disabled=True))
    assert found.id == "spn-wrong-account"
    assert f"    setspn -S {SPN} <account of the front end service>" in found.remedy.splitlines()
