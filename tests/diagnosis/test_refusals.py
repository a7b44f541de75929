"""What a refused REGISTER says of its cause, by the codes in the answer."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sipauthctl.diagnosis.refusals import refusal
from sipauthctl.findings import Finding
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Response


def refused(
    status: int,
    *reports: str,
    of_credentials: bool = False,
    scheme: str = "NTLM",
    phrase: str = "Refused",
    more: Sequence[tuple[str, str]] = (),
) -> Finding:
    headers = Headers([*(("ms-diagnostics", report) for report in reports), *more])
    answer = Response(status=status, reason=phrase, headers=headers)
    return refusal(
        answer,
        host="hs1.litwareinc.com",
        user="LITWAREINC\\ned",
        sip_uri="sip:ned@litwareinc.com",
        scheme=scheme,
        dns_domain="litwareinc.com",
        of_credentials=of_credentials,
    )


@pytest.mark.parametrize(
    ("status", "report", "expected"),
    [
        (404, '1003;reason="User does not exist";source="hs1"', "user-not-enabled"),
        (504, '1008;reason="Unable to resolve DNS SRV record";source="edge"', "next-hop-failed"),
        (504, '1047;reason="Failed to complete TLS negotiation with a peer server"', "next-hop-failed"),
        (504, '1010;reason="x";source="edge";HRESULT="0x800B0109(CERT_E_UNTRUSTEDROOT)"', "next-hop-failed"),
        (401, '1013;reason="Significant time skew detected during authentication"', "clock-skew"),
        (403, '4003;reason="From URI not enabled for remote access"', "remote-access-off"),
        (403, '4004;reason="x"', "uri-not-authorized"),
        (404, '4006;reason="User not found in pool"', "user-not-enabled"),
        (400, '4011;reason="Epid not present"', "endpoint-id-invalid"),
        (403, '17002;reason="Invalid client version"', "client-version-refused"),
        (503, '17000;reason="Server overloaded"', "server-diagnostic"),
        (480, '4000;reason="User services default"', "server-diagnostic"),
    ],
)
def test_a_number_of_ms_diagnostics_names_the_cause(status: int, report: str, expected: str) -> None:
    found = refused(status, report, of_credentials=status == 401)
    assert found.id == expected
    assert f"ms-diagnostics: {report}" in found.evidence


def test_an_hresult_is_finer_than_the_number_beside_it() -> None:
    told = '1000;reason="Final handshake failed";HRESULT="0x80070775(ERROR_ACCOUNT_LOCKED_OUT)"'
    assert refused(401, told, of_credentials=True).id == "account-locked"
    open_ = '1000;reason="Final handshake failed";HRESULT="0xC3E93EC3(SIP_E_AUTH_UNAUTHORIZED)"'
    assert refused(401, open_, of_credentials=True).id == "credentials-refused"


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [("Kerberos", "service-key-mismatch"), ("", "service-key-mismatch"), ("NTLM", "credentials-refused")],
)
def test_what_concerns_a_ticket_is_no_cause_where_none_was_used(scheme: str, expected: str) -> None:
    told = '1000;reason="Final handshake failed";HRESULT="0x80090322(SEC_E_WRONG_PRINCIPAL)"'
    assert refused(401, told, of_credentials=True, scheme=scheme).id == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("-2147023565", "account-disabled"),  # 0x80070533 ERROR_ACCOUNT_DISABLED, [MS-ERREF] 2.2
        ("2147943731", "account-disabled"),
        ("0xC0000234", "account-locked"),
        ("-99999999999", "credentials-refused"),
        ("4294967296", "credentials-refused"),
    ],
)
def test_an_hresult_may_be_decimal(code: str, expected: str) -> None:
    assert refused(401, f'1000;reason="x";HRESULT="{code}"', of_credentials=True).id == expected


UNDECIDED = "does not tell a wrong password"


@pytest.mark.parametrize("code", ["0x80090302", "-2146893054"])
def test_a_token_that_is_not_supported_has_two_possible_causes(code: str) -> None:
    """SEC_E_UNSUPPORTED_FUNCTION: the account is not among them."""
    found = refused(401, f'1000;reason="Final handshake failed";HRESULT="{code}"', of_credentials=True)
    assert found.id == "credentials-refused"
    assert "Possible causes: ntlm-key-strength-mismatch, ntlm-blocked." in found.detail
    assert UNDECIDED not in found.detail
    assert "Compare the flags of the CHALLENGE and the AUTHENTICATE." in found.remedy
    assert "NtlmMinServerSec" in found.remedy
    assert "add hs1.litwareinc.com to the policy" in found.remedy
    assert "Get-ADUser" not in found.remedy


@pytest.mark.parametrize("code", ["0xC000006E(STATUS_ACCOUNT_RESTRICTION)", "0xD000006E", "-1073741714"])
def test_a_restriction_of_the_account_is_told_and_the_password_is_right(code: str) -> None:
    found = refused(401, f'1000;reason="Final handshake failed";HRESULT="{code}"', of_credentials=True)
    assert "The password is right, and a restriction of the account prevents sign-in." in found.detail
    assert "Possible cause: protected-user." in found.detail
    assert UNDECIDED not in found.detail
    assert "    Get-ADUser -Identity ned " in found.remedy


@pytest.mark.parametrize(
    "report", ['1000;reason="x"', '1000;reason="x";HRESULT="0x8009030C"', '1000;reason="x";HRESULT="0x12345678"']
)
def test_a_code_without_candidates_leaves_every_cause_of_a_refusal(report: str) -> None:
    found = refused(401, report, of_credentials=True)
    assert UNDECIDED in found.detail
    assert "Possible cause" not in found.detail


def test_candidates_are_those_of_the_scheme() -> None:
    told = '1000;reason="x";HRESULT="0x80090308(SEC_E_INVALID_TOKEN)"'
    by_ntlm, by_any = (refused(401, told, of_credentials=True, scheme=scheme).detail for scheme in ("NTLM", ""))
    assert "Possible cause: ntlm-malformed-token." in by_ntlm
    assert "Possible causes: ntlm-malformed-token, kerberos-malformed-token." in by_any


def test_an_answer_that_is_no_challenge_has_candidates_too() -> None:
    found = refused(504, '1007;reason="Temporarily cannot route";source="edge"')
    assert found.id == "server-diagnostic"
    assert "Possible cause: next-hop-failed." in found.detail


def test_an_unknown_user_beside_a_new_challenge_is_the_account() -> None:
    assert refused(401, '1003;reason="User does not exist"', of_credentials=True).id == "user-unknown"


def test_the_reason_phrase_stands_where_there_is_no_report() -> None:
    found = refused(480, phrase="Ask the front desk")
    assert found.detail == "hs1.litwareinc.com answers 480 Ask the front desk."
    assert found.evidence == ("SIP/2.0 480 Ask the front desk",)


@pytest.mark.parametrize(
    ("server", "expected"), [("RTC/6.0", "user-not-enabled"), ("Asterisk PBX 18.9", "server-diagnostic")]
)
def test_a_404_of_another_product_says_nothing_of_the_directory(server: str, expected: str) -> None:
    assert refused(404, phrase="Not Found", more=[("Server", server)]).id == expected


def test_without_a_reason_phrase_the_status_stands_alone() -> None:
    assert refused(480, phrase="").detail == "hs1.litwareinc.com answers 480."


@pytest.mark.parametrize(
    ("status", "header", "value"),
    [
        (503, "Retry-After", "120"),
        (423, "Min-Expires", "14400"),
        (480, "ms-diagnostics-public", '4000;reason="User services default";source="sip"'),
    ],
)
def test_what_the_server_asks_of_the_next_attempt_is_quoted(status: int, header: str, value: str) -> None:
    assert f"{header}: {value}" in refused(status, more=[(header, value)]).evidence


def test_a_report_for_the_public_is_read_as_any_other() -> None:
    report = '4003;reason="From URI not enabled for remote access"'
    assert refused(403, more=[("ms-diagnostics-public", report)]).id == "remote-access-off"


def test_the_words_of_a_server_are_no_template() -> None:
    assert "{0.__class__}" in refused(488, '99999;reason="{0.__class__}"').detail


def test_the_next_hop_is_looked_for_and_not_the_server_that_looked() -> None:
    report = '1038;reason="Failed to connect to a peer server";fqdn="pool.litwareinc.com:5061";source="sip"'
    assert "    Resolve-DnsName pool.litwareinc.com" in refused(504, report).remedy.splitlines()
    report = '1038;reason="Failed to connect to a peer server";source="sip"'
    assert "    Resolve-DnsName <server FQDN>" in refused(504, report).remedy.splitlines()


def test_a_missing_srv_record_is_looked_up_in_the_domain_that_the_server_names() -> None:
    report = '1008;reason="Unable to resolve DNS SRV record";domain="contoso.com";dns-srv-result="NegativeResult"'
    found = refused(504, f'{report};source="hs1.litwareinc.com"')
    assert "    Resolve-DnsName -Type SRV _sipfederationtls._tcp.contoso.com" in found.remedy.splitlines()
    assert found.detail.startswith("hs1.litwareinc.com could not pass on the request of LITWAREINC\\ned. ")
    assert "refuses" not in found.detail


def test_an_srv_record_that_leads_elsewhere_names_the_domain_and_the_host() -> None:
    report = '1009;reason="Conflicting SRV and host domains in DNS";domain="contoso.com";fqdn1="sip.fabrikam.com:5061"'
    remedy = refused(504, report).remedy.splitlines()
    assert "    Set-CsAllowedDomain -Identity contoso.com -ProxyFqdn sip.fabrikam.com" in remedy
