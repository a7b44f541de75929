"""The end of an analysis on the console: what was read and found, on one screen however much it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

from rich.cells import cell_len
from rich.console import Console

from sipauthctl.analysis.results import AssociationResult, State
from sipauthctl.association.verdict import Verdict
from sipauthctl.findings import Finding
from sipauthctl.report.console import Part, put
from sipauthctl.report.findings import STYLES
from sipauthctl.report.ladder import short
from sipauthctl.report.text import safe

INPUTS_SHOWN = 3
TROUBLED_SHOWN = 5
KINDS_SHOWN = 8
_TROUBLES = (Verdict.INVALID, Verdict.INCONSISTENT, Verdict.MISSING)
_NAME_LIMIT = 200

Word = TypeVar("Word", State, Verdict)


class Tally:
    """Counts sign-ins and signatures, and keeps the first of those that did not go well."""

    def __init__(self) -> None:
        self.states: Counter[State] = Counter()
        self.verdicts: Counter[Verdict] = Counter()
        self.troubled: list[str] = []
        self.troubled_count = 0

    def add(self, association: AssociationResult) -> None:
        """Counts one association."""
        self.states[association.state] += 1
        self.verdicts.update(association.verdicts)
        if not in_trouble(association):
            return
        self.troubled_count += 1
        if len(self.troubled) < TROUBLED_SHOWN:
            what = "; ".join(part for part in (association.stopped_at, _wrong(association)) if part)
            who = f"{safe(association.user, _NAME_LIMIT) or 'nobody named'} by {association.scheme}"
            self.troubled.append(f"{association.state.value}: {who}: {safe(what, _NAME_LIMIT)}")


def in_trouble(association: AssociationResult) -> bool:
    """Whether the sign-in did not complete, or a signature is wrong or missing."""
    return bool(_wrong(association)) or association.state is not State.ESTABLISHED


def wrong_verdicts(association: AssociationResult) -> list[Verdict]:
    """The verdicts on its signatures that are bad, the worst first."""
    return [one for one in _TROUBLES if association.verdicts.get(one)]


def _wrong(association: AssociationResult) -> str:
    """`1 invalid of 7 signatures`; empty where none is wrong."""
    wrong = [f"{association.verdicts[one]:,} {one.value}" for one in wrong_verdicts(association)]
    return f"{', '.join(wrong)} of {sum(association.verdicts.values()):,} signatures" if wrong else ""


def counted(numbers: Mapping[Word, int], noun: str) -> str:
    """`7 signatures: 6 valid, 1 invalid`; empty where there are none."""
    total = sum(numbers.values())
    if not total:
        return ""
    order = [*State, *Verdict]
    parts = ", ".join(f"{numbers[word]:,} {word.value}" for word in sorted(numbers, key=order.index) if numbers[word])
    return f"{total:,} {noun}{'' if total == 1 else 's'}: {parts}"


def print_summary(
    console: Console, tally: Tally, inputs: list[tuple[str, str, int]], notes: int, findings: Iterable[Finding]
) -> None:
    """The last screen.

    Args:
        console: where to.
        tally: of all associations.
        inputs: path, kind and number of messages of each.
        notes: how many notices there were.
        findings: errors first.
    """
    _line(console, ("SUMMARY", "bold"))
    for path, kind, messages in inputs[:INPUTS_SHOWN]:
        _line(console, f"  {safe(path, _NAME_LIMIT)}: {kind}, {messages:,} message{'' if messages == 1 else 's'}")
    _more(console, len(inputs) - INPUTS_SHOWN, "inputs")
    sign_ins, signatures = counted(tally.states, "sign-in"), counted(tally.verdicts, "signature")
    _line(console, f"  {sign_ins or 'no sign-in was seen'}")
    if signatures:
        _line(console, f"  {signatures}")
    if notes:
        _line(console, f"  {notes:,} note{'' if notes == 1 else 's'} on the inputs, above")
    for text in tally.troubled:
        _line(console, f"  - {text}")
    _more(console, tally.troubled_count - len(tally.troubled), "sign-ins that did not go well")
    _findings(console, tally, list(findings), sum(messages for _, _, messages in inputs))


def _findings(console: Console, tally: Tally, findings: list[Finding], messages: int) -> None:
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        kinds.setdefault((finding.severity.value, finding.id), []).append(finding)
    for same in list(kinds.values())[:KINDS_SHOWN]:
        one = same[0]
        times = f" ({len(same)} times)" if len(same) > 1 else ""
        severity = (f"{one.severity.value.upper():<7}", STYLES[one.severity])
        _line(console, "  ", severity, f" {one.id}{times}: {one.title}")
    _more(console, len(kinds) - KINDS_SHOWN, "kinds of findings")
    if not findings:
        _line(console, f"  {nothing_found(tally, messages)}")


def nothing_found(tally: Tally, messages: int) -> str:
    """What it means that there is no finding: not always that all is well.

    Args:
        tally: of all associations.
        messages: how many could be read.
    """
    unchecked = tally.verdicts[Verdict.UNVERIFIABLE]
    if not messages:
        return "No SIP message could be read."
    if not tally.states:
        return "There is nothing of a sign-in to be checked."
    if unchecked:
        which = "no signature" if unchecked == sum(tally.verdicts.values()) else f"{unchecked:,} signatures not"
        return f"Nothing was found wrong; {which} could be checked."
    return "Nothing was found wrong."


def _more(console: Console, count: int, what: str) -> None:
    if count > 0:
        _line(console, f"  ... and {count:,} more {what}")


def _line(console: Console, *parts: Part) -> None:
    """One line, cut to the width of the console."""
    room, cut = console.width, []
    for part in parts:
        text, style = part if isinstance(part, tuple) else (part, "")
        shown = short(text, room) if room > len("...") else ""
        room -= cell_len(shown)
        cut.append((shown, style))
    put(console, *cut, wrap=False)
