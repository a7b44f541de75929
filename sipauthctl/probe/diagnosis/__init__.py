"""From what a run showed to findings: one file per family, each a function that reads the facts."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.findings import Finding, Severity
from sipauthctl.probe.diagnosis import account, clock, domain, flow, kerberos, life, ntlm, offers, reaching, signatures
from sipauthctl.probe.facts import RunFacts
from sipauthctl.probe.options import ProbeOptions

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
_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def diagnose(run: RunFacts, options: ProbeOptions) -> tuple[Finding, ...]:
    """All findings, errors first, each id once with the evidence of its first appearance."""
    first: dict[str, Finding] = {}
    for finding in _all(run, options):
        known = first.get(finding.id)
        if known is None or _ORDER[finding.severity] < _ORDER[known.severity]:
            first[finding.id] = finding
    return tuple(sorted(first.values(), key=lambda finding: _ORDER[finding.severity]))


def _all(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    for family in _FAMILIES:
        yield from family(run, options)
