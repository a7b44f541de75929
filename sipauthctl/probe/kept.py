"""What is kept of messages that a server may send without end: the first ones, and how many there were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sipauthctl.association.security_association import SignatureProblem, SignatureResult
from sipauthctl.association.verdict import Verdict
from sipauthctl.probe.results import ServerRequest, SignatureCheck, verdicts_of
from sipauthctl.sip.message import Message, Response

CHECKS_KEPT = 1000
"""For each side and verdict."""
REQUESTS_KEPT = 1000
OFFERS_KEPT = 256
"""Of all challenges of a server."""
UNSOUND_KEPT = 4
"""Whole messages of each kind."""


@dataclass(slots=True)
class KeptChecks:
    """Checks of signatures: the first of each side and verdict, those with a remark apart, so that a wrong or replayed
    one comes in after however many right ones; the others are counted."""

    first: list[SignatureCheck] = field(default_factory=list)
    left_out: Counter[tuple[str, Verdict]] = field(default_factory=Counter)
    _counts: Counter[tuple[str, Verdict, bool]] = field(default_factory=Counter)

    def add(self, checks: Iterable[SignatureCheck]) -> None:
        """Takes more, in the order of their messages."""
        for check in checks:
            kind = (check.sender, check.verdict, bool(check.detail))
            self._counts[kind] += 1
            if self._counts[kind] <= CHECKS_KEPT:
                self.first.append(check)
            else:
                self.left_out[check.sender, check.verdict] += 1

    def verdicts(self, sender: str) -> Counter[Verdict]:
        """How many signatures of `client` or `server` came to which verdict, those that are left out with them."""
        return verdicts_of(self.first, self.left_out, sender)


@dataclass(slots=True)
class KeptRequests:
    """Requests of the server: the first ones; the others are counted."""

    first: list[ServerRequest] = field(default_factory=list)
    left_out: int = 0

    def add(self, request: ServerRequest) -> None:
        """Takes one more."""
        if len(self.first) < REQUESTS_KEPT:
            self.first.append(request)
        else:
            self.left_out += 1


class Unsound(NamedTuple):
    """A message of the server whose signature is not as it should be."""

    message: Message
    result: SignatureResult


@dataclass(slots=True)
class KeptUnsound:
    """Those messages, the first of each problem and of each class of status."""

    first: list[Unsound] = field(default_factory=list)
    _counts: Counter[tuple[SignatureProblem | None, int]] = field(default_factory=Counter)

    def add(self, message: Message, result: SignatureResult) -> None:
        """Takes one more message, if its signature is not as it should be."""
        if result.problem is None and result.trusted:
            return
        kind = (result.problem, message.status // 100 if isinstance(message, Response) else 0)
        self._counts[kind] += 1
        if self._counts[kind] <= UNSOUND_KEPT:
            self.first.append(Unsound(message, result))
