"""Who is refused, and as far as the server tells it, why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sipauthctl.association.client import StopReason
from sipauthctl.diagnosis.answers import NTLM_MISMATCH
from sipauthctl.diagnosis.names import has_scheme
from sipauthctl.diagnosis.refusals import refusal
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.probe.diagnosis.diagnostics import hresults
from sipauthctl.probe.diagnosis.kerberos import refused_by_server
from sipauthctl.probe.dialog import USER_AGENT
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.results import HopResult
from sipauthctl.sip.message import Response


def findings(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    """The refusal of a sign-in, or of a refresh later."""
    for hop in run.hops:
        # A refusal for the strength of keys is for the family of NTLM to tell.
        # So is one of a ticket for the family of Kerberos.
        of_ticket = hop.scheme is Scheme.KERBEROS and refused_by_server(hop)
        if hop.result is HopResult.REJECTED and NTLM_MISMATCH not in hresults(hop) and not of_ticket:
            yield _refusal(hop, hop.last, options)
        if hop.refused_refresh is not None and not of_ticket:
            yield _refusal(hop, hop.refused_refresh, options)


def _refusal(hop: HopFacts, answer: Response | None, options: ProbeOptions) -> Finding:
    if answer is None:
        return finding("server-diagnostic", f"{hop.server.host} refuses {options.logon_name.text}.")
    found = refusal(
        answer,
        host=hop.server.host,
        user=options.logon_name.text,
        sip_uri=options.sip_uri,
        scheme=(hop.scheme or Scheme.NTLM).value,
        dns_domain=(hop.ntlm.names.dns_domain or "") if hop.ntlm is not None else "",
        trust=options.trust,
        clock=hop.clock,
        user_agent=USER_AGENT,
        of_credentials=hop.stopped is not None and hop.stopped.reason is StopReason.CREDENTIALS_REFUSED,
    )
    named = found.id == "credentials-refused" and has_scheme(options.logon_name)
    return replace(found, severity=Severity.WARNING) if named else found  # the family of domains has the cause
