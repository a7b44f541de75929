"""Why a server challenges, as far as the facts tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sipauthctl.association.client import Challenged
from sipauthctl.association.offers import host_of
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


def note_handshake(made: list[Handshake], step: Challenged, seen: Circumstances) -> None:
    """Adds the handshake that a challenge begins to those before it, with its reason, which may explain an earlier one
    as well."""
    if step.gone is None:
        made.append(_first(step, seen))
        return
    host = host_of(step.gone.targetname)
    ends = [(place, one.ended) for place, one in enumerate(made) if one.server == host and one.ended is not None]
    place, before = ends[-1] if ends else (0, None)
    end = _end(step.gone, host, seen, before)
    hindsight = None if before is None else in_hindsight(before, end, name=_named(host))
    if hindsight is not None:
        made[place] = replace(made[place], why=hindsight, detail=hindsight.words)
    made.append(Handshake(seen.now, host, end, end.words))


def _first(step: Challenged, seen: Circumstances) -> Handshake:
    host = next((host_of(offer.targetname) for offer in step.offers if offer.targetname), "a server")
    if seen.asked_before:
        return Handshake(seen.now, host, FirstReason.NEXT_SERVER, f"{host} asks too")
    if seen.registered:
        return Handshake(seen.now, host, FirstReason.OTHER_PATH, f"{host} did not ask before")
    return Handshake(seen.now, host, FirstReason.SIGN_IN, "first request")


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
