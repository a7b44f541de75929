"""From checks to a verdict; how findings are ranked is in tests/diagnosis/test_ranking.py."""

from __future__ import annotations

import pytest

from sipauthctl.doctor.check import CheckResult, Status, judged
from sipauthctl.doctor.verdict import Verdict, judge
from sipauthctl.findings import Finding, Severity, finding


def verdict(*findings: Finding, registered: bool | None = None, account_proven: bool = False) -> Verdict:
    checks = [judged("a", "done", [item]) for item in findings]
    return judge(checks, registered=registered, account_proven=account_proven)


def test_a_cause_in_one_check_explains_what_another_found() -> None:
    made = verdict(finding("credentials-refused", "x"), finding("server-not-domain-joined", "x"))
    assert made.root_cause == "server-not-domain-joined"
    assert [item.explained_by for item in made.findings] == [None, "server-not-domain-joined"]


@pytest.mark.parametrize(
    ("severity", "root"), [(Severity.ERROR, "upn-without-fallback"), (Severity.WARNING, "kdc-unreachable")]
)
def test_a_form_of_the_name_that_nobody_gave_is_no_cause(severity: Severity, root: str) -> None:
    silent = finding("kdc-unreachable", "x", severity=Severity.WARNING)
    assert verdict(silent, finding("upn-without-fallback", "x", severity=severity)).root_cause == root


@pytest.mark.parametrize("proven", [True, False])
def test_a_circumstance_is_the_root_cause_only_where_the_account_is_proven(proven: bool) -> None:
    found = finding("credentials-refused", "x"), finding("netbios-unavailable", "x")
    expected = "netbios-unavailable" if proven else "credentials-refused"
    assert verdict(*found, account_proven=proven).root_cause == expected


def test_information_is_no_root_cause_and_no_failure() -> None:
    made = verdict(finding("nat-detected", "x"), registered=True)
    assert (made.root_cause, made.failed) == (None, False)


def test_a_sign_in_that_failed_is_a_failure_without_any_finding() -> None:
    assert verdict(registered=False).failed
    assert not verdict(registered=None).failed


def test_skipped_checks_say_nothing_about_the_deployment() -> None:
    made = judge([CheckResult("a", Status.SKIPPED, "no reason")], registered=None)
    assert (made.findings, made.root_cause, made.failed) == ((), None, False)
