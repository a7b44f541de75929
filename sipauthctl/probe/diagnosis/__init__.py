"""From what a run showed to findings: one file per family, each a function that reads the facts."""

from __future__ import annotations

from sipauthctl.diagnosis.ranking import after_success, merged, ranked
from sipauthctl.findings import Finding
from sipauthctl.probe.diagnosis import account, clock, domain, flow, kerberos, life, ntlm, offers, reaching, signatures
from sipauthctl.probe.facts import RunFacts
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.results import HopResult

# In the order in which a cause comes before its consequences.
_FAMILIES = (
    reaching.findings,
    clock.findings,
    offers.findings,
    kerberos.findings,
    ntlm.findings,
    signatures.findings,
    account.findings,
    life.findings,
    flow.findings,
    domain.findings,
)


def diagnose(run: RunFacts, options: ProbeOptions) -> tuple[Finding, ...]:
    """All findings in order, see `diagnosis.ranking`."""
    return ranked(collect(run, options))


def collect(run: RunFacts, options: ProbeOptions) -> tuple[Finding, ...]:
    """All findings as they came, each once."""
    told = merged(finding for family in _FAMILIES for finding in family(run, options))
    registered = bool(run.hops) and run.hops[-1].result is HopResult.REGISTERED
    if not registered:
        return told
    refused_later = {one.id for one in account.findings(run, options)}
    return tuple(one if one.id in refused_later else after_success(one) for one in told)
