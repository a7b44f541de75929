"""One examination: the checks run, and the verdict on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sipauthctl.diagnosis.ranking import after_success
from sipauthctl.doctor.attempts import Attempts
from sipauthctl.doctor.case import Asked, Case, Tools
from sipauthctl.doctor.check import Check, CheckResult, Status, judged
from sipauthctl.doctor.checks import CHECKS
from sipauthctl.doctor.runner import Observer, chosen, run_checks
from sipauthctl.doctor.verdict import Verdict, judge
from sipauthctl.mechanisms.kerberos.as_exchange import TICKET
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
    if case.registered:
        results = tuple(map(_in_hindsight, results))
    shown = [result for result in results if not only or result.id in only or result.status is not Status.PASSED]
    by_kdc = case.kdc is not None and case.kdc.proof is not None and case.kdc.proof.code == TICKET
    registered = any(hop.result is HopResult.REGISTERED for run in case.runs for hop in run.hops)
    with_evidence = [evidence, *shown] if evidence is not None else shown
    return judge(with_evidence, registered=case.registered, account_proven=by_kdc or registered)


def _in_hindsight(result: CheckResult) -> CheckResult:
    """A check after a sign-in that succeeded: what did not prevent it is a warning then."""
    findings = tuple(map(after_success, result.findings))
    return result if findings == result.findings else judged(result.id, result.detail, findings)
