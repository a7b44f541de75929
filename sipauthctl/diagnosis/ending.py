"""Why a security association ended: rules for a live run and for a capture alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum

from sipauthctl.association.security_association import LIFETIME
from sipauthctl.diagnosis.clock import span

SAME_AGE = 2.0
"""Seconds within which two ages count as the same, or a twentieth where that is more."""


class EndCause(str, Enum):
    """Why a server knows an association no longer, as far as can be told."""

    LIFETIME = "lifetime"  # it had lived as long as associations do
    TICKET_ENDED = "ticket-ended"
    RESTART = "restart"
    UNSEEN = "unseen"  # how old it was is not known, so that this may have been its age as well
    UNKNOWN = "unknown"  # the server dropped it, and nothing tells why

    @property
    def expected(self) -> bool:
        """Whether every association ends so, or may have, and nothing is to be mended."""
        return self in (EndCause.LIFETIME, EndCause.TICKET_ENDED, EndCause.UNSEEN)


@dataclass(frozen=True, slots=True)
class AssociationEnd:
    """The end of an association that its server challenged again.

    `words` is a sentence without a final dot. `age` (since its handshake) and `idle` (since the server last used it)
    are in seconds, None where they are not known. `rested_longest`: it was unused for clearly longer than it had
    outlived before, so that idleness may have ended it as well as age. `alike`: the one before or after it ended so.
    """

    cause: EndCause
    words: str
    age: float | None
    idle: float | None
    rested_longest: bool
    alike: bool = False


def end_of(
    *,
    age: float | None,
    idle: float | None,
    outlived: float,
    before: AssociationEnd | None = None,
    lifetime: timedelta = LIFETIME,
    ticket_ended: bool = False,
    new_connection: bool = False,
    others: Sequence[AssociationEnd] = (),
    name: str = "it",
) -> AssociationEnd:
    """Why an association was challenged again.

    Args:
        age: in seconds since its handshake, None where its beginning or the time is not known.
        idle: seconds since the server last used it.
        outlived: the longest time in seconds for which it was unused and then known to the server still.
        before: the end of the association before it, of the same client with the same server.
        lifetime: how long the server keeps an association.
        ticket_ended: the Kerberos ticket behind it had ended.
        new_connection: the client came by another connection than before, while its registration still stood: a client
            that was away for longer comes back so, too.
        others: the ends of associations of other clients that the same server challenged again shortly before. They
            show a restart, unless a limit of the server for age or rest may have brought this one and them.
        name: of the association in the words.
    """
    words = f"how old {name} was is not known" if age is None else f"{name} was {span(age)} old"
    rested = idle is not None and idle > 1.25 * outlived + 1

    def end(cause: EndCause, *more: str) -> AssociationEnd:
        return AssociationEnd(cause, "".join((words, *more)), age, idle, rested)

    if ticket_ended:
        return end(EndCause.TICKET_ENDED, ", and the ticket behind it had ended")
    if age is not None and age >= lifetime.total_seconds():
        return end(EndCause.LIFETIME, f"; associations live {span(lifetime.total_seconds())} at most")
    used = "" if idle is None else f" and last known to the server {span(idle)} before"
    unknown = end(EndCause.UNKNOWN, used, "; nothing tells why the server dropped it")
    lost = sum(not _by_limit(unknown, other) for other in others)
    if lost:
        clients = "another client was" if lost == 1 else f"{lost} other clients were"
        return end(EndCause.RESTART, f"; {clients} challenged again at the same time, as after a restart")
    if new_connection:
        return end(EndCause.RESTART, "; the client had a new connection, as after a restart of the server")
    if age is None:
        return end(EndCause.UNSEEN)
    explained = None if before is None else _explained(unknown, before, "the one before", name)
    return explained or unknown


def in_hindsight(end: AssociationEnd, after: AssociationEnd, *, name: str = "it") -> AssociationEnd | None:
    """An end that nothing explained, explained by that of the next association of the same client with the same
    server; None where this one explains nothing. `name` is as in `end_of`."""
    open_ = end.cause is EndCause.UNKNOWN and not end.alike
    return _explained(end, after, "the next one", name) if open_ else None


def _explained(end: AssociationEnd, other: AssociationEnd, which: str, name: str) -> AssociationEnd | None:
    """Two ends in a row explain each other, where both came at the same age or after the same rest."""
    by_itself = (EndCause.LIFETIME, EndCause.UNKNOWN)
    if other.cause not in by_itself or end.rested_longest != other.rested_longest or end.age is None:
        return None
    if end.rested_longest and _alike(end.idle, other.idle):
        words = f"{name} was {span(end.age)} old and unused for {span(end.idle or 0)}, as {which}"
        return replace(end, words=f"{words}; it may be that this server drops idle ones", alike=True)
    if not end.rested_longest and _alike(end.age, other.age):
        words = f"{name} was {span(end.age)} old, as {which}; it seems that this server lets none live longer"
        return replace(end, cause=EndCause.LIFETIME, words=words, alike=True)
    return None


def _by_limit(end: AssociationEnd, other: AssociationEnd) -> bool:
    """Whether a limit of the server, for the age of associations or for their rest, may have ended both."""
    return _alike(end.age, other.age) or (end.rested_longest and other.rested_longest)


def _alike(one: float | None, other: float | None) -> bool:
    """Whether two times are the same, as by a setting of the server. Of very short ones that tells nothing."""
    if one is None or other is None or min(one, other) < SAME_AGE:
        return False
    return abs(one - other) <= max(SAME_AGE, one / 20)
