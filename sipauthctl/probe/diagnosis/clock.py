"""The server's clocks: Date and the NTLM timestamp."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.association.choice import Wanted
from sipauthctl.diagnosis.clock import ntlm_skew_finding, skew_finding
from sipauthctl.diagnosis.offers import only_digest
from sipauthctl.findings import Finding, finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.probe.facts import DateState, HopFacts, RunFacts
from sipauthctl.probe.options import ProbeOptions

_HERE = "this computer's"


def findings(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    """Skew beyond a limit, and dates that cannot be compared."""
    for hop in run.hops:
        host = hop.server.host
        skews: list[Finding | None] = []
        if hop.date is DateState.MISSING and not only_digest(hop.offers):
            yield finding("date-missing", f"The challenge of {host} has no Date header.", host=host)
        elif hop.date is DateState.MALFORMED:
            evidence = [f"Date: {hop.date_text}"]
            yield finding("date-malformed", f"The Date of {host} cannot be read.", evidence, host=host)
        elif hop.clock is not None:
            ntlm = _with_ntlm(hop, options)
            skews.append(skew_finding(hop.clock, host=host, here=_HERE, date_text=hop.date_text, ntlm=ntlm))
        if hop.ntlm_clock is not None:
            skews.append(ntlm_skew_finding(hop.ntlm_clock, hop.clock, host=host, here=_HERE))
        yield from (skew for skew in skews if skew is not None)


def _with_ntlm(hop: HopFacts, options: ProbeOptions) -> bool:
    """Whether NTLM, which allows more skew, was used, or could be where nothing was used."""
    if hop.scheme is not None:
        return hop.scheme is Scheme.NTLM
    return options.wanted is not Wanted.KERBEROS and any(offer.scheme is Scheme.NTLM for offer in hop.offers)
