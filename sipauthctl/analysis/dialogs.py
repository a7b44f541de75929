"""What is remembered of requests, to understand their answers. All tables are bounded; the oldest give way."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from sipauthctl.analysis.problem import Problem
from sipauthctl.analysis.reading import AssociationName, Endpoint
from sipauthctl.analysis.tracked import ChallengeSeen, Tracked
from sipauthctl.analysis.words import Sender
from sipauthctl.capture.record import Address, Record

K = TypeVar("K")
V = TypeVar("V")

LEGS_KEPT = 8
CREDENTIALS_KEPT = 16  # twice what one request is read of
TOKENS_KEPT = 16

Leg = tuple[str, str, str]
"""The input, and the hosts between which a message went, empty where they are not known."""


def leg_of(record: Record) -> Leg:
    """Where a message was seen; a request is seen on several legs where both sides of a proxy were recorded."""
    source, destination = (end.host if end is not None else "" for end in (record.source, record.destination))
    return record.input, source, destination


Transaction = tuple[str, int, str]
"""Call-ID, CSeq number, CSeq method."""


class Bounded(Generic[K, V]):
    """A table of at most `size` entries."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The entry, None where there is none."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> V | None:
        """Adds or replaces an entry as the newest. Gives the one that had to go, if any."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        return self._entries.popitem(last=False)[1] if len(self._entries) > self._size else None

    def pop(self, key: K) -> V | None:
        """Takes an entry out."""
        return self._entries.pop(key, None)

    def take_all(self) -> list[V]:
        """Empties the table."""
        values = list(self._entries.values())
        self._entries.clear()
        return values


@dataclass(slots=True)
class SentRequest:
    """A request that was seen: when, where first, and the associations whose credentials it carries."""

    time: datetime | None
    leg: Leg | None = None
    forwarded: bool = False  # where it was first seen, it had passed a proxy already
    credentials: list[Tracked] = field(default_factory=list)
    signed: list[Tracked] = field(default_factory=list)
    asked: list[Tracked] = field(default_factory=list)  # with which the server signed it
    any_credentials: bool = False  # of whatever scheme
    tokens: dict[tuple[Sender, AssociationName, int], Tracked] = field(default_factory=dict)

    def carries(self, tracked: Tracked, *, signed: bool) -> None:
        """Notes an association whose credentials the request carries, and whether it is signed with it."""
        for kept in (self.credentials, self.signed) if signed else (self.credentials,):
            if not any(tracked is other for other in kept):
                kept.append(tracked)
                del kept[:-CREDENTIALS_KEPT]

    def asks(self, tracked: Tracked) -> None:
        """Notes an association with which the server signed the request."""
        if not any(tracked is other for other in self.asked):
            self.asked = [*self.asked, tracked][-CREDENTIALS_KEPT:]

    def taken(self, sender: Sender, name: AssociationName, token: str) -> Tracked | None:
        """The handshake that this very token was part of, where this is a copy: sent again, or of another input. The
        CSeq alone does not tell: pidgin-sipe keeps it from one token to the next."""
        return self.tokens.get((sender, name, hash(token)))

    def take(self, sender: Sender, name: AssociationName, token: str, tracked: Tracked) -> None:
        """Notes whose a token of the request or of its answers is."""
        key = (sender, name, hash(token))
        if key in self.tokens or len(self.tokens) < TOKENS_KEPT:
            self.tokens[key] = tracked


@dataclass(slots=True)
class Dialog:
    """The requests of one client under one Call-ID; `highest` has CSeq and hash of the last request, by leg."""

    endpoint: Endpoint
    call_id: str
    highest: dict[Leg, tuple[int, int]] = field(default_factory=dict)
    challenge: ChallengeSeen | None = None
    answered: bool = False  # by any final answer
    went_on: bool = False  # credentials followed the challenge
    other_credentials: bool = False  # the client gave some that are not of this family
    unasked: str | None = None  # the status of a success that no challenge went before
    refused: bool = False  # without a challenge
    identity: Problem | None = None  # what is wrong with the epid or +sip.instance of its first REGISTER
    first_time: datetime | None = None
    last_time: datetime | None = None
    client: Address | None = None
