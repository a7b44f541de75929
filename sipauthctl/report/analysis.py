"""An analysis on the console: a ladder for each association, the findings, and a summary at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol

from rich.cells import cell_len
from rich.console import Console

from sipauthctl.analysis.results import AssociationResult, ExplainedSignature, InnerTls, LadderStep, State
from sipauthctl.analysis.words import Sender
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Notice
from sipauthctl.findings import Finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.report.analysis_summary import Tally, counted, in_trouble, print_summary
from sipauthctl.report.console import encodable, put
from sipauthctl.report.findings import print_findings
from sipauthctl.report.ladder import short
from sipauthctl.report.text import safe

_STATES = {State.ESTABLISHED: "bold green", State.FAILED: "bold red", State.INCOMPLETE: "bold yellow"}
_VERDICTS = {
    Verdict.VALID: "green",
    Verdict.CONSISTENT: "green",
    Verdict.INVALID: "red",
    Verdict.INCONSISTENT: "red",
    Verdict.MISSING: "red",
    Verdict.UNVERIFIABLE: "yellow",
}
STEPS_SHOWN = 12
EXPLAINED_SHOWN = 5
LADDERS_SHOWN = 40
"""How many associations are shown whatever became of them; after those, only such as did not go well."""

TROUBLED_SHOWN = 200
NOTES_SHOWN = 20
_LEFT_WIDTH = 35
_REASONS_LOOKED_AT = 200
_TEXT_LIMIT = 400


class AnalysisRenderer(Protocol):
    """Shows an analysis while it runs: each association once, then the end."""

    def association(self, association: AssociationResult) -> None:
        """One association that is over."""

    def end(
        self, inputs: list[tuple[str, str, int]], notices: Iterable[Notice], findings: tuple[Finding, ...]
    ) -> None:
        """What was read (path, kind and number of messages), what could not be, and the findings, errors first."""


class ConsoleRenderer:
    """Prints it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tally = Tally()
        self._shown = 0
        self._left_out = 0

    def association(self, association: AssociationResult) -> None:
        """One association."""
        self._tally.add(association)
        if self._shown >= (TROUBLED_SHOWN if in_trouble(association) else LADDERS_SHOWN):
            self._left_out += 1
            return
        self._shown += 1
        print_association(self._console, association)
        self._console.print()

    def end(
        self, inputs: list[tuple[str, str, int]], notices: Iterable[Notice], findings: tuple[Finding, ...]
    ) -> None:
        """The rest."""
        if self._left_out:
            put(self._console, f"{self._left_out:,} more sign-ins are not shown here; --json and --html have all.")
            self._console.print()
        told = list(notices)
        for notice in told[:NOTES_SHOWN]:
            place = f":{notice.place}" if notice.place is not None else ""
            put(self._console, ("note ", "yellow"), f"{safe(notice.input)}{place}: {safe(notice.text)}")
        if len(told) > NOTES_SHOWN:
            put(self._console, f"... and {len(told) - NOTES_SHOWN} more notes (--json has them)")
        if told:
            self._console.print()
        print_findings(self._console, findings)
        if findings:
            self._console.print()
        print_summary(self._console, self._tally, inputs, len(told), findings)


def print_association(console: Console, association: AssociationResult) -> None:
    """One association: who, where, how far, its messages and what is wrong with its signatures."""
    purpose = f", {association.purpose}" if association.purpose else ""
    who = f"{safe(association.user) or 'nobody named'} by {safe(association.scheme)}{purpose}"
    where = safe(place_of(association))
    put(console, (association.state.value.upper(), _STATES[association.state]), f"  {who} at {where}", wrap=False)
    put(console, signature_summary(association), indent=2)
    for line in life_lines(association):
        put(console, safe(line), indent=2)
    if association.inner_tls is not None:
        put(console, safe(inner_tls_words(association.inner_tls), 2 * _TEXT_LIMIT), indent=2)
    if association.stopped_at:
        put(console, f"stopped: {safe(association.stopped_at)}", indent=2)
    _ladder(console, association)
    left_out = len(association.steps) - STEPS_SHOWN + association.steps_left_out
    if left_out > 0:
        put(console, f"... {left_out} more messages", indent=4)
    for explained in association.explained[:EXPLAINED_SHOWN]:
        print_explanation(console, explained)
    if len(association.explained) > EXPLAINED_SHOWN:
        put(console, f"... {len(association.explained) - EXPLAINED_SHOWN} more wrong signatures", indent=2)


def life_lines(association: AssociationResult) -> Iterator[str]:
    """Which handshake with this server it is and why, and how it ended; nothing for a plain sign-in."""
    if association.made_for:
        yield f"handshake {association.handshake} with this server: {association.made_for}"
    if association.ended_by:
        yield f"ended: {association.ended_by}"


def inner_tls_words(tls: InnerTls) -> str:
    """The TLS handshake within TLS-DSK in one sentence."""
    end = f"ended by the alert {tls.alert}" if tls.alert else "completed" if tls.completed else "not completed"
    subjects = (("server", tls.server_subject), ("client", tls.client_subject))
    named = [f"{side} {subject}" for side, subject in subjects if subject is not None]
    versions = [text for text in (tls.version, tls.cipher_suite) if text is not None]
    return "; ".join(["TLS within: " + ", ".join([*versions, end]), *named])


def place_of(association: AssociationResult) -> str:
    """Where somebody signs in: the server, or by Digest, whose challenges name no server, the realm."""
    digest_realm = association.realm if association.scheme == Scheme.DIGEST.value else ""
    return association.targetname or digest_realm or association.server or ""


def print_explanation(console: Console, explained: ExplainedSignature) -> None:
    """Why one signature is wrong: the sentence, both strings, and where they part."""
    place = f"{safe(explained.input)}:{explained.place}"
    put(console, ("wrong signature ", "bold red"), f"of the {explained.sender.value} at {place}", indent=2, wrap=False)
    put(console, safe(explained.sentence), indent=4)
    if explained.signed is not None and explained.signed != explained.expected:
        put(console, f"signed:   {safe(explained.signed)}", indent=4, wrap=False)
    put(console, f"expected: {safe(explained.expected)}", indent=4, wrap=False)
    if explained.difference:
        put(console, safe(explained.difference), indent=4)


def signature_summary(association: AssociationResult) -> str:
    """`7 signatures: 7 valid`, with the reason where they could not be checked."""
    summary = counted(association.verdicts, "signature") or "no signatures"
    if Verdict.UNVERIFIABLE not in association.verdicts:
        return summary
    looked_at = islice(association.signatures, _REASONS_LOOKED_AT)
    reasons = dict.fromkeys(one.detail for one in looked_at if one.verdict is Verdict.UNVERIFIABLE and one.detail)
    return f"{summary} ({next(iter(reasons))})" if len(reasons) == 1 else summary


def _ladder(console: Console, association: AssociationResult) -> None:
    steps = association.steps[:STEPS_SHOWN]
    width = min(_LEFT_WIDTH, max((cell_len(safe(step.text)) for step in steps), default=0))
    timed = any(step.time is not None for step in steps)
    explained = {(one.input, one.place) for one in association.explained[:EXPLAINED_SHOWN]}
    for step in steps:
        _step(console, step, width, timed, explained=(step.input, step.place) in explained)


def _step(console: Console, step: LadderStep, width: int, timed: bool, *, explained: bool) -> None:
    arrow = "->" if step.sender is Sender.CLIENT else "<-"
    time = f"{step.time:%H:%M:%S.%f}"[:-3] + " " if step.time is not None else " " * 13 if timed else ""
    text = short(encodable(safe(step.text), console.encoding), width)
    left = f"  {time}{arrow} {text}{' ' * (width - cell_len(text))}  "
    remark = safe(step.remark, _TEXT_LIMIT)
    if step.verdict is Verdict.UNVERIFIABLE:
        remark = ""  # the line above the ladder has it
    elif explained and step.verdict in (Verdict.INVALID, Verdict.INCONSISTENT):
        remark = "see below"
    verdict = () if step.verdict is None else ((step.verdict.value, _VERDICTS[step.verdict]), "  ")
    put(console, remark, lead=(left, *verdict))
