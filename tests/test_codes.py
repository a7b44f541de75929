"""Codes are read as people write them, and each leads to a finding that exists."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.codes import Code, CodeKind, codes, find, of_win32, of_windows, read_codes, windows_text
from sipauthctl.findings import CatalogueError

WRONG_PASSWORD = (CodeKind.NTSTATUS, 0xC000006A)


def keys(found: tuple[Code, ...]) -> list[tuple[CodeKind, int]]:
    return [(code.kind, code.number) for code in found]


@pytest.mark.parametrize(
    "typed",
    [
        "0xC000006A",
        "0XC000006A",
        "0xc000006a",
        "c000006a",
        "3221225578",
        "-1073741718",
        "STATUS_WRONG_PASSWORD",
        "status_wrong_password",
        "ntstatus:0xC000006A",
        "NTSTATUS: -1073741718",
        "0xC000006A(STATUS_WRONG_PASSWORD)",
        " 0xC000006A ",
        "0xD000006A",  # as an HRESULT, [MS-ERREF] 2.1.1
    ],
)
def test_one_code_is_found_in_every_way_it_is_written(typed: str) -> None:
    assert keys(find(typed)) == [WRONG_PASSWORD]


@pytest.mark.parametrize(
    ("typed", "kind", "number", "finding"),
    [
        ("1010", CodeKind.MS_DIAGNOSTICS, 1010, "next-hop-failed"),
        ('ms-diagnostics-public: 4003;reason="x"', CodeKind.MS_DIAGNOSTICS, 4003, "remote-access-off"),
        ("80090311", CodeKind.SSPI, 0x80090311, "trust-failed"),  # hexadecimal without 0x, and no letter in it
        ("SIP_E_AUTH_NTLMMISMATCH", CodeKind.HRESULT, 0xC3E93EE4, "ntlm-key-strength-mismatch"),
        ("KDC_ERR_C_PRINCIPAL_UNKNOWN", CodeKind.KERBEROS, 6, "user-unknown"),
        ("0xc0000418", CodeKind.NTSTATUS, 0xC0000418, "ntlm-blocked"),
        ("0xC000019B", CodeKind.NTSTATUS, 0xC000019B, "trust-failed"),  # STATUS_DOMAIN_TRUST_INCONSISTENT
    ],
)
def test_a_code_leads_to_its_finding(typed: str, kind: CodeKind, number: int, finding: str) -> None:
    (code,) = find(typed)
    assert (code.kind, code.number, code.finding) == (kind, number, finding)


@pytest.mark.parametrize(
    ("error", "name"),  # [MS-ERREF] 2.2
    [
        (10054, "WSAECONNRESET"),
        (10060, "WSAETIMEDOUT"),
        (10061, "WSAECONNREFUSED"),
        (11001, "WSAHOST_NOT_FOUND"),
        (9003, "DNS_ERROR_RCODE_NAME_ERROR"),
    ],
)
def test_an_error_of_the_network_may_be_that_of_the_next_hop(error: int, name: str) -> None:
    code = of_win32(error)
    assert code is not None
    assert (code.name, code.finding, code.see) == (name, None, ("next-hop-failed",))


@pytest.mark.parametrize(
    ("typed", "name"), [("0x80090352", "SEC_E_ISSUING_CA_UNTRUSTED"), ("kerberos:13", "KDC_ERR_BADOPTION")]
)
def test_a_code_that_leaves_the_cause_open_is_explained(typed: str, name: str) -> None:
    (code,) = find(typed)
    assert (code.name, code.finding) == (name, None)


def test_a_prefix_selects_the_kind() -> None:
    assert keys(find("kerberos:24")) == [(CodeKind.KERBEROS, 24)]
    assert find("ms-diagnostics:24") == ()
    assert find("sspi:1010") == ()


@pytest.mark.parametrize("typed", ["", "-", "0x", "999999999999", "0x1C000006A", "-99999999999", "no such code", "²"])
def test_what_is_no_code_is_none(typed: str) -> None:
    assert find(typed) == ()


@given(st.text(max_size=40))
def test_any_text_can_be_asked_for(typed: str) -> None:
    assert all(codes()[code.kind, code.number] is code for code in find(typed))


def test_a_number_of_windows_is_found_in_each_of_its_forms() -> None:
    (disabled,) = find("STATUS_ACCOUNT_DISABLED")
    assert of_windows(0xC0000072) is of_windows(0xD0000072) is disabled
    by_win32 = of_win32(1331)  # ERROR_ACCOUNT_DISABLED, [MS-ERREF] 2.2
    assert by_win32 is not None
    assert (by_win32.number, by_win32.finding) == (0x80070533, "account-disabled")
    assert of_windows(0x12345678) is None


def test_a_code_is_named_where_its_name_is_known() -> None:
    assert windows_text(0xC000006A) == "0xC000006A STATUS_WRONG_PASSWORD"
    assert windows_text(0x12345678) == "0x12345678"


ENTRY: dict[str, Any] = {"name": "N", "meaning": "M"}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (ENTRY | {"finding": "no-such"}, "0x00000001 leads to no-such"),
        (ENTRY | {"see": ["clock-skew", "no-such"]}, "0x00000001 leads to no-such"),
        (ENTRY | {"findings": "clock-skew"}, "has findings"),
        ({"name": "N"}, "has no meaning"),
    ],
)
def test_a_mistake_in_the_table_is_an_error_when_it_is_loaded(entry: dict[str, Any], words: str) -> None:
    read_codes({"sspi": {"1": ENTRY}})
    with pytest.raises(CatalogueError, match=words):
        read_codes({"sspi": {"1": entry}})
