"""What the NTLM handshake shows, success or not."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.association.client import StopReason
from sipauthctl.diagnosis.answers import NTLM_MISMATCH
from sipauthctl.diagnosis.names import server_findings
from sipauthctl.diagnosis.ntlm import STRONG_KEY_BITS, key_strength
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.ntlm.messages import ChallengeFacts
from sipauthctl.probe.diagnosis.diagnostics import diagnostic_lines, hresults
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.results import HopResult


def findings(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    """Key strength, forgeable signatures, tokens that cannot be read, servers outside any domain."""
    for hop in run.hops:
        if hop.stopped is not None and hop.stopped.reason is StopReason.MALFORMED_TOKEN:
            detail = f"The token of {hop.server.host} cannot be read: {hop.stopped.detail}."
            yield finding("ntlm-malformed-token", detail, [])
        if hop.ntlm is not None:
            yield from _challenge(hop, hop.ntlm)


def _challenge(hop: HopFacts, challenge: ChallengeFacts) -> Iterator[Finding]:
    host = hop.server.host
    flags = f"flags of the CHALLENGE: 0x{challenge.flags:08X}"
    weak = challenge.key_bits < STRONG_KEY_BITS
    if NTLM_MISMATCH in hresults(hop):
        remedy, end = key_strength(challenge.flags, challenge.flags)  # our AUTHENTICATE takes what is offered
        detail = f"{host} refuses the strength or security level of our NTLM. {end}"
        yield finding("ntlm-key-strength-mismatch", detail, [*diagnostic_lines(hop), flags], remedy=remedy)
    elif weak:
        worked = " It worked here." if hop.association is not None else ""
        detail = (
            f"{host} offers NTLM keys of {challenge.key_bits} bits at most, which Windows 7 and later refuse.{worked}"
        )
        yield finding("ntlm-key-strength-mismatch", detail, [flags], severity=Severity.WARNING, remedy="server")
    if not challenge.extended_session_security:
        detail = f"{host} does not offer extended session security."
        yield finding("ntlm-forgeable-signatures", detail, [flags])
    yield from server_findings(challenge.names, host, refused=hop.result is HopResult.REJECTED)
