"""What is remembered from one message to the next: open associations, requests, dialogs. All of it is bounded."""

from __future__ import annotations

from datetime import datetime, timedelta

from sipauthctl.analysis.dialogs import Bounded, Dialog, SentRequest, Transaction
from sipauthctl.analysis.life import LifeWatch, sent_by
from sipauthctl.analysis.lookup import Lookup
from sipauthctl.analysis.reading import Endpoint, SignedHeader, client_of, name_of
from sipauthctl.analysis.results import State
from sipauthctl.analysis.table import AssociationTable
from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.analysis.verification import NoKey
from sipauthctl.analysis.words import Sender
from sipauthctl.association.offers import OWN_VERSION, read_version
from sipauthctl.association.security_association import LIFETIME
from sipauthctl.capture.record import Record
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.message import Message

OPEN_ASSOCIATIONS = 2048
REMEMBERED_REQUESTS = 2048
REMEMBERED_DIALOGS = 2048
LINGER = timedelta(seconds=64)
"""How long after a refusal copies of its messages may still come: twice the time of a transaction, RFC 3261
17.1.2.2."""

_MOST_OF_USER_AGENT = 200


class Memory:
    """Shared by what looks at requests, challenges and answers.

    `done` has the associations that are over and not given yet, `dialogs_over` the dialogs that came to none.
    `signs_in` tells when a client last gave credentials.

    Args:
        lifetime: how long the servers keep an association.
    """

    def __init__(self, lifetime: timedelta) -> None:
        self.open = AssociationTable(OPEN_ASSOCIATIONS)
        self.lookup = Lookup(self.open)
        self.life = LifeWatch(lifetime)
        self.requests: Bounded[Transaction, SentRequest] = Bounded(REMEMBERED_REQUESTS)
        self.dialogs: Bounded[tuple[str, Endpoint], Dialog] = Bounded(REMEMBERED_DIALOGS)
        self.signs_in: Bounded[Endpoint, datetime | None] = Bounded(REMEMBERED_DIALOGS)
        self.done: list[Tracked] = []
        self.dialogs_over: list[Dialog] = []
        self._longest = max(lifetime, LIFETIME)
        self._looked_at: datetime | None = None

    def begin(
        self, record: Record, message: Message, header: SignedHeader, step: Step, *, handshake_seen: bool
    ) -> Tracked:
        """A new association, by the first header that names it."""
        version = read_version(header.parameters.get("version"))
        tracked = Tracked(
            name=name_of(header),
            scheme=header.scheme or Scheme.NTLM,
            endpoint=client_of(message, header.sender),
            call_id=message.call_id,
            opaque=header.parameters.get("opaque"),
            step=step,
            handshake_seen=handshake_seen,
            version=None if version is None or version < 2 else min(version, OWN_VERSION),
            no_key=None if handshake_seen else NoKey.NO_HANDSHAKE,
        )
        tracked.touch(record, header.sender)
        tracked.via = sent_by(message)
        if handshake_seen:
            self.life.began(tracked, record)
        self.put(tracked)
        return tracked

    def put(self, tracked: Tracked) -> None:
        """Keeps an association open, by the name and opaque that it has now; of too many the oldest is over."""
        over = self.open.put(tracked)
        if over is not None:
            self.done.append(over)

    def heard(self, tracked: Tracked, record: Record, message: Message, header: SignedHeader) -> None:
        """Notes that a message names an association."""
        tracked.touch(record, header.sender)
        if header.sender is Sender.SERVER:
            tracked.signed_on(record)
        if header.sender is Sender.SERVER and record.time is not None:
            if tracked.used is not None:
                tracked.outlived = max(tracked.outlived, (record.time - tracked.used).total_seconds())
            tracked.used = record.time
        self.open.used(tracked)
        if not tracked.user_agent and header.sender is Sender.CLIENT:
            tracked.user_agent = (message.headers.get("User-Agent") or "")[:_MOST_OF_USER_AGENT]

    def still_open(self, tracked: list[Tracked]) -> list[Tracked]:
        """Those that did not come out meanwhile: each comes out once."""
        return [one for one in tracked if one in self.open]

    def finish(self, tracked: Tracked) -> None:
        """Lets an association come out, unless it did before."""
        if tracked in self.open:
            self.open.remove(tracked)
            self.done.append(tracked)

    def failed_just_now(self, tracked: Tracked | None, record: Record) -> bool:
        """Whether a handshake is over by a refusal, so that what comes of it again are copies."""
        if tracked is None or tracked in self.open or tracked.state is not State.FAILED:
            return False
        return record.time is None or tracked.ended is None or abs(record.time - tracked.ended) < LINGER

    def expire(self, now: datetime | None) -> None:
        """Lets go of associations that are older than any can be. One that is de-registered may be used again."""
        if now is None or (self._looked_at is not None and now - self._looked_at < LINGER):
            return
        self._looked_at = now
        for tracked in self.open:
            if tracked.ended is None or now - tracked.ended < self._longest:
                break
            self.finish(tracked)
