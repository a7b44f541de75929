"""Error records of a server trace: joined by Call-ID to the sign-in that they are about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sipauthctl.analysis.server_errors import CALLS_KEPT, ServerErrors
from sipauthctl.capture.record import Notice, Record
from sipauthctl.doctor.evidence import read_evidence
from sipauthctl.findings import Finding
from tests.analysis import written
from tests.analysis.kerberos_session import session as kerberos_session
from tests.analysis.sessions import NOTHING, Outcome, lab, session
from tests.analysis.test_kerberos import refused as refused_by_kerberos

LOGON_DENIED, TIME_SKEW, WRONG_PRINCIPAL, DISABLED = 0x8009030C, 0x80090324, 0x80090322, 0xC0000072


def refused() -> list[Record]:
    return lab(password="not his password", lab={"redirect": False})


def traced(records: list[Record], folder: Path, *codes: int) -> Outcome:
    errors = [written.security_error(records[-1], code) for code in codes]
    return written.read(written.server_trace(records, *errors), folder, "trace.txt", NOTHING, local_times=True)


def one(seen: Outcome, id_: str) -> Finding:
    (found,) = [finding for finding in seen.findings if finding.id == id_]
    return found


def test_a_code_that_leaves_the_cause_open_is_told_beside_the_refusal(tmp_path: Path) -> None:
    seen = traced(refused(), tmp_path, LOGON_DENIED)
    assert "credentials-refused" in seen.ids
    told = one(seen, "server-diagnostic")
    assert told.severity.value == "warning"
    assert "hs1.litwareinc.com says of sip:ned@litwareinc.com" in told.detail
    assert "0x8009030C SEC_E_LOGON_DENIED" in told.evidence
    assert "    certutil -error 0x8009030C" in told.remedy.splitlines()


@pytest.mark.parametrize("first", [0, -1], ids=["with its handshake", "alone"])
def test_a_code_in_the_trace_narrows_the_refusal(first: int, tmp_path: Path) -> None:
    """0xC000006E is STATUS_ACCOUNT_RESTRICTION, [MS-ERREF] 2.3.1."""
    records = refused()
    trace = written.server_trace(records[first:], written.security_error(records[-1], 0xC000006E))
    seen = written.read(trace, tmp_path, "trace.txt", NOTHING, local_times=True)
    detail = one(seen, "credentials-refused").detail
    assert "The password is right, and a restriction of the account prevents sign-in." in detail
    assert "does not tell a wrong password" not in detail


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (TIME_SKEW, "clock-skew"),
        (DISABLED, "account-disabled"),
        (0xC0000418, "ntlm-blocked"),
        (0xC000018D, "trust-failed"),
        (0xC000015B, "logon-right-denied"),
        (0xC00002FA, "smart-card-required"),
    ],
)
def test_a_code_that_names_the_cause_takes_the_place_of_the_refusal(code: int, expected: str, tmp_path: Path) -> None:
    seen = traced(refused(), tmp_path, code)
    assert one(seen, expected).severity.value == "error"
    assert "credentials-refused" not in seen.ids


def test_of_another_user_what_the_server_says_of_the_client_does_not_count(tmp_path: Path) -> None:
    records = refused()
    trace = tmp_path / "trace.txt"
    trace.write_bytes(written.server_trace(records, written.security_error(records[-1], TIME_SKEW)))
    ned, nina = (
        read_evidence([trace], NOTHING, about=f"sip:{user}@litwareinc.com").result for user in ("ned", "nina")
    )
    assert "clock-skew" in [found.id for found in ned.findings]
    assert {found.severity.value for found in nina.findings} <= {"info"}
    assert "about others, and so not counted: clock-skew of ned@litwareinc.com" in nina.detail


def test_a_cause_of_kerberos_is_none_of_ntlm(tmp_path: Path) -> None:
    assert "service-key-mismatch" not in traced(refused(), tmp_path, WRONG_PRINCIPAL).ids


def test_a_ticket_for_another_key(tmp_path: Path) -> None:
    pytest.importorskip("sipauthctl.mechanisms.kerberos.libkrb5")
    seen = traced(refused_by_kerberos(kerberos_session().records()), tmp_path, WRONG_PRINCIPAL)
    assert "setspn -Q sip/hs1.litwareinc.com" in one(seen, "service-key-mismatch").remedy


def test_an_error_about_a_sign_in_that_succeeded_is_no_problem(tmp_path: Path) -> None:
    seen = traced(session(), tmp_path, TIME_SKEW)
    assert seen.ids == ["server-diagnostic"]
    assert one(seen, "server-diagnostic").severity.value == "info"


def test_an_error_about_messages_that_are_not_there_is_still_told(tmp_path: Path) -> None:
    error = written.security_error(refused()[-1], LOGON_DENIED)
    seen = written.read(written.server_trace(session(), error), tmp_path, "trace.txt", NOTHING, local_times=True)
    told = one(seen, "server-diagnostic")
    assert "of no sign-in that is in the input" in told.detail
    assert any(line.startswith("Call-ID: ") for line in told.evidence)


def test_an_error_before_any_credentials(tmp_path: Path) -> None:
    records = session()[:2]
    seen = traced(records, tmp_path, LOGON_DENIED)
    assert "A server trace says of sip:ned@litwareinc.com" in one(seen, "server-diagnostic").detail


def unrouted(record: Record, method: str = "REGISTER", severity: str = "error") -> str:
    """A TF_DIAG record on the message of a record."""
    told = written.security_error(record, 0xC3E93D6F, "None of the FQDNs is in the domain of the message")
    data = f'SIP-CSeq: 1 {method}\r\nData: domain="contoso.com"; fqdn1="pool.fabrikam.com:5061"\r\nPeer: '
    told = told.replace("TF_SECURITY", "TF_DIAG").replace("LogType: security\r\n", "").replace("Peer: ", data)
    return told.replace("Severity: error", f"Severity: {severity}")


def unavailable(records: list[Record]) -> list[Record]:
    """A REGISTER that is answered 504, without ms-diagnostics."""
    raw = records[1].raw.replace(b"SIP/2.0 401 Unauthorized", b"SIP/2.0 504 Server time-out")
    lines = [line for line in raw.split(b"\r\n") if not line.startswith(b"WWW-Authenticate")]
    return [records[0], replace(records[1], raw=b"\r\n".join(lines))]


@pytest.mark.parametrize("severity", ["error", "warning"])
@pytest.mark.parametrize("first", [0, 1], ids=["with its request", "alone"])
def test_a_register_that_was_not_passed_on(first: int, severity: str, tmp_path: Path) -> None:
    records = unavailable(session())
    trace = written.server_trace(records[first:], unrouted(records[1], severity=severity))
    seen = written.read(trace, tmp_path, "trace.txt", NOTHING, local_times=True)
    assert seen.ids == ["next-hop-failed"]
    found = one(seen, "next-hop-failed")
    assert found.severity.value == "error"
    assert "fqdn1 pool.fabrikam.com:5061" in found.detail
    assert "SIP/2.0 504 Server time-out" in found.evidence
    assert "    Resolve-DnsName pool.fabrikam.com" in found.remedy.splitlines()


def test_a_register_that_was_passed_on_another_way_is_no_problem(tmp_path: Path) -> None:
    seen = written.read(
        written.server_trace(session(), unrouted(session()[0])), tmp_path, "trace.txt", NOTHING, local_times=True
    )
    assert seen.serious == []


def test_a_call_that_was_not_passed_on_breaks_no_sign_in(tmp_path: Path) -> None:
    call = unrouted(session()[0], method="INVITE").replace("SIP-Call-ID: ", "SIP-Call-ID: other-")
    seen = written.read(written.server_trace(session(), call), tmp_path, "trace.txt", NOTHING, local_times=True)
    assert [(found.id, found.severity.value) for found in seen.findings] == [("server-diagnostic", "info")]


def test_an_error_on_a_refusal_that_stands_alone(tmp_path: Path) -> None:
    """The last answer of a handshake is all that there is of it."""
    records = refused()
    trace = written.server_trace(records[-1:], written.security_error(records[-1], 0xC0000418))
    seen = written.read(trace, tmp_path, "trace.txt", NOTHING, local_times=True)
    assert [(found.id, found.severity.value) for found in seen.findings] == [("ntlm-blocked", "error")]


def test_the_errors_that_are_held_are_bounded() -> None:
    errors = ServerErrors()
    for number in range(3 * CALLS_KEPT):
        for text in range(10):
            errors.add(Notice("security-error", f"{text}.", "t", number, None, f"call{number}"))
    assert errors.of("call1") == ()
    assert len(errors.of(f"call{3 * CALLS_KEPT - 1}")) == 4
    assert len(errors.rest()) == 4 * (CALLS_KEPT - 1)
