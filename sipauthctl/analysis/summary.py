"""Findings over a whole analysis: each once for each user and server, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sipauthctl.findings import Finding, Severity

MOST_FINDINGS = 200
EVIDENCE_LINES = 12

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(slots=True)
class _Group:
    finding: Finding
    count: int = 1


@dataclass(slots=True)
class FindingCollector:
    """Joins findings of one id on one subject; of many subjects the later ones are only counted."""

    _groups: dict[tuple[str, str], _Group] = field(default_factory=dict)

    def add(self, findings: Iterable[Finding], subject: str) -> None:
        """Adds findings on one user at one server."""
        for found in findings:
            key = (found.id, subject)
            group = self._groups.get(key)
            if group is None and len(self._groups) >= MOST_FINDINGS:
                key = (found.id, "")
                group = self._groups.get(key)
            if group is None:
                self._groups[key] = _Group(replace(found, evidence=found.evidence[:EVIDENCE_LINES]))
                continue
            group.count += 1
            worse = _ORDER[found.severity] < _ORDER[group.finding.severity]
            first, second = (found, group.finding) if worse else (group.finding, found)
            # All lines of the second one or none: half of the evidence on a signature would mislead.
            room = EVIDENCE_LINES - len(first.evidence)
            more = second.evidence if len(second.evidence) <= room else ()
            fresh = tuple(line for line in more if line not in first.evidence)
            group.finding = replace(first, evidence=(*first.evidence, *fresh))

    def findings(self) -> tuple[Finding, ...]:
        """All findings, errors first."""
        counted = (
            replace(group.finding, detail=f"{group.finding.detail} ({group.count - 1} more like it.)")
            if group.count > 1
            else group.finding
            for group in self._groups.values()
        )
        return tuple(sorted(counted, key=lambda found: _ORDER[found.severity]))
