"""Signatures that do not hold: searches for the mistake behind each, and tells it."""

from __future__ import annotations

from sipauthctl.analysis.attempts import SignedMessage
from sipauthctl.analysis.explanation import UNEXPLAINED, Explanation, KeyCheck, RelationCheck, explain
from sipauthctl.analysis.problem import Problem, place_text
from sipauthctl.analysis.reading import start_line
from sipauthctl.analysis.results import ExplainedSignature
from sipauthctl.analysis.tracked import EXPLAINED_KEPT, Tracked
from sipauthctl.analysis.words import Sender
from sipauthctl.association.redaction import without_tokens
from sipauthctl.capture.record import Record
from sipauthctl.sip.message import Message, Response

THOROUGH_SEARCHES = 40
"""How many signatures of one analysis are searched byte by byte; each takes some 0.1 s."""

SEARCHES = 2000
"""How many are searched at all; each takes about a millisecond."""


class MistakeSearch:
    """Searches within the bounds of one analysis, which are counted here."""

    def __init__(self) -> None:
        self._searches = SEARCHES
        self._thorough = THOROUGH_SEARCHES

    def explain(
        self, tracked: Tracked, sender: Sender, signed: SignedMessage, check: KeyCheck | RelationCheck
    ) -> Explanation:
        """The mistake that makes a signature hold. Those that this side made before are tried first."""
        if self._searches <= 0:
            return Explanation(None, "not searched: too many signatures are wrong", None, signed.buffer.text)
        self._searches -= 1
        found = explain(signed, check, hints=tracked.mistakes[sender], thorough=False)
        if found.mistake is None and self._thorough > 0:
            self._thorough -= 1
            found = explain(signed, check, thorough=True)
        if found.mistake is not None and found.mistake not in tracked.mistakes[sender]:
            tracked.mistakes[sender].append(found.mistake)
        return found


def tell_mistake(
    tracked: Tracked, record: Record, message: Message, sender: Sender, num: int | None, explanation: Explanation
) -> None:
    """Reports a signature that does not hold, with the string that was signed and the one that should have been."""
    expected = _text(explanation.expected)
    signed = None if explanation.signed is None else _text(explanation.signed)
    if len(tracked.explained) < EXPLAINED_KEPT:
        tracked.explained.append(
            ExplainedSignature(
                input=record.input,
                place=record.place,
                sender=sender,
                num=num,
                message=start_line(message),
                mistake=explanation.mistake,
                sentence=explanation.sentence,
                signed=signed,
                expected=expected,
                difference=explanation.difference,
            )
        )
    evidence = [place_text(record), f"should have been signed: {expected}"]
    if signed is not None and signed != expected:
        evidence += [f"was signed: {signed}", f"first difference {explanation.difference}"]
    cause = "" if explanation.sentence == UNEXPLAINED else f": {explanation.sentence}"
    detail = f"The signature of the {sender.value} on {start_line(message)} does not hold{cause}."
    redirect = isinstance(message, Response) and 300 <= message.status < 400
    tracked.report(Problem("redirect-unsigned" if redirect else "signature-invalid", detail, tuple(evidence)))


def tell_malformed(tracked: Tracked, record: Record, message: Message, sender: Sender, problem: str) -> None:
    """Reports a signature that no signature can look like."""
    detail = f"The signature of the {sender.value} on {start_line(message)}: {problem}."
    tracked.report(Problem("signature-malformed", detail, (place_text(record),)))


def _text(data: bytes) -> str:
    return without_tokens(data.decode("utf-8", "surrogateescape"))
