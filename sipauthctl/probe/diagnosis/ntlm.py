"""What the NTLM handshake shows, success or not."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.association.client import StopReason
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.ntlm.messages import ChallengeFacts
from sipauthctl.probe.diagnosis.diagnostics import NTLM_MISMATCH, diagnostic_lines, hresults
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.results import HopResult

STRONG_KEY_BITS = 128


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
        bits = f", and its CHALLENGE offers keys of {challenge.key_bits} bits at most" if weak else ""
        detail = f"{host} refuses the strength or security level of our NTLM{bits}."
        yield finding("ntlm-key-strength-mismatch", detail, [*diagnostic_lines(hop), flags])
    elif weak:
        worked = " It worked here." if hop.association is not None else ""
        detail = (
            f"{host} offers NTLM keys of {challenge.key_bits} bits at most, which Windows 7 and later refuse.{worked}"
        )
        yield finding("ntlm-key-strength-mismatch", detail, [flags], severity=Severity.WARNING)
    if not challenge.extended_session_security:
        detail = f"{host} does not offer extended session security."
        yield finding("ntlm-forgeable-signatures", detail, [flags])
    names = challenge.names
    domain, computer = names.netbios_domain or names.dns_domain, names.netbios_computer
    if domain is None or (computer is not None and domain.lower() == computer.lower()):
        told = f"computer {computer}" if computer else "no computer"
        refused = hop.result is HopResult.REJECTED
        why = " Domain accounts are refused for it." if refused else ""
        detail = f"The NTLM challenge of {host} names no domain ({told}).{why}"
        severity = Severity.ERROR if refused else None
        evidence = [f"target info: {_target_info(challenge)}"]
        yield finding("server-not-domain-joined", detail, evidence, severity=severity)


def _target_info(challenge: ChallengeFacts) -> str:
    names = challenge.names
    pairs = (
        ("NetBIOS domain", names.netbios_domain),
        ("NetBIOS computer", names.netbios_computer),
        ("DNS domain", names.dns_domain),
        ("DNS computer", names.dns_computer),
    )
    return ", ".join(f"{name} {value}" for name, value in pairs if value) or "empty"
