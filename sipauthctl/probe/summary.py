"""From the facts of a run to the values that are shown."""

from __future__ import annotations

from sipauthctl.findings import Finding, Severity
from sipauthctl.probe.diagnosis import diagnose
from sipauthctl.probe.facts import HopFacts, LifeFacts, RunFacts
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.results import Hop, HopResult, Interruption, Life, Outcome, Registration, Remains

_OUTCOMES = {
    HopResult.REGISTERED: Outcome.REGISTERED,
    HopResult.REDIRECTED: Outcome.INCOMPLETE,
    HopResult.REJECTED: Outcome.REJECTED,
    HopResult.UNTRUSTED: Outcome.UNTRUSTED,
    HopResult.UNREACHABLE: Outcome.UNREACHABLE,
    HopResult.INCOMPLETE: Outcome.INCOMPLETE,
}


def summarize(run: RunFacts, options: ProbeOptions) -> Registration:
    """The result of a run, with its findings."""
    findings = diagnose(run, options)
    scheme = next((hop.scheme for hop in reversed(run.hops) if hop.scheme is not None), None)
    return Registration(
        outcome=_outcome(run, findings),
        user=f"sip:{options.user.user}@{options.user.host}",
        scheme=scheme,
        hops=tuple(_hop(hop) for hop in run.hops),
        findings=findings,
        interruption=_interruption(run),
    )


def _interruption(run: RunFacts) -> Interruption | None:
    if not run.interrupted:
        return None
    left, removed = run.registration_left, run.registration_removed
    return Interruption(run.step, Remains.LEFT if left else Remains.REMOVED if removed else Remains.NONE)


def _outcome(run: RunFacts, findings: tuple[Finding, ...]) -> Outcome:
    if not run.hops:
        return Outcome.INCOMPLETE if run.interrupted else Outcome.UNREACHABLE
    outcome = _OUTCOMES[run.hops[-1].result]
    silent = run.hops[-1].result is HopResult.INCOMPLETE and not run.interrupted and not _answered(run.hops[-1])
    if silent and any(f.id == "connection-timeout" and f.severity is Severity.ERROR for f in findings):
        return Outcome.UNREACHABLE
    return outcome


def _answered(hop: HopFacts) -> bool:
    return any(exchange.status is not None for exchange in hop.exchanges)


def _hop(facts: HopFacts) -> Hop:
    return Hop(
        server=facts.server,
        tls=facts.tls,
        offers=facts.offers,
        offers_left_out=facts.offers_left_out,
        clock=facts.clock,
        exchanges=tuple(facts.exchanges),
        association=facts.association,
        signatures=tuple(facts.signatures.first),
        signatures_left_out=dict(facts.signatures.left_out),
        result=facts.result,
        life=_life(facts.life),
    )


def _life(facts: LifeFacts) -> Life:
    return Life(
        handshakes=tuple(facts.handshakes),
        refreshes=tuple(facts.refreshes),
        probes=tuple(facts.probes),
        server_requests=tuple(facts.server_requests.first),
        server_requests_left_out=facts.server_requests.left_out,
        lapses=tuple(facts.lapses),
        lost=facts.lost,
        reconnections=facts.reconnections,
        keep_alives=facts.keep_alives,
    )
