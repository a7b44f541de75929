"""How associations and registrations end: rules for a live run and for a capture alike."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import Enum

from sipauthctl.association.security_association import LIFETIME
from sipauthctl.diagnosis.clock import span
from sipauthctl.findings import Finding, finding

LAPSE_TOLERANCE = 2.0
"""Seconds by which a refresh may come late: times in logs are of whole seconds, and answers take time."""

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


def ends_alike(age: float, other: float) -> bool:
    """Whether two associations ended at the same age, as by a setting of their server."""
    return abs(age - other) <= max(SAME_AGE, age / 20)


def none_lives_longer(age: float, like: str) -> str:
    """A sentence without a final dot on an association that ended at the age of another one, `like`."""
    return f"it was {span(age)} old, as {like}; it seems that this server lets none live longer"


def rested_longest(idle: float, outlived: float) -> bool:
    """Whether an association was unused for clearly longer than it had ever outlived, so that idleness may have ended
    it as well as age. Both in seconds."""
    return idle > 1.25 * outlived + 1


def end_of(
    *,
    age: float | None,
    idle: float | None,
    age_before: float | None = None,
    ticket_ended: bool = False,
    new_connection: bool = False,
    others: int = 0,
) -> tuple[EndCause, str]:
    """Why an association was challenged again, and a sentence on it without a final dot.

    Args:
        age: its age in seconds, None where its beginning or the time is not known.
        idle: seconds since the server last used it.
        age_before: the age at which the one before it ended, where it was that age that may have ended both.
        ticket_ended: the Kerberos ticket behind it had ended.
        new_connection: the client came by another connection than before, while its registration still stood: a client
            that was away for longer comes back so, too.
        others: how many other clients the same server challenged again shortly before.
    """
    words = "its age is not known" if age is None else f"it was {span(age)} old"
    if ticket_ended:
        return EndCause.TICKET_ENDED, f"{words}, and the ticket behind it had ended"
    if age is not None and age >= LIFETIME.total_seconds():
        return EndCause.LIFETIME, f"{words}; associations live {span(LIFETIME.total_seconds())} at most"
    if others:
        clients = "another client was" if others == 1 else f"{others} other clients were"
        return EndCause.RESTART, f"{words}; {clients} challenged again at the same time, as after a restart"
    if new_connection:
        return EndCause.RESTART, f"{words}; the client had a new connection, as after a restart of the server"
    if age is None:
        return EndCause.UNSEEN, words
    if age_before is not None and ends_alike(age, age_before):
        return EndCause.LIFETIME, none_lives_longer(age, "the one before")
    used = "" if idle is None else f" and last known to the server {span(idle)} before"
    return EndCause.UNKNOWN, f"{words}{used}; nothing tells why the server dropped it"


def lapse(since: datetime, until: datetime | None, *, host: str, user: str = "") -> Finding:
    """The finding for a registration that ended at `since`; `until` is when it was made again, None where it was not.
    Times are in UTC."""
    whose = f"The registration of {user} at {host}" if user else f"The registration at {host}"
    if until is None:
        detail = f"{whose} ended at {since:%H:%M:%S} UTC, and was not made again."
    else:
        gap = span((until - since).total_seconds())
        detail = f"{whose} ended {gap} before a refresh was answered."
    return finding("registration-lapsed", detail, [f"registered until {since:%Y-%m-%d %H:%M:%S} UTC"])


def granted_too_short(granted: int, every: float, *, host: str, where: Iterable[str] = ()) -> Finding:
    """The finding for a registration of `granted` seconds, which has to be refreshed every `every` seconds."""
    detail = f"{host} grants a registration {span(granted)}, so that a client has to refresh it every {span(every)}."
    return finding("expires-too-short", detail, [f"Expires: {granted}", *where])
