"""An analysis on the console: a line per input, a ladder per association, the findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from rich.console import Console

from sipauthctl.analysis.results import AssociationResult, ExplainedSignature, InnerTls, LadderStep, State
from sipauthctl.analysis.words import Sender
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Notice
from sipauthctl.findings import Finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.report.console import put
from sipauthctl.report.findings import print_finding
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
_LEFT_WIDTH = 35
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

    def association(self, association: AssociationResult) -> None:
        """One association."""
        print_association(self._console, association)
        self._console.print()

    def end(
        self, inputs: list[tuple[str, str, int]], notices: Iterable[Notice], findings: tuple[Finding, ...]
    ) -> None:
        """The rest."""
        print_summary(self._console, inputs, notices, findings)


def print_association(console: Console, association: AssociationResult) -> None:
    """One association: who, where, how far, its messages and what is wrong with its signatures."""
    purpose = f", {association.purpose}" if association.purpose else ""
    who = f"{safe(association.user) or 'nobody named'} by {safe(association.scheme)}{purpose}"
    where = safe(place_of(association))
    put(console, (association.state.value.upper(), _STATES[association.state]), f"  {who} at {where}", wrap=False)
    put(console, signature_summary(association), indent=2)
    if association.inner_tls is not None:
        put(console, safe(inner_tls_words(association.inner_tls), 2 * _TEXT_LIMIT), indent=2)
    if association.stopped_at:
        put(console, f"stopped: {safe(association.stopped_at)}", indent=2)
    for step in association.steps[:STEPS_SHOWN]:
        _step(console, step)
    left_out = len(association.steps) - STEPS_SHOWN + association.steps_left_out
    if left_out > 0:
        put(console, f"... {left_out} more messages", indent=4)
    for explained in association.explained[:EXPLAINED_SHOWN]:
        print_explanation(console, explained)
    if len(association.explained) > EXPLAINED_SHOWN:
        put(console, f"... {len(association.explained) - EXPLAINED_SHOWN} more wrong signatures", indent=2)


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


def print_summary(
    console: Console, inputs: list[tuple[str, str, int]], notices: Iterable[Notice], findings: tuple[Finding, ...]
) -> None:
    """What was read, what could not be read, and the findings.

    Args:
        inputs: path, kind and number of messages of each.
        notices: what the readers had to say.
        findings: errors first.
    """
    for path, kind, messages in inputs:
        put(console, f"{safe(path)}: {kind}, {messages} message{'' if messages == 1 else 's'}", wrap=False)
    for notice in notices:
        place = f":{notice.place}" if notice.place is not None else ""
        put(console, ("note ", "yellow"), f"{safe(notice.input)}{place}: {safe(notice.text)}")
    if not findings:
        put(console, "Nothing was found wrong.")
    for finding in findings:
        console.print()
        print_finding(console, finding)


def signature_summary(association: AssociationResult) -> str:
    """`7 signatures: 7 valid`."""
    verdicts = Counter(signature.verdict for signature in association.signatures)
    total = sum(verdicts.values())
    if not total:
        return "no signatures"
    parts = ", ".join(f"{verdicts[verdict]} {verdict.value}" for verdict in Verdict if verdict in verdicts)
    return f"{total} signature{'' if total == 1 else 's'}: {parts}"


def _step(console: Console, step: LadderStep) -> None:
    arrow = "->" if step.sender is Sender.CLIENT else "<-"
    time = f"{step.time:%H:%M:%S.%f}"[:-3] if step.time is not None else " " * 12
    verdict = (step.verdict.value, _VERDICTS[step.verdict]) if step.verdict is not None else ("", "")
    remark = f"  {safe(step.remark)}" if step.remark else ""
    text = safe(step.text, _LEFT_WIDTH)
    put(console, f"{time} {arrow} {text:<{_LEFT_WIDTH}} ", verdict, remark, indent=4, wrap=False)
