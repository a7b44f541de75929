"""The registration of one client: how long it stands, and whether a refresh came too late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sipauthctl.analysis.dialogs import Transaction
from sipauthctl.analysis.problem import Problem, place_text
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.analysis.words import Sender
from sipauthctl.association.refreshing import SHORT_GRANTED, refresh_after, told_seconds
from sipauthctl.capture.record import Record
from sipauthctl.diagnosis.life import LAPSE_TOLERANCE, granted_too_short, lapse, unusual_success
from sipauthctl.findings import Finding, Severity
from sipauthctl.sip.message import Response


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A REGISTER that went out while the registration stood, and has no answer so far."""

    key: Transaction
    record: Record


@dataclass(slots=True)
class ClientRegistration:
    """Of one endpoint in one input. `standing` until it is taken back; `until` is its end, None where it has none."""

    standing: bool = False
    until: datetime | None = None
    _holder: Tracked | None = None  # whose server registered it
    _numbers: dict[Sender, int] = field(default_factory=dict)  # the highest of each side when that answered
    _unanswered: Unanswered | None = None
    _last: Record | None = None  # the client's last request
    _sent: tuple[str, int] | None = None  # Call-ID and CSeq number of its last REGISTER
    _skipped: bool = False  # CSeq numbers of REGISTERs are missing since that answer

    def requested(self, record: Record, key: Transaction) -> None:
        """Notes a request of the client."""
        if record.time is None:
            return
        self._last = record
        if key[2] != "REGISTER":
            return
        call_id, number, _ = key
        before, self._sent = self._sent, (call_id, number)
        # Refreshes keep their Call-ID, and count.
        self._skipped |= before is not None and before[0] == call_id and number > before[1] + 1
        if self.until is not None and not self.lapsed(record.time):
            self._unanswered = Unanswered(key, record)

    def answered(self, key: Transaction) -> None:
        """Notes the final answer to a REGISTER."""
        if self._unanswered is not None and self._unanswered.key == key:
            self._unanswered = None

    def registered(self, signed: Sequence[Tracked], record: Record, message: Response) -> None:
        """A 2xx to a REGISTER, signed by these associations, the registrar's first."""
        holder, granted = signed[0], told_seconds(message)
        if holder.deregistered or granted == 0 or record.time is None:
            self.standing, self.until = False, None
            return
        if self.lapsed(record.time):
            self._tell(signed, record)
        if not self.standing and granted is not None and granted < SHORT_GRANTED:
            every = refresh_after(granted)
            holder.report(_problem(granted_too_short(granted, every, host=holder.where), record))
        if not self.standing and message.status != 200:
            holder.report(_problem(unusual_success(message.status, message.reason, host=holder.where), record))
        self.standing, self._holder, self._unanswered, self._skipped = True, holder, None, False
        self._numbers = {sender: side.window.highest for sender, side in holder.sides.items()}
        self.until = None if granted is None else record.time + timedelta(seconds=granted)

    def close(self) -> None:
        """At the end of the input: tells of an end after which the client went on."""
        if self._last is not None and self.lapsed(self._last.time):
            self._tell((), None)

    def lapsed(self, now: datetime | None) -> bool:
        """Whether it had ended by then."""
        return self.until is not None and now is not None and (now - self.until).total_seconds() > LAPSE_TOLERANCE

    def _tell(self, signed: Sequence[Tracked], record: Record | None) -> None:
        """Reports that it ended before these associations signed a new one; as milder, or not at all, where the answer
        that renewed it may be one that the input lacks."""
        if self.until is None or self._holder is None:
            return
        lacking = {
            sender for sender, number in self._numbers.items() if self._holder.sides[sender].lacks_after(number)
        }
        if self._unanswered is not None and Sender.SERVER in lacking:
            return  # it went out in time, and the server signed what is not here
        holder = signed[0] if signed else self._holder
        found = lapse(self.until, None if record is None else record.time, host=holder.where, user=holder.who)
        doubt = ""
        if lacking or self._skipped or any(one is not self._holder and not one.handshake_seen for one in signed):
            doubt = "But the input lacks messages of that time, and with them perhaps the answer that renewed it."
        elif self._unanswered is not None and self._answer_may_lack(self._unanswered.record, record or self._last):
            sent = self._unanswered.record
            doubt = f"But the input has no answer to the REGISTER at {place_text(sent)}, which went out in time."
        problem = _problem(found, record)
        if doubt:
            problem = Problem(problem.id, f"{problem.detail} {doubt}", problem.evidence, Severity.WARNING)
        holder.report(problem)

    def _answer_may_lack(self, sent: Record, now: Record | None) -> bool:
        """Whether the server may have answered this REGISTER, and the input lacks that: not where it signed later and
        left out no number, nor where the client had to make another connection."""
        used = None if self._holder is None else self._holder.used
        if used is not None and sent.time is not None and used > sent.time:
            return False
        ends = [None if one is None else {one.source, one.destination} for one in (sent, now)]
        return None in ends or any(None in pair for pair in ends if pair) or ends[0] == ends[1]


def _problem(found: Finding, record: Record | None) -> Problem:
    where = () if record is None else (place_text(record),)
    return Problem(found.id, found.detail, (*where, *found.evidence), found.severity)
