"""ms-diagnostics of the last answer, for the families that read them."""

from __future__ import annotations

from sipauthctl.association.diagnostics import HEADERS, Diagnostic, diagnostics
from sipauthctl.probe.facts import HopFacts

UNAUTHORIZED = 0xC3E93EC3
NTLM_MISMATCH = 0xC3E93EE4


def reports(hop: HopFacts) -> tuple[Diagnostic, ...]:
    """The reports of the last answer."""
    return () if hop.last is None else diagnostics(hop.last)


def hresults(hop: HopFacts) -> frozenset[int]:
    """The HRESULTs among them."""
    return frozenset(report.hresult for report in reports(hop) if report.hresult is not None)


def ids(hop: HopFacts) -> frozenset[int]:
    """Their numbers."""
    return frozenset(report.id for report in reports(hop))


def diagnostic_lines(hop: HopFacts) -> list[str]:
    """The status line and the headers as they stand, for evidence."""
    if hop.last is None:
        return []
    lines = [f"{name}: {value}" for name in HEADERS for value in hop.last.headers.get_all(name)]
    return [f"SIP/2.0 {hop.last.status} {hop.last.reason}", *lines]
