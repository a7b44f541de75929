"""Sign-in by Kerberos against a lab with a real KDC: healthy, and with each fault; and what `auto` chooses."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sipauthctl.association.choice import Wanted
from sipauthctl.association.offers import Offer
from sipauthctl.association.verdict import Verdict
from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.events import LabEvent
from sipauthctl.lab.faults import behaviour_with
from sipauthctl.lab.settings import LabSettings
from sipauthctl.machine.facts import read_machine
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.kerberos.configuration import use_configuration
from sipauthctl.network.resolver import Resolver
from sipauthctl.probe.initiators import Credentials, kerberos_login, kerberos_maker
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.realms import Realms
from sipauthctl.probe.results import Outcome, Registration
from sipauthctl.probe.run import Probe
from sipauthctl.probe.summary import summarize
from sipauthctl.probe.tools import Tools
from tests.external import needs_kdc
from tests.probe.harness import Setup, initiators, now

pytestmark = [pytest.mark.external, needs_kdc]


async def sign_in(
    *faults: str, wanted: Wanted = Wanted.KERBEROS, setup: Setup | None = None, ntlm: bool = True, **lab: Any
) -> tuple[Registration, list[LabEvent]]:
    events: list[LabEvent] = []
    setup = setup or Setup()
    settings = LabSettings(
        schemes=lab.pop("schemes", (Scheme.KERBEROS, Scheme.NTLM)), behaviour=behaviour_with(faults), **lab
    )
    async with Deployment(settings, log=events.append) as deployment:
        assert deployment.kdc is not None or Scheme.KERBEROS not in settings.schemes
        configuration = deployment.kdc.configuration if deployment.kdc is not None else Path("/dev/null")
        setup.options["wanted"] = wanted
        options: ProbeOptions = setup.probe_options(deployment)
        with ExitStack() as stack:
            stack.enter_context(use_configuration(configuration))
            resolver, rng = Resolver(options.nameserver, 5), random.Random(1)
            machine = read_machine(Path("/nonexistent"), dict(os.environ), None)
            realms = Realms(options, machine, resolver, rng)

            async def login(offer: Offer) -> Any:
                return await kerberos_login(
                    realms, options.logon_name, Credentials(setup.secret), stack, name_given=True
                )

            makers = {Scheme.KERBEROS: kerberos_maker(login, now=now)}
            makers |= initiators(setup, options) if ntlm else {}
            tools = Tools(now, secrets.token_bytes, makers, lambda event: None)
            return summarize(await Probe(options, tools, resolver, rng).run(), options), events


def run(*faults: str, **more: Any) -> tuple[Registration, list[LabEvent]]:
    return asyncio.run(sign_in(*faults, **more))


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("redirect", [True, False], ids=["redirect", "direct"])
def test_a_healthy_deployment_registers_without_a_finding(version: int, redirect: bool) -> None:
    registration, events = run(version=version, redirect=redirect)
    assert (registration.outcome, registration.scheme) == (Outcome.REGISTERED, Scheme.KERBEROS)
    assert registration.findings == ()
    checks = [check for hop in registration.hops for check in hop.signatures]
    assert {check.verdict for check in checks} == {Verdict.VALID}
    # From version 4 on the request with the ticket is signed; before, only the later ones are.
    checked = [event.signature for event in events if event.signature is not None and event.signature.num is not None]
    assert len(checked) == (version == 4) * (2 if redirect else 1) + 1
    assert all(check.trusted for check in checked)


def test_two_requests_make_the_handshake() -> None:
    registration, _ = run()
    statuses = [[exchange.status for exchange in hop.exchanges] for hop in registration.hops]
    assert statuses == [[401, 301], [401, 200, 200]]


@pytest.mark.parametrize("logon", ["ned", "LITWAREINC\\ned", "litwareinc.com\\ned", "ned@litwareinc.com"])
def test_every_form_of_the_user_name(logon: str) -> None:
    assert run(setup=Setup(logon=logon))[0].outcome is Outcome.REGISTERED


CASES = [
    ("spn-not-registered", "spn-not-registered"),
    ("service-key-mismatch", "service-key-mismatch"),
    ("kdc-unreachable", "kdc-unreachable"),
    ("kdc-clock-skew", "kdc-clock-skew"),
    ("etype-mismatch", "etype-unsupported"),
    ("expired-account", "account-expired"),
    ("disabled-account", "account-revoked"),
    ("expired-password", "password-expired"),
    ("foreign-spn", "spn-foreign-service"),
    ("answer=401:1013", "clock-skew"),
    ("answer=401:1003", "user-unknown"),
]


@pytest.mark.parametrize(("fault", "expected"), CASES)
def test_a_fault_gives_its_finding_and_no_other(fault: str, expected: str) -> None:
    registration, _ = run(fault)
    assert [f"{f.severity.value} {f.id}" for f in registration.findings] == [f"error {expected}"]
    assert registration.outcome is not Outcome.REGISTERED


@pytest.mark.parametrize("fault", ["rc4-ticket", ""])
def test_a_ticket_under_rc4_works_and_is_a_warning(fault: str) -> None:
    registration, _ = run(*([fault] if fault else []))
    assert registration.outcome is Outcome.REGISTERED
    assert [f"{f.severity.value} {f.id}" for f in registration.findings] == (["warning rc4-ticket"] if fault else [])


def test_no_ticket_is_asked_for_a_foreign_service() -> None:
    _, events = run("foreign-spn")
    assert {event.what for event in events} == {"challenge"}


@pytest.mark.parametrize("fault", ["spn-not-registered", "kdc-unreachable", "kdc-clock-skew", "etype-mismatch"])
def test_auto_falls_back_to_ntlm_and_says_why(fault: str) -> None:
    registration, _ = run(fault, wanted=Wanted.AUTO)
    assert (registration.outcome, registration.scheme) == (Outcome.REGISTERED, Scheme.NTLM)
    assert not registration.failed
    why, *more = sorted(registration.findings, key=lambda item: item.severity.value)
    assert [f"{item.severity.value} {item.id}" for item in more] == (
        ["warning protection-downgraded"] if fault == "kdc-unreachable" else []
    )
    assert why.severity.value == "info"
    assert why.detail.endswith("NTLM was used instead.")


@pytest.mark.parametrize(
    ("fault", "password", "expected"),
    [
        ("", "wrong", "wrong-password"),
        ("expired-password", None, "password-expired"),
        ("expired-account", None, "account-expired"),
        ("disabled-account", None, "account-revoked"),
    ],
)
def test_auto_tries_no_second_sign_in_once_the_kdc_refuses_the_account(
    fault: str, password: str | None, expected: str
) -> None:
    registration, events = run(*([fault] if fault else []), wanted=Wanted.AUTO, setup=Setup(password=password))
    assert [(f.severity.value, f.id) for f in registration.findings] == [("error", expected)]
    assert "NTLM was not tried, as another failed sign-in could lock the account." in registration.findings[0].detail
    assert {event.what for event in events} == {"challenge"}


def test_auto_takes_kerberos_where_it_can() -> None:
    registration, _ = run(wanted=Wanted.AUTO)
    assert registration.scheme is Scheme.KERBEROS
    assert registration.findings == ()


def test_ntlm_can_be_demanded() -> None:
    assert run(wanted=Wanted.NTLM)[0].scheme is Scheme.NTLM


def test_a_server_that_offers_ntlm_alone_while_kerberos_is_wanted() -> None:
    registration, _ = run(schemes=(Scheme.NTLM,))
    assert [f.id for f in registration.findings] == ["kerberos-not-offered", "extranet-ntlm-only"]


def test_a_server_that_offers_ntlm_alone_to_somebody_without_a_password() -> None:
    registration, _ = run(schemes=(Scheme.NTLM,), wanted=Wanted.AUTO, ntlm=False)
    assert [f.id for f in registration.findings] == ["password-needed"]


def test_a_wrong_password_is_told_by_the_kdc() -> None:
    registration, _ = run(setup=Setup(password="wrong"))
    assert [f.id for f in registration.findings] == ["wrong-password"]


@pytest.mark.parametrize(
    ("fault", "setup", "command"),
    [
        ("", Setup(logon="ned@litwareinc.com", password="wrong"), "    Set-ADAccountPassword -Identity ned -Reset "),
        ("expired-account", Setup(logon="ned@litwareinc.com"), "    Clear-ADAccountExpiration -Identity ned\n"),
        ("", Setup(logon="ned@fabrikam.com"), "    Get-ADUser -Filter \"SamAccountName -eq 'ned' "),
    ],
)
def test_remedies_name_the_account_and_not_the_user_principal_name(fault: str, setup: Setup, command: str) -> None:
    registration, _ = run(*([fault] if fault else []), setup=setup)
    assert command in "".join(f"{found.remedy}\n" for found in registration.findings)


def test_an_unknown_user_is_told_by_the_kdc() -> None:
    registration, _ = run(setup=Setup(logon="litwareinc.com\\zoe"))
    assert [f.id for f in registration.findings] == ["user-unknown"]


def test_a_upn_with_a_foreign_suffix() -> None:
    registration, _ = run(setup=Setup(logon="ned@contoso.com"))
    assert [f.id for f in registration.findings] == ["upn-suffix-mismatch", "user-unknown"]


def test_another_users_address_is_refused_after_the_sign_in() -> None:
    registration, _ = run(setup=Setup(user="nina", logon="ned", password="Litware-Ned-1"))
    assert [f.id for f in registration.findings] == ["uri-not-authorized"]


def test_a_short_ticket_bounds_the_association() -> None:
    for faults, most in ((["short-ticket"], timedelta(minutes=1)), ([], timedelta(hours=8))):
        registration, _ = run(*faults)
        assert registration.outcome is Outcome.REGISTERED
        for hop in registration.hops:
            assert hop.association is not None
            lifetime = hop.association.expires - hop.association.established
            assert most - timedelta(seconds=30) < lifetime <= most


def test_a_user_of_another_domain_than_the_server() -> None:
    registration, _ = run(setup=Setup(logon="fabrikam.com\\ned"))
    assert [f.id for f in registration.findings] == ["client-domain-differs", "kdc-not-found"]
