"""Which of three clocks is wrong."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from sipauthctl.association.clock import ClockReading
from sipauthctl.doctor.check import CheckResult
from sipauthctl.doctor.checks.clock import ClockCheck, odd_one_out
from sipauthctl.findings import Severity
from sipauthctl.network.errors import TlsExpired
from sipauthctl.network.evidence import Endpoint, TlsEvidence, Transport
from sipauthctl.probe.facts import DateState, HopFacts
from tests.doctor.harness import case_of, now

SERVER = Endpoint("hs1.litwareinc.com", 5061, Transport.TLS)


def clock(seconds: float | None) -> ClockReading | None:
    return None if seconds is None else ClockReading(seconds, 1.0)


@pytest.mark.parametrize(
    ("server", "kdc", "words"),
    [
        (0, 0, None),
        (200, -50, None),
        (1200, None, "nothing tells which"),
        (None, 1200, "nothing tells which"),
        (1200, 2, "the server's clock is wrong"),
        (3, -1200, "the KDC's clock is wrong"),
        (1200, 1210, "the clock of this computer is wrong"),
        (1200, -1200, "no two clocks agree"),
        # Within the uncertainty nothing is sure.
        (300.5, 0, None),
    ],
)
def test_the_odd_one_out(server: float | None, kdc: float | None, words: str | None) -> None:
    verdict = odd_one_out(clock(server), clock(kdc))
    assert verdict is None if words is None else words in (verdict or "")


def examine(server: float, kdc: float | None, error: TlsExpired | None = None) -> CheckResult:
    from sipauthctl.doctor.case import Reached

    case = case_of()
    case.server = HopFacts(SERVER, date=DateState.PRESENT, clock=clock(server))
    case.kdc_clock = clock(kdc)
    case.used = Reached(SERVER, None, error)
    return asyncio.run(ClockCheck().run(case))


def test_the_computer_itself_is_named() -> None:
    result = examine(1200, 1201)
    assert [item.id for item in result.findings] == ["clock-skew", "kdc-clock-skew"]
    assert all("so the clock of this computer is wrong" in item.detail for item in result.findings)


def test_a_kdc_that_is_off_alone_is_the_only_finding() -> None:
    result = examine(0, 1200)
    assert [item.id for item in result.findings] == ["kdc-clock-skew"]


@pytest.mark.parametrize(
    ("begins", "ends", "kdc", "severity"),
    [
        (-90, -1, None, Severity.ERROR),
        (-90, -1, -30, Severity.ERROR),
        (-90, -60, None, Severity.WARNING),
        (-10, -1, None, Severity.WARNING),  # by the server's clock it has not begun
        (1, 90, None, Severity.WARNING),
        (-90, -1, 0, Severity.WARNING),  # the KDC agrees with this computer
    ],
)
def test_a_clock_explains_a_certificate_only_where_it_is_valid_by_the_other_and_this_one_may_be_wrong(
    begins: int, ends: int, kdc: int | None, severity: Severity
) -> None:
    def day(number: int) -> timedelta:
        return timedelta(days=number)

    tls = TlsEvidence("TLSv1.3", "", "", "", (), now() + day(ends), verified=False, not_before=now() + day(begins))
    kdc_seconds = None if kdc is None else day(kdc).total_seconds()
    result = examine(day(-30).total_seconds(), kdc_seconds, TlsExpired(SERVER, "expired", tls))
    assert ("clock-skew", severity) in [(item.id, item.severity) for item in result.findings]
