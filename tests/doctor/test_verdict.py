"""Ranking by cause."""

from __future__ import annotations

import graphlib

import pytest

from sipauthctl.doctor.causes import CAUSES, CIRCUMSTANCES
from sipauthctl.doctor.check import CheckResult, Status, judged
from sipauthctl.doctor.verdict import Verdict, judge, merge
from sipauthctl.findings import Finding, Severity, catalogue, finding


def verdict(*findings: Finding, registered: bool | None = None) -> Verdict:
    return judge([judged("a", "done", [item]) for item in findings], registered=registered)


def order(*findings: Finding) -> list[str]:
    return [item.id for item in verdict(*findings).findings]


def test_the_table_names_findings_and_has_no_circle() -> None:
    named = {*CAUSES, *(effect for effects in CAUSES.values() for effect in effects)}
    assert named <= set(catalogue())
    graphlib.TopologicalSorter(CAUSES).prepare()
    assert {*CIRCUMSTANCES, *(effect for effects in CIRCUMSTANCES.values() for effect in effects)} <= set(catalogue())


def test_a_cause_stands_before_what_it_explains_even_if_it_is_milder() -> None:
    refused, mismatch = finding("credentials-refused", "x"), finding("domain-mismatch", "x")
    made = verdict(refused, mismatch)
    assert [item.id for item in made.findings] == ["domain-mismatch", "credentials-refused"]
    assert made.root_cause == "domain-mismatch"
    assert made.explained_by == {"credentials-refused": "domain-mismatch"}


def test_a_chain_is_told_link_by_link() -> None:
    found = [finding(id_, "x") for id_ in ("credentials-refused", "user-unknown", "upn-suffix-mismatch")]
    assert order(*found) == ["upn-suffix-mismatch", "user-unknown", "credentials-refused"]


def test_among_independent_causes_the_worse_comes_first_then_the_earlier_check() -> None:
    mild, bad, worse = finding("date-malformed", "x"), finding("tls-expired", "x"), finding("signature-invalid", "x")
    assert order(mild, bad, worse) == ["tls-expired", "signature-invalid", "date-malformed"]


def test_a_cause_counts_as_bad_as_its_worst_effect() -> None:
    warning, cause = finding("date-malformed", "x"), finding("domain-mismatch", "x")
    assert order(warning, cause, finding("credentials-refused", "x")) == [
        "domain-mismatch",
        "credentials-refused",
        "date-malformed",
    ]


@pytest.mark.parametrize(
    ("severity", "explained"), [(Severity.ERROR, True), (Severity.WARNING, False), (Severity.INFO, False)]
)
def test_a_clock_within_its_limit_explains_nothing(severity: Severity, explained: bool) -> None:
    made = verdict(finding("clock-skew", "x", severity=severity), finding("service-key-mismatch", "x"))
    assert ("service-key-mismatch" in made.explained_by) is explained
    assert made.root_cause == ("clock-skew" if explained else "service-key-mismatch")


def test_a_clock_explains_a_refusal_only_beyond_the_limit_of_ntlm() -> None:
    skew, refused = finding("clock-skew", "x"), finding("credentials-refused", "x")
    assert "credentials-refused" not in verdict(skew, refused).explained_by
    beyond = verdict(skew, finding("ntlm-clock-skew", "x"), refused)
    assert beyond.explained_by == {"ntlm-clock-skew": "clock-skew", "credentials-refused": "ntlm-clock-skew"}


@pytest.mark.parametrize(
    ("severity", "root"), [(Severity.ERROR, "upn-without-fallback"), (Severity.WARNING, "kdc-unreachable")]
)
def test_a_form_of_the_name_that_nobody_gave_is_no_cause(severity: Severity, root: str) -> None:
    silent = finding("kdc-unreachable", "x", severity=Severity.WARNING)
    assert verdict(silent, finding("upn-without-fallback", "x", severity=severity)).root_cause == root


@pytest.mark.parametrize("proven", [True, False])
def test_a_circumstance_explains_a_refusal_only_where_the_account_is_proven(proven: bool) -> None:
    found = [finding("credentials-refused", "x"), finding("netbios-unavailable", "x")]
    made = judge([judged("a", "done", found)], registered=None, account_proven=proven)
    assert made.root_cause == ("netbios-unavailable" if proven else "credentials-refused")


def test_information_is_no_root_cause_and_no_failure() -> None:
    made = verdict(finding("nat-detected", "x"), registered=True)
    assert (made.root_cause, made.failed) == (None, False)


def test_a_sign_in_that_failed_is_a_failure_without_any_finding() -> None:
    assert verdict(registered=False).failed
    assert not verdict(registered=None).failed


def test_a_finding_of_several_checks_is_told_once_with_the_evidence_of_all() -> None:
    mild = finding("upn-suffix-mismatch", "mild", ["one", "both"], severity=Severity.INFO)
    worse = finding("upn-suffix-mismatch", "worse", ["both", "two"])
    (merged,) = merge([mild, worse])
    assert (merged.detail, merged.severity, merged.evidence) == ("worse", Severity.WARNING, ("both", "two", "one"))


def test_skipped_checks_say_nothing_about_the_deployment() -> None:
    made = judge([CheckResult("a", Status.SKIPPED, "no reason")], registered=None)
    assert (made.findings, made.root_cause, made.failed) == ((), None, False)
