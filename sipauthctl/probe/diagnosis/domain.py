"""Circumstances that make a refusal more likely: the domain of the logon name, its form, address translation."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.association.client import StopReason
from sipauthctl.diagnosis.names import name_findings
from sipauthctl.diagnosis.refusals import says_unknown
from sipauthctl.findings import Finding, finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.probe.facts import RunFacts
from sipauthctl.probe.options import ProbeOptions


def findings(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    """Address translation always; the names only where the credentials were refused."""
    for hop in run.hops:
        if hop.local is not None and hop.seen_as is not None and hop.translated:
            detail = f"{hop.server.host} sees {hop.seen_as[0]}, where this computer has {hop.local[0]}."
            yield finding("nat-detected", detail, [f"received={hop.seen_as[0]}"])
        refused = hop.stopped is not None and hop.stopped.reason is StopReason.CREDENTIALS_REFUSED
        if refused and hop.ntlm is not None:
            unknown = hop.last is not None and says_unknown(hop.last, (hop.scheme or Scheme.NTLM).value)
            yield from name_findings(
                options.logon_name,
                hop.ntlm.names,
                hop.server.host,
                sip_uri=options.sip_uri,
                trust=options.trust,
                unknown=unknown,
            )
