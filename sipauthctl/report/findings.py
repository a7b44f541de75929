"""A finding, or a catalogue entry, in words."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from sipauthctl.codes import REFERENCES, Code
from sipauthctl.findings import COMMAND_INDENT, CatalogueEntry, Finding, Severity, catalogue, fill
from sipauthctl.report.console import put
from sipauthctl.report.text import safe

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold cyan"}
_EVIDENCE_LIMIT = 1_000
_EVIDENCE_LINES = 40


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Findings in order, with an empty line between them."""
    for index, finding in enumerate(findings):
        if index:
            console.print()
        _print_finding(console, finding, relation(finding, findings))


def relation(finding: Finding, findings: Sequence[Finding]) -> str:
    """What a finding explains, or what explains it, in one sentence; empty where it stands alone."""
    cause = finding.explained_by
    if cause is not None:
        return f"{'Perhaps' if _supposed(cause, finding.id) else 'Most likely'} a consequence of {cause}."
    effects = list(dict.fromkeys(one.id for one in findings if one.explained_by == finding.id))
    if not effects:
        return ""
    if any(_supposed(finding.id, effect) for effect in effects):
        return f"It may explain {', '.join(effects)}: the account is in order, and nothing else was found that does."
    return f"It explains {', '.join(effects)}."


def _supposed(cause: str, effect: str) -> bool:
    return effect in catalogue()[cause].explains_when_account_proven


def _print_finding(console: Console, finding: Finding, note: str) -> None:
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


def print_codes(console: Console, codes: Sequence[Code]) -> None:
    """What codes mean, and which finding each leads to."""
    for index, code in enumerate(codes):
        if index:
            console.print()
        put(console, (f"{code.kind.value} {code.digits}", "bold"), f"  {code.name}")
        put(console, code.meaning, indent=2)
        leads = [code.finding] if code.finding is not None else code.see
        if leads:
            put(console, "Finding:" if code.finding is not None else "Possible findings:", indent=2)
            width = max(map(len, leads))
            for id_ in leads:
                put(console, catalogue()[id_].title, lead=(f"{id_:<{width}}  ",), indent=4)
            if code.tell:
                put(console, code.tell, indent=2)
            put(console, f"`sipauthctl explain {leads[0]}` says what to do.", indent=2)
        put(console, (f"see {REFERENCES[code.kind]}", "dim"), indent=2)


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
