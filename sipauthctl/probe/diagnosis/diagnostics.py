"""ms-diagnostics of the last answer, for the families that read them."""

from __future__ import annotations

from sipauthctl.diagnosis import answers
from sipauthctl.probe.facts import HopFacts


def hresults(hop: HopFacts) -> frozenset[int]:
    """The HRESULTs among them."""
    return frozenset() if hop.last is None else answers.hresults(hop.last)


def diagnostic_lines(hop: HopFacts) -> list[str]:
    """The status line and the headers as they stand, for evidence."""
    return [] if hop.last is None else answers.lines(hop.last)
