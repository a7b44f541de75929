"""One examination: the checks run, and the verdict on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sipauthctl.diagnosis.ranking import after_success
from sipauthctl.doctor.attempts import Attempts
from sipauthctl.doctor.case import Asked, Case, Tools
from sipauthctl.doctor.check import Check, CheckResult, Status, judged
from sipauthctl.doctor.checks import CHECKS
from sipauthctl.doctor.runner import Observer, chosen, run_checks
from sipauthctl.doctor.verdict import Verdict, judge
from sipauthctl.findings import Finding, Severity
from sipauthctl.probe.results import HopResult


async def examine(
    asked: Asked,
    tools: Tools,
    *,
    only: Collection[str] = (),
    observer: Observer = lambda check, result: None,
    evidence: CheckResult | None = None,
    checks: Sequence[Check] = CHECKS,
) -> Verdict:
    """Runs the checks and judges.

    Args:
        asked: what the user wants to know.
        tools: see there; what the checks opened is closed at the end.
        only: ids of the checks to show; those that they need run too, and are shown where they did not pass.
        evidence: what captures and logs gave, to be judged together with the rest.
        observer: told when a check begins and ends.
        checks: those to choose from.

    Raises:
        KeyError: `only` names none of them.
        TrustError: the CA file cannot be used.
    """
    case = Case(asked, tools, Attempts(all_attempts=asked.all_attempts))
    asked.probe.policy.context()  # a CA file that cannot be used is no finding
    with tools.closing:
        results = await run_checks(chosen(checks, only), case, observer)
    results = tuple(_in_hindsight(case, result) for result in results)
    shown = [result for result in results if not only or result.id in only or result.status is not Status.PASSED]
    registered = any(hop.result is HopResult.REGISTERED for run in case.runs for hop in run.hops)
    with_evidence = [evidence, *shown] if evidence is not None else shown
    return judge(with_evidence, registered=case.registered, account_proven=case.password_proven or registered)


def _in_hindsight(case: Case, result: CheckResult) -> CheckResult:
    """A check after the sign-in: what did not prevent it, or is not what ended it, is a warning then."""
    findings = tuple(_weighed(case, item) for item in result.findings)
    return result if findings == result.findings else judged(result.id, result.detail, findings)


def _weighed(case: Case, item: Finding) -> Finding:
    if item.id in case.passed_over:
        return replace(item, severity=Severity.INFO)
    if case.registered:
        return after_success(item)
    mild = item.id in case.circumstances and item.severity is Severity.ERROR
    return replace(item, severity=Severity.WARNING) if mild else item
