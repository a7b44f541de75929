"""Refused REGISTERs wherever they stand: before any handshake, after it, and without the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipauthctl.capture.record import Record
from tests.analysis.sessions import NOTHING, Outcome, lab, outcome, session

HANDSHAKE_FAILED = '1000;reason="Final handshake failed";HRESULT="0xC3E93EE4(SIP_E_AUTH_NTLMMISMATCH)";source="hs1"'


def answer(like: Record, status: str, diagnostics: str = "", method: str = "REGISTER") -> Record:
    """Another answer to the request that `like` answers, unsigned."""
    kept = [
        line for line in like.raw.split(b"\r\n")[1:] if line.startswith((b"Via", b"From", b"To", b"Call-ID", b"CSeq"))
    ]
    more = [f"ms-diagnostics: {diagnostics}".encode()] if diagnostics else []
    lines = [f"SIP/2.0 {status}".encode(), *kept, *more, b"Content-Length: 0", b"", b""]
    return replace(like, raw=b"\r\n".join(lines).replace(b" REGISTER\r\n", f" {method}\r\n".encode()))


def found(seen: Outcome) -> list[tuple[str, str]]:
    return [(one.id, one.severity.value) for one in seen.findings if one.severity.value != "info"]


CODES = [
    ("404 Not Found", '1003;reason="User does not exist";source="hs1"', "user-not-enabled"),
    ("504 Server time-out", '1008;reason="Unable to resolve DNS SRV record";source="sip"', "next-hop-failed"),
    ("403 Forbidden", '4003;reason="User is not enabled for remote access";source="hs1"', "remote-access-off"),
    ("401 Unauthorized", '1002;reason="From URI not authorized";source="hs1"', "server-diagnostic"),
    ("503 Service Unavailable", "", "server-diagnostic"),
]


@pytest.mark.parametrize(("status", "diagnostics", "id_"), CODES, ids=[id_ for _, _, id_ in CODES])
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "with its request"])
def test_the_first_answer(status: str, diagnostics: str, id_: str, alone: bool) -> None:
    records = session()
    refused = answer(records[1], status, diagnostics)
    assert found(outcome([refused] if alone else [records[0], refused], NOTHING)) == [(id_, "error")]


@pytest.mark.parametrize(("status", "diagnostics", "id_"), CODES, ids=[id_ for _, _, id_ in CODES])
def test_the_answer_to_a_refresh(status: str, diagnostics: str, id_: str) -> None:
    records = session()
    assert (id_, "error") in found(outcome([*records[:9], answer(records[9], status, diagnostics)], NOTHING))


@pytest.mark.parametrize("before", [0, 2, 4, 5])
def test_a_challenge_that_ends_a_handshake(before: int) -> None:
    """It stands alone, after the offers, after the server's token, or after the client's."""
    records = session()
    seen = outcome([*records[:before], answer(records[5], "401 Unauthorized", HANDSHAKE_FAILED)], NOTHING)
    assert found(seen) == [("ntlm-key-strength-mismatch", "error")]


@pytest.mark.parametrize("number", [1000, 0])
def test_a_code_on_the_ticket_counts_where_the_scheme_is_not_in_the_log(number: int) -> None:
    told = f'{number};reason="x";HRESULT="0x80090322(SEC_E_WRONG_PRINCIPAL)"'
    seen = outcome([answer(session()[5], "401 Unauthorized", told)], NOTHING)
    assert found(seen) == [("service-key-mismatch", "error")]


@pytest.mark.parametrize("before", [0, 5], ids=["alone", "after the handshake"])
def test_a_code_that_leaves_the_cause_open_names_the_candidates(before: int) -> None:
    records = session()
    told = '1000;reason="Final handshake failed";HRESULT="0x80090302(SEC_E_UNSUPPORTED_FUNCTION)"'
    seen = outcome([*records[:before], answer(records[5], "401 Unauthorized", told)], NOTHING)
    assert found(seen) == [("credentials-refused", "error")]
    (refused,) = [one for one in seen.findings if one.id == "credentials-refused"]
    assert "Possible causes: ntlm-key-strength-mismatch, ntlm-blocked." in refused.detail


def test_an_interval_too_brief_is_no_error() -> None:
    records = session()
    for seen in (
        [records[0], answer(records[1], "423 Interval Too Brief")],
        lab("answer=423", lab={"redirect": False}),
    ):
        assert found(outcome(seen, NOTHING)) == [("server-diagnostic", "warning")]


@pytest.mark.parametrize(("status", "quoted"), [("503", "Retry-After: 120"), ("423", "Min-Expires: 14400")])
@pytest.mark.parametrize("fault", ["answer", "first-answer"])
def test_what_the_server_asks_of_the_next_attempt_is_quoted(fault: str, status: str, quoted: str) -> None:
    seen = outcome(lab(f"{fault}={status}", lab={"redirect": False}), NOTHING)
    (told,) = [one for one in seen.findings if one.id == "server-diagnostic"]
    assert quoted in told.evidence


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "SUBSCRIBE"])
def test_another_request_that_is_refused_says_nothing_of_the_account(method: str) -> None:
    records = [replace(one, raw=one.raw.replace(b" REGISTER\r\n", f" {method}\r\n".encode())) for one in session()]
    refused = answer(records[5], "404 Not Found", '1003;reason="User does not exist"', method)
    assert "user-not-enabled" not in outcome([*records[:5], refused], NOTHING).ids


def ended(
    report: str = "", body: str = "", event: str = "registration-notify", by: str = "ned", **more: str
) -> Outcome:
    """A session in which the server then ends a subscription."""
    state, method = more.get("state", "terminated;expires=0"), more.get("method", "NOTIFY")
    raw = (
        f"{method} sip:192.0.2.35 SIP/2.0\r\nFrom: <sip:{by}@litwareinc.com>;tag=1\r\nTo: <sip:ned@litwareinc.com>"
        f";tag=2;epid=01\r\nCall-ID: n\r\nCSeq: 1 {method}\r\nEvent: {event}\r\nSubscription-State: {state}\r\n"
        f"{report}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
    records = session()
    return outcome([*records[:-2], replace(records[-1], raw=raw, place=99)], NOTHING)


DISABLED = 'ms-diagnostics-public: 4141;reason="User disabled"\r\n'


@pytest.mark.parametrize(
    ("event", "by", "state", "expected"),
    [
        ("registration-notify", "ned", "terminated;expires=0", ["user-not-enabled"]),
        ("presence", "ned", "terminated;expires=0", ["user-not-enabled"]),
        ("presence", "nina", "terminated;expires=0", []),  # says something of nina
        ("registration-notify", "ned", "active;expires=600", []),
    ],
)
def test_a_subscription_that_the_server_ends(event: str, by: str, state: str, expected: list[str]) -> None:
    assert [id_ for id_, _ in found(ended(DISABLED, event=event, by=by, state=state))] == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("deregistered;event=rejected", [("user-not-enabled", "error")]),
        (" deregistered; event=deactivated\r\n", [("registration-lost", "error")]),
        ("registered;event=userservices-unavailable", []),
        ("", []),  # as after the client's own SUBSCRIBE with Expires: 0
    ],
)
def test_the_body_says_why_where_there_is_no_report(body: str, expected: list[tuple[str, str]]) -> None:
    """[MS-SIPREGE] 2.2.1.13."""
    assert found(ended(body=body, method="BENOTIFY")) == expected


def test_a_refusal_is_told_once() -> None:
    assert found(outcome(lab("credentials-refused", lab={"redirect": False}), NOTHING)) == [
        ("credentials-refused", "error")
    ]


def test_an_input_without_times_that_ends_at_a_first_challenge_is_no_error() -> None:
    timeless = [replace(one, time=None) for one in session()[:2]]
    assert [severity for _, severity in found(outcome(timeless, NOTHING)) if severity == "error"] == []
