"""Findings become a diagnosis: each once, causes first, one error for each cause."""

from __future__ import annotations

import pytest

from sipauthctl.diagnosis.ranking import (
    EVIDENCE_LINES,
    MOST_FINDINGS,
    FindingCollector,
    after_success,
    merged,
    ranked,
)
from sipauthctl.findings import Finding, Severity, catalogue, finding

REFUSED = finding("credentials-refused", "x", ["SIP/2.0 401 Unauthorized"])


def order(*findings: Finding) -> list[str]:
    return [item.id for item in ranked(findings)]


def relations(*findings: Finding, account_proven: bool = False) -> list[tuple[str, str | None]]:
    return [(item.id, item.explained_by) for item in ranked(findings, account_proven=account_proven)]


def test_a_cause_stands_before_what_it_explains_even_if_it_is_milder() -> None:
    assert relations(REFUSED, finding("server-not-domain-joined", "x")) == [
        ("server-not-domain-joined", None),
        ("credentials-refused", "server-not-domain-joined"),
    ]


@pytest.mark.parametrize("id_", ["domain-mismatch", "upn-suffix-mismatch", "logon-name-is-sip-address"])
def test_a_name_that_may_be_right_does_not_explain_a_refusal_that_may_be_for_the_password(id_: str) -> None:
    assert relations(finding(id_, "x"), REFUSED) == [("credentials-refused", None), (id_, None)]
    assert relations(finding(id_, "x"), REFUSED, account_proven=True) == [(id_, None), ("credentials-refused", id_)]


def test_what_says_only_that_something_failed_comes_after_what_says_why_something_failed() -> None:
    assert order(REFUSED, finding("service-key-mismatch", "x")) == ["service-key-mismatch", "credentials-refused"]


def test_a_chain_is_told_link_by_link() -> None:
    chain = [finding(id_, "x") for id_ in ("service-key-mismatch", "spn-duplicate", "spn-wrong-account")]
    assert relations(*chain) == [
        ("spn-duplicate", None),
        ("spn-wrong-account", "spn-duplicate"),
        ("service-key-mismatch", "spn-wrong-account"),
    ]


def test_among_independent_causes_the_worse_comes_first_then_the_earlier_one() -> None:
    mild, bad, worse = finding("date-malformed", "x"), finding("tls-expired", "x"), finding("signature-invalid", "x")
    assert order(mild, bad, worse) == ["tls-expired", "signature-invalid", "date-malformed"]


def test_a_cause_counts_as_bad_as_its_worst_effect() -> None:
    warning, cause = finding("date-malformed", "x"), finding("server-not-domain-joined", "x")
    assert order(warning, cause, REFUSED) == ["server-not-domain-joined", "credentials-refused", "date-malformed"]


@pytest.mark.parametrize("cause", ["clock-skew", "ntlm-key-strength-mismatch", "wrong-password", "protected-user"])
def test_a_known_cause_takes_the_place_of_a_refusal_without_a_reason(cause: str) -> None:
    (one,) = ranked([REFUSED, finding(cause, "x", ["seen"])])
    assert (one.id, one.severity, one.evidence) == (cause, Severity.ERROR, ("seen", "SIP/2.0 401 Unauthorized"))


def test_a_supposed_cause_leaves_the_refusal_in_its_place() -> None:
    found = ranked([REFUSED, finding("clock-skew", "x", severity=Severity.WARNING)])
    assert [(one.id, one.explained_by) for one in found] == [("credentials-refused", None), ("clock-skew", None)]


def test_what_an_error_explains_is_no_second_error() -> None:
    found = ranked([finding("service-key-mismatch", "x"), finding("spn-duplicate", "x")])
    assert [(one.id, one.severity.value) for one in found] == [
        ("spn-duplicate", "error"),
        ("service-key-mismatch", "warning"),
    ]


def test_a_proven_cause_explains_a_refusal_before_a_supposed_one() -> None:
    supposed, proven = finding("domain-mismatch", "x"), finding("wrong-password", "x")
    assert relations(supposed, REFUSED, proven) == [("wrong-password", None), ("domain-mismatch", None)]


@pytest.mark.parametrize(
    ("severity", "explained"), [(Severity.ERROR, True), (Severity.WARNING, False), (Severity.INFO, False)]
)
def test_a_clock_within_its_limit_explains_nothing(severity: Severity, explained: bool) -> None:
    found = ranked([finding("clock-skew", "x", severity=severity), finding("service-key-mismatch", "x")])
    assert [one.explained_by for one in found if one.id == "service-key-mismatch"] == [
        "clock-skew" if explained else None
    ]


def test_a_circumstance_explains_a_refusal_only_where_the_account_is_proven() -> None:
    nat = finding("netbios-unavailable", "x")
    assert relations(REFUSED, nat) == [("credentials-refused", None), ("netbios-unavailable", None)]
    assert relations(REFUSED, nat, account_proven=True) == [
        ("netbios-unavailable", None),
        ("credentials-refused", "netbios-unavailable"),
    ]


def test_a_finding_that_was_seen_twice_is_told_once_with_the_evidence_of_both() -> None:
    mild = finding("upn-suffix-mismatch", "mild", ["one", "both"], severity=Severity.INFO)
    worse = finding("upn-suffix-mismatch", "worse", ["both", "two"])
    (joined,) = merged([mild, worse])
    assert (joined.detail, joined.severity, joined.evidence) == ("worse", Severity.WARNING, ("both", "two", "one"))


def test_evidence_that_does_not_fit_is_left_out_as_a_whole() -> None:
    lines = [f"line {number}" for number in range(EVIDENCE_LINES - 1)]
    (joined,) = merged([finding("num-gap", "x", lines), finding("num-gap", "x", ["a", "b"])])
    assert joined.evidence == tuple(lines)


def test_one_user_is_no_explanation_for_another() -> None:
    collector = FindingCollector()
    collector.add([finding("wrong-password", "x")], "sip:ned@litwareinc.com", "hs1")
    collector.add([REFUSED], "sip:nina@litwareinc.com", "hs1")
    collector.add([REFUSED], "sip:ned@litwareinc.com", "hs2")
    assert [(one.id, one.explained_by) for one in collector.ranked()] == [
        ("wrong-password", None),
        ("credentials-refused", None),
        ("credentials-refused", None),
    ]


def test_what_a_kdc_says_of_a_user_holds_at_every_server() -> None:
    collector = FindingCollector()
    collector.add([REFUSED], "sip:ned@litwareinc.com", "hs1")
    collector.add([finding("account-locked", "x")], "sip:ned@litwareinc.com")
    assert [one.id for one in collector.ranked()] == ["account-locked"]


def test_the_same_on_one_subject_is_counted_where_each_is_an_event() -> None:
    collector = FindingCollector(counting=True)
    for _ in range(3):
        collector.add([finding("num-gap", "A gap.")], "sip:ned@litwareinc.com", "hs1")
    assert [one.detail for one in collector.findings()] == ["A gap. (2 more like it.)"]


def test_findings_are_bounded_whatever_the_number_of_users() -> None:
    collector = FindingCollector(counting=True)
    for number in range(10 * MOST_FINDINGS):
        collector.add([REFUSED, finding("domain-mismatch", "x")], f"sip:u{number}@litwareinc.com", "hs1")
    found = collector.ranked()
    assert len(found) == MOST_FINDINGS + 2
    assert sum(" more like it.)" in one.detail for one in found) == 2


def test_a_success_makes_a_warning_of_what_did_not_prevent_it() -> None:
    for id_, entry in catalogue().items():
        expected = Severity.ERROR if entry.fatal else Severity.WARNING
        assert after_success(finding(id_, "x", severity=Severity.ERROR)).severity is expected, id_
        assert after_success(finding(id_, "x", severity=Severity.INFO)).severity is Severity.INFO, id_
