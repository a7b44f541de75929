"""The check of the KDC against MIT's: each state of an account, wrong passwords, clocks, and a KDC that is silent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sipauthctl.association.choice import Wanted
from sipauthctl.association.offers import Offer
from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import CheckResult, Status
from sipauthctl.doctor.checks.kdc import KdcCheck
from sipauthctl.findings import Severity
from sipauthctl.lab.dns import NameServer, ServiceRecord, Zone
from sipauthctl.lab.kdc import Kdc, KdcFlaw, KdcSettings
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.network.evidence import Endpoint, Transport
from sipauthctl.network.resolver import Resolver
from sipauthctl.probe.facts import HopFacts
from sipauthctl.probe.initiators import Credentials
from tests.doctor.harness import case_of
from tests.external import DEMANDED

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(Kdc.missing() is not None and not DEMANDED, reason=str(Kdc.missing())),
]


@dataclass
class Running:
    """A KDC in an event loop of its own, for all tests of this module."""

    loop: asyncio.AbstractEventLoop
    kdc: Kdc

    def case(self, logon: str, password: str | None, **asked: Any) -> Case:
        case = case_of(logon=logon, credentials=Credentials(password), seconds=1.0, **asked)
        environ = {"KRB5_CONFIG": str(self.kdc.configuration)}
        return replace_tools(case, environ=environ)

    def check(self, case: Case) -> CheckResult:
        return self.loop.run_until_complete(KdcCheck().run(case))


def replace_tools(case: Case, **changes: Any) -> Case:
    return replace(case, tools=replace(case.tools, root=Path("/nonexistent"), **changes))


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with ExitStack() as stack:
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        kdc = Kdc(KdcSettings())
        loop.run_until_complete(kdc.__aenter__())
        stack.callback(lambda: loop.run_until_complete(kdc.__aexit__(None, None, None)))
        yield Running(loop, kdc)


@pytest.mark.parametrize(
    ("user", "found"),
    [
        ("ned", []),
        ("olaf", []),
        ("dora", ["account-revoked"]),
        ("luis", ["account-revoked"]),
        ("edda", ["account-expired"]),
        ("petra", ["password-expired"]),
        ("nobody", ["user-unknown"]),
    ],
)
@pytest.mark.parametrize("form", ["LITWAREINC\\{}", "litwareinc.com\\{}", "{}@litwareinc.com", "{}"])
def test_each_state_with_and_without_the_password(running: Running, user: str, form: str, found: list[str]) -> None:
    for password in (None, f"Litware-{user.title()}-1"):
        case = running.case(form.format(user), password, name_given=True)
        result = running.check(case)
        assert [item.id for item in result.findings] == found
        assert result.status is (Status.FAILED if found else Status.PASSED)
        assert case.attempts.refusal is None
        assert case.kdc_clock is not None and abs(case.kdc_clock.skew_seconds) < 2


def test_a_wrong_password_is_one_failed_sign_in(running: Running) -> None:
    case = running.case("LITWAREINC\\ned", "Litware-Ned-2")
    result = running.check(case)
    assert [item.id for item in result.findings] == ["wrong-password"]
    assert "24 KDC_ERR_PREAUTH_FAILED" in result.findings[0].evidence[0]
    assert "Litware-Ned-2" not in repr(result)
    assert case.attempts.refusal is not None


def test_after_a_failed_sign_in_no_password_is_proven(running: Running) -> None:
    case = running.case("LITWAREINC\\ned", "Litware-Ned-2")
    case.attempts.failed("the server refused the credentials")
    result = running.check(case)
    assert result.status is Status.SKIPPED
    assert "the password was not judged: the server refused the credentials" in result.detail


def test_without_credentials_an_unknown_name_is_only_a_guess(running: Running) -> None:
    (item,) = running.check(running.case("nobody@litwareinc.com", None)).findings
    assert (item.id, item.severity) == ("user-unknown", Severity.WARNING)


def test_another_domain_of_the_same_user_name_is_not_tried(running: Running) -> None:
    case = running.case("CONTOSO\\ned", "Litware-Ned-2")
    result = running.check(case)
    assert (result.status, result.detail) == (Status.SKIPPED, "the realm of CONTOSO is not known")
    assert case.attempts.refusal is None


def test_a_suffix_without_a_kdc_is_asked_for_in_the_servers_domain(running: Running) -> None:
    case = running.case("ned@contoso.invalid", "Litware-Ned-1")
    (item,) = running.check(case).findings
    assert item.id == "user-unknown" and "ned@contoso.invalid" in item.detail


def test_the_password_is_judged_by_the_kdcs_clock(running: Running) -> None:
    case = running.case("LITWAREINC\\ned", "Litware-Ned-1")
    behind = replace_tools(
        case,
        environ=case.tools.environ,
        now=lambda: case.tools.now() - timedelta(minutes=20),
    )
    assert running.check(behind).detail == "127.0.0.1 takes the password of ned@LITWAREINC.COM"
    assert behind.kdc_clock is not None and abs(behind.kdc_clock.skew_seconds - 1200) < 2


def with_flaw(flaw: KdcFlaw, work: Any) -> Any:
    async def main() -> Any:
        async with Kdc(KdcSettings(flaw=flaw)) as kdc:
            environ = {"KRB5_CONFIG": str(kdc.configuration)}
            return await work(replace_tools(case_of(seconds=1.0), environ=environ))

    return asyncio.run(main())


def test_a_kdc_that_refuses_every_clock_still_shows_its_own() -> None:
    async def work(case: Case) -> tuple[CheckResult, float]:
        result = await KdcCheck().run(case)
        assert case.kdc_clock is not None
        return result, case.kdc_clock.skew_seconds

    result, skew = with_flaw(KdcFlaw.CLOCK_SKEW, work)
    assert result.status is Status.SKIPPED and "37 KRB_AP_ERR_SKEW" in result.detail
    assert abs(skew - 1200) < 2


@pytest.mark.parametrize(
    ("offers", "wanted", "severity"),
    [
        ((), Wanted.AUTO, None),
        ((Scheme.NTLM,), Wanted.AUTO, None),
        ((Scheme.NTLM, Scheme.KERBEROS), Wanted.NTLM, None),
        ((Scheme.NTLM, Scheme.KERBEROS), Wanted.AUTO, Severity.WARNING),
        ((Scheme.KERBEROS,), Wanted.KERBEROS, Severity.ERROR),
    ],
)
def test_a_kdc_that_does_not_answer_matters_where_kerberos_is_offered(
    offers: tuple[Scheme, ...], wanted: Wanted, severity: Severity | None
) -> None:
    async def work(case: Case) -> CheckResult:
        hop = HopFacts(Endpoint("hs1.litwareinc.com", 5061, Transport.TLS))
        hop.offers = tuple(Offer(scheme, scheme.value, *[None] * 7) for scheme in offers)
        case.server = hop
        return await KdcCheck().run(
            replace(case, asked=replace(case.asked, probe=replace(case.asked.probe, wanted=wanted)))
        )

    result = with_flaw(KdcFlaw.UNREACHABLE, work)
    assert [item.severity for item in result.findings] == ([severity] if severity is not None else [])
    assert all(item.id == "kdc-unreachable" for item in result.findings)
    assert "connection refused" in result.detail
    assert (result.status is Status.SKIPPED) is (severity is None)


def test_with_a_silent_name_server_it_is_skipped_after_one_question() -> None:
    case = replace_tools(case_of(logon="ned@contoso.com", seconds=0.3), environ={})
    result = asyncio.run(KdcCheck().run(case))
    assert result.status is Status.SKIPPED
    assert result.detail == "no KDC of CONTOSO.COM is known by krb5.conf, and the name server does not answer"


def with_dns(zone: Zone, case: Case) -> CheckResult:
    async def main() -> CheckResult:
        server = NameServer(zone)
        await server.start("127.0.0.1")
        try:
            resolver = Resolver(f"127.0.0.1:{server.address[1]}", 2.0)
            return await KdcCheck().run(replace_tools(case, environ={}, resolver=resolver))
        finally:
            await server.stop()

    return asyncio.run(main())


def test_without_any_kdc_in_dns_it_is_skipped() -> None:
    result = with_dns(Zone((), ()), case_of())
    assert result.status is Status.SKIPPED
    assert result.detail == "no KDC of LITWAREINC.COM is known by _kerberos._tcp.litwareinc.com and krb5.conf"


def test_a_kdc_behind_https_is_not_replaced_by_one_of_dns(running: Running, tmp_path: Path) -> None:
    krb5_conf = tmp_path / "krb5.conf"
    krb5_conf.write_text("[realms]\nLITWAREINC.COM = {\nkdc = https://proxy.litwareinc.com/KdcProxy\n}\n")
    case = replace_tools(running.case("ned", "Litware-Ned-1"), environ={"KRB5_CONFIG": str(krb5_conf)})
    result = running.check(case)
    assert result.status is Status.SKIPPED
    assert result.detail == "krb5.conf names only an HTTPS proxy for LITWAREINC.COM, which libkrb5 alone can ask"


def test_a_kdc_whose_name_has_no_address_is_skipped() -> None:
    zone = Zone((ServiceRecord("_kerberos._tcp.litwareinc.com", "dc1.litwareinc.com", 88),), ())
    assert with_dns(zone, case_of()).status is Status.SKIPPED


def test_dns_leads_to_the_kdc_that_answers(running: Running) -> None:
    services = tuple(
        ServiceRecord("_kerberos._tcp.litwareinc.com", host, running.kdc.port)
        for host in ("dc1.litwareinc.com", "dc2.litwareinc.com")
    )
    zone = Zone(services, (("dc1.litwareinc.com", "127.0.0.2"), ("dc2.litwareinc.com", "127.0.0.1")))
    result = with_dns(zone, running.case("LITWAREINC\\ned", "Litware-Ned-1"))
    assert result.detail == "dc2.litwareinc.com takes the password of ned@LITWAREINC.COM"
