"""How registrations end: rules for a live run and for a capture alike."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sipauthctl.diagnosis.clock import span
from sipauthctl.findings import Finding, finding

LAPSE_TOLERANCE = 2.0
"""Seconds by which a refresh may come late: times in logs are of whole seconds, and answers take time."""


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


def unusual_success(status: int, reason: str, *, host: str, where: Iterable[str] = ()) -> Finding:
    """The finding for a REGISTER that was accepted with a 2xx other than 200."""
    return finding(
        "unusual-success", f"{host} answered a REGISTER with {status}.", [f"SIP/2.0 {status} {reason}", *where]
    )


def granted_too_short(granted: int, every: float, *, host: str, where: Iterable[str] = ()) -> Finding:
    """The finding for a registration of `granted` seconds, which has to be refreshed every `every` seconds."""
    detail = f"{host} grants a registration {span(granted)}, so that a client has to refresh it every {span(every)}."
    return finding("expires-too-short", detail, [f"Expires: {granted}", *where])
