"""Why a server challenges, as far as the facts tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sipauthctl.association.client import Challenged
from sipauthctl.association.security_association import EndReason, SecurityAssociation
from sipauthctl.diagnosis.ending import AssociationEnd, end_of, in_hindsight
from sipauthctl.probe.results import FirstReason, Handshake


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was known when the challenge came.

    `registered`: an earlier request had made the registration. `reconnected`: the connection broke and was made anew
    since an answer was last trusted, while the registration stood. `asked_before`: another server asked for the same
    request.
    """

    now: datetime
    registered: bool
    reconnected: bool
    asked_before: bool


def handshake_for(step: Challenged, seen: Circumstances, before: AssociationEnd | None) -> Handshake:
    """The handshake that a challenge begins, with its reason.

    Args:
        step: the challenge.
        seen: see there.
        before: how the last association with this server ended, None where none did.
    """
    host = server_of(step)
    if step.gone is not None:
        end = _end(step.gone, host, seen, before)
        return Handshake(seen.now, host, end, end.words)
    if seen.asked_before:
        return Handshake(seen.now, host, FirstReason.NEXT_SERVER, f"{host} asks too")
    if seen.registered:
        return Handshake(seen.now, host, FirstReason.OTHER_PATH, f"{host} did not ask before")
    return Handshake(seen.now, host, FirstReason.SIGN_IN, "first request")


def explained_by(before: Handshake, after: AssociationEnd) -> Handshake:
    """The handshake after an end that nothing explained, where the next end with the same server explains it."""
    end = None if before.ended is None else in_hindsight(before.ended, after, name=_named(before.server))
    return before if end is None else replace(before, why=end, detail=end.words)


def server_of(step: Challenged) -> str:
    """The server that challenges."""
    if step.gone is not None:
        return host_of(step.gone.targetname)
    return next((host_of(offer.targetname) for offer in step.offers if offer.targetname), "a server")


def host_of(targetname: str) -> str:
    """The server that a targetname names, without the service of Kerberos."""
    return targetname.partition("/")[2] or targetname


def _end(gone: SecurityAssociation, host: str, seen: Circumstances, before: AssociationEnd | None) -> AssociationEnd:
    return end_of(
        age=(seen.now - gone.established).total_seconds(),
        idle=(seen.now - gone.last_used).total_seconds(),
        outlived=gone.outlived.total_seconds(),
        before=before,
        lifetime=gone.lifetime,
        ticket_ended=gone.end(seen.now) is EndReason.CREDENTIALS_EXPIRED,
        new_connection=seen.reconnected,
        name=_named(host),
    )


def _named(host: str) -> str:
    return f"the association with {host}"
