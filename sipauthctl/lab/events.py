"""What the lab's servers saw and did, for its log and for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sipauthctl.association.security_association import SignatureResult
from sipauthctl.sip.message import Request


@dataclass(frozen=True, slots=True)
class LabEvent:
    """One event at one server.

    `what` is a short word for the kind: challenge, not-preauthenticated (a signature would have saved the challenge
    that follows), token, authenticated, verified, refused, redirected, registered, refreshed, de-registered, answered,
    discarded, impostor, dropped, sent (a request of the server), client answered (it), restarted. `signature` is the
    check of the client's signature, where there was one. `logon_status` is the NTSTATUS of a refused logon.
    """

    time: datetime
    server: str
    what: str
    detail: str
    request: Request | None = None
    signature: SignatureResult | None = None
    logon_status: int | None = None


Log = Callable[[LabEvent], None]
