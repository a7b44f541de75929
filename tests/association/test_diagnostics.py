"""ms-diagnostics as servers of this family write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.association.diagnostics import Diagnostic, diagnostics
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Response


def read(*values: str, name: str = "ms-diagnostics") -> tuple[Diagnostic, ...]:
    headers = Headers([(name, value) for value in values])
    return diagnostics(Response(status=401, reason="Unauthorized", headers=headers))


def test_a_report_is_read() -> None:
    (report,) = read(
        '1000;reason="Final handshake failed";source="hs1.example";HRESULT="0xC3E93EC3(SIP_E_AUTH_UNAUTHORIZED)"'
    )
    assert report.id == 1000
    assert report.get("Reason") == "Final handshake failed"
    assert report.get("source") == "hs1.example"
    assert report.hresult == 0xC3E93EC3
    assert report.get("component") is None


@pytest.mark.parametrize("name", ["ms-diagnostics", "MS-Diagnostics", "ms-diagnostics-public"])
def test_both_headers_in_any_case_are_read(name: str) -> None:
    assert [report.id for report in read("4005", name=name)] == [4005]


def test_all_reports_are_given() -> None:
    assert [report.id for report in read('1013;reason="Significant time skew"', "4003")] == [1013, 4003]


def test_several_reports_may_stand_on_one_line() -> None:
    first, second = read('1000;reason="Refused, for now";source="hs1", 4003;reason="Not enabled"')
    assert (first.id, first.get("reason"), first.get("source")) == (1000, "Refused, for now", "hs1")
    assert (second.id, second.get("reason")) == (4003, "Not enabled")


def test_quoted_text_keeps_semicolons_and_escapes() -> None:
    (report,) = read(r'1000 ; Reason = "a; \"b\", c" ; source=bare')
    assert (report.get("reason"), report.get("source")) == ('a; "b", c', "bare")


def test_a_sub_code_may_follow_the_number() -> None:
    assert [report.id for report in read('52001.5;reason="x"')] == [52001]


@pytest.mark.parametrize("value", ["", "x", ";reason=x", "-1", "1e3", "²", "99999999999", '1000;reason="never closed'])
def test_a_report_that_cannot_be_read_is_left_out(value: str) -> None:
    assert [report.id for report in read(value, "4006")] == [4006]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ('"0xC3E93EE4(SIP_E_AUTH_NTLMMISMATCH)"', 0xC3E93EE4),
        ("0xC3E93EC3", 0xC3E93EC3),
        ('"C3E93EC3"', 0xC3E93EC3),
        ('"-2147022987(ERROR_ACCOUNT_LOCKED_OUT)"', 0x80070775),
        ('"3286843075"', 0xC3E93EC3),
        ('"-2147483649"', None),
        ('"4294967296"', None),
        ('""', None),
        ('"unknown"', None),
        ("-1", 0xFFFFFFFF),
        ("1_0", None),
        ("0x1C3E93EE4", None),
        ("0x" + "F" * 5000, None),
    ],
)
def test_the_hresult_as_a_number(text: str, number: int | None) -> None:
    (report,) = read(f"1000;HRESULT={text}")
    assert report.hresult == number


@given(st.text(st.characters(exclude_characters="\n"), max_size=60))
def test_any_value_gives_reports_or_none(value: str) -> None:
    for report in read(value, "1000;" + value):
        assert 0 <= report.id < 10**10
        assert report.hresult is None or 0 <= report.hresult < 1 << 32
