"""A finding, or a catalogue entry, in words."""

from __future__ import annotations

from rich.console import Console

from sipauthctl.findings import COMMAND_INDENT, CatalogueEntry, Finding, Severity, fill
from sipauthctl.report.console import put
from sipauthctl.report.text import safe

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold cyan"}
_EVIDENCE_LIMIT = 1_000
_EVIDENCE_LINES = 40


def print_finding(console: Console, finding: Finding, *, note: str = "") -> None:
    """One finding: what, in this case, on what evidence, what to do; `note` is one more sentence on it."""
    severity = (finding.severity.value.upper(), STYLES[finding.severity])
    put(console, (finding.id, "bold"), f"  {finding.title}", lead=(severity, "  "))
    put(console, safe(finding.detail), indent=2)
    if note:
        put(console, (note, "italic"), indent=2)
    for line in finding.evidence[:_EVIDENCE_LINES]:
        put(console, ("| " + safe(line, _EVIDENCE_LIMIT), "dim"), indent=4, wrap=False)
    if len(finding.evidence) > _EVIDENCE_LINES:
        left = len(finding.evidence) - _EVIDENCE_LINES
        put(console, (f"| ... and {left} more lines (--json has them)", "dim"), indent=4, wrap=False)
    _remedy(console, finding.remedy)
    put(console, (f"see {finding.reference}", "dim"), indent=2)


def print_entry(console: Console, entry: CatalogueEntry) -> None:
    """One entry of the catalogue."""
    put(console, (entry.id, "bold"), f"  {entry.title}")
    put(console, f"severity {entry.severity.value}, family {entry.family}", indent=2)
    for heading, text in (("What it means", entry.meaning), ("How it is found", entry.detection)):
        console.print()
        put(console, (heading, "bold"), indent=2)
        put(console, text, indent=2)
    console.print()
    put(console, ("What to do", "bold"), indent=2)
    _remedy(console, fill(entry.remedy, {}))
    console.print()
    put(console, (f"see {entry.reference}", "dim"), indent=2)


def print_catalogue(console: Console, entries: list[CatalogueEntry]) -> None:
    """All ids with their titles, by family."""
    width = max(len(entry.id) for entry in entries)
    family = None
    for entry in entries:
        if entry.family != family:
            family = entry.family
            put(console, (family, "bold"))
        put(console, entry.title, lead=(f"{entry.id:<{width}}  ",), indent=2)


def _remedy(console: Console, remedy: str) -> None:
    for line in remedy.splitlines():
        if line.startswith(COMMAND_INDENT):
            put(console, (safe(line.strip()), "green"), indent=6, wrap=False)
        else:
            put(console, safe(line), indent=2)
