"""The server's clock, read from Date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.association.clock import (
    KERBEROS_SKEW_LIMIT,
    NTLM_SKEW_LIMIT,
    ClockReading,
    read_clock,
    read_date,
    read_exact_clock,
    server_date,
)
from sipauthctl.sip.errors import ParseError
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Response

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def response(*dates: str) -> Response:
    return Response(status=401, reason="Unauthorized", headers=Headers([("Date", date) for date in dates]))


def test_the_date_of_the_rfc_is_read() -> None:
    # RFC 3261 20.17
    assert server_date(response("Sat, 13 Nov 2010 23:29:00 GMT")) == datetime(2010, 11, 13, 23, 29, tzinfo=UTC)


def test_no_date_is_none() -> None:
    assert server_date(response()) is None


def test_another_zone_is_understood_though_the_rfc_forbids_it() -> None:
    # RFC 4475 3.1.2.12: EST is five hours behind.
    assert read_date("Fri, 01 Jan 2010 16:00:00 EST") == datetime(2010, 1, 1, 21, 0, tzinfo=UTC)
    assert read_date("Fri, 01 Jan 2010 16:00:00 +0100") == datetime(2010, 1, 1, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "Sat, 32 Nov 2010 23:29:00 GMT",
        "Sat, 13 Nov 2010 25:29:00 GMT",
        "2010-11-13T23:29:00Z",
        "Sat, 13 Nov 99999 23:29:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 +9999",
        "Sat, 13 Nov 2010",
        "\udcff",
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ParseError, match="not an RFC 1123 date"):
        read_date(text)


@given(st.text(max_size=50) | st.text("SatNov 0123456789:+-,GMT", max_size=50))
def test_any_text_is_a_date_or_refused(text: str) -> None:
    try:
        date = read_date(text)
    except ParseError as error:
        assert str(error).isprintable()
    else:
        assert date.utcoffset() == timedelta(0)


@given(
    skew=st.floats(-1e6, 1e6),
    there=st.floats(0, 5),
    back=st.floats(0, 5),
    rounded=st.booleans(),
)
def test_the_truth_lies_within_the_uncertainty(skew: float, there: float, back: float, rounded: bool) -> None:
    """A server whose clock is off by `skew` writes Date when the request reaches it, cut or rounded to a second."""
    sent = NOON + timedelta(seconds=0.123456)
    arrives = sent + timedelta(seconds=there)
    received = arrives + timedelta(seconds=back)
    its_clock = arrives + timedelta(seconds=skew)
    date = (its_clock + timedelta(seconds=0.5 if rounded else 0)).replace(microsecond=0)
    reading = read_clock(date, sent, received)
    assert abs(reading.skew_seconds - skew) <= reading.uncertainty_seconds + 1e-5
    assert reading.uncertainty_seconds <= 1.0 + (there + back) / 2 + 1e-5
    exact = read_exact_clock(its_clock, sent, received)
    assert abs(exact.skew_seconds - skew) <= exact.uncertainty_seconds + 1e-5


def test_a_date_without_fractions_stands_for_the_middle_of_its_second() -> None:
    assert read_clock(NOON, NOON, NOON + timedelta(seconds=1)) == ClockReading(0.0, 1.5)


def test_a_server_ahead_has_a_positive_skew() -> None:
    assert read_exact_clock(NOON + timedelta(minutes=7), NOON, NOON) == ClockReading(420.0, 0.0)
    assert read_exact_clock(NOON - timedelta(minutes=7), NOON, NOON) == ClockReading(-420.0, 0.0)


@pytest.mark.parametrize(
    ("skew", "uncertainty", "kerberos", "ntlm"),
    [
        (0.0, 1.0, False, False),
        (300.5, 1.0, False, False),
        (301.0, 1.0, False, False),
        (301.5, 1.0, True, False),
        (-301.5, 1.0, True, False),
        (901.5, 1.0, True, True),
        (-901.5, 1.0, True, True),
        (901.5, 700.0, False, False),
    ],
)
def test_a_limit_is_exceeded_only_when_no_uncertainty_can_explain_it(
    skew: float, uncertainty: float, kerberos: bool, ntlm: bool
) -> None:
    reading = ClockReading(skew, uncertainty)
    assert reading.surely_exceeds(KERBEROS_SKEW_LIMIT) is kerberos
    assert reading.surely_exceeds(NTLM_SKEW_LIMIT) is ntlm
