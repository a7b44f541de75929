"""Why a server challenges, as far as the facts tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sipauthctl.association.client import Challenged
from sipauthctl.association.security_association import EndReason, SecurityAssociation
from sipauthctl.diagnosis.clock import span
from sipauthctl.diagnosis.life import rested_longest
from sipauthctl.probe.results import Handshake, HandshakeReason


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


def handshake_for(step: Challenged, seen: Circumstances) -> Handshake:
    """The handshake that a challenge begins, with its reason."""
    if step.gone is None:
        host = next((host_of(offer.targetname) for offer in step.offers if offer.targetname), "a server")
        if seen.asked_before:
            return Handshake(seen.now, HandshakeReason.NEXT_SERVER, host, f"{host} asks too")
        if seen.registered:
            return Handshake(seen.now, HandshakeReason.OTHER_PATH, host, f"{host} did not ask before")
        return Handshake(seen.now, HandshakeReason.SIGN_IN, host, "first request")
    host = host_of(step.gone.targetname)
    reason, detail = _gone(step.gone, host, seen)
    age = (seen.now - step.gone.established).total_seconds()
    idle = (seen.now - step.gone.last_used).total_seconds()
    rested = rested_longest(idle, step.gone.outlived.total_seconds())
    return Handshake(seen.now, reason, host, detail, age_seconds=age, idle_seconds=idle, rested_longest=rested)


def host_of(targetname: str) -> str:
    """The server that a targetname names, without the service of Kerberos."""
    return targetname.partition("/")[2] or targetname


def _gone(gone: SecurityAssociation, host: str, seen: Circumstances) -> tuple[HandshakeReason, str]:
    age = span((seen.now - gone.established).total_seconds())
    end = gone.end(seen.now)
    if end is EndReason.CREDENTIALS_EXPIRED:
        return HandshakeReason.TICKET_ENDED, f"the ticket behind the association with {host} has ended"
    if end is EndReason.LIFETIME:
        limit = span(gone.lifetime.total_seconds())
        return HandshakeReason.LIFETIME, f"the association with {host} was {age} old; they live {limit}"
    if seen.reconnected:
        detail = f"the connection had broken, and {host} knew the association no longer, as after a restart"
        return HandshakeReason.RESTART, detail
    return HandshakeReason.UNKNOWN, f"{host} dropped the association when it was {age} old"
