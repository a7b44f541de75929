"""From single messages to handshakes and security associations, [MS-SIPAE] 3.2 and 3.3.

An association is known by its endpoint (address-of-record and epid), scheme, realm, targetname and opaque, on
whatever connection its messages come. Each header of a message is looked at by itself: several proxies on the path
have an association each.
"""

from __future__ import annotations

from datetime import timedelta

from sipauthctl.analysis.answers import AnswerWatch
from sipauthctl.analysis.challenges import ChallengeWatch
from sipauthctl.analysis.checking import SignatureChecker
from sipauthctl.analysis.dialogs import Dialog, Transaction
from sipauthctl.analysis.digest import DigestWatch
from sipauthctl.analysis.memory import Memory
from sipauthctl.analysis.reading import SIGNING, SignedHeader, client_of, read_head, signed_headers, transaction
from sipauthctl.analysis.refused import RefusedWatch
from sipauthctl.analysis.requests import RequestWatch
from sipauthctl.analysis.secrets import Secrets
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.analysis.unreadable import note_unreadable
from sipauthctl.analysis.unsigned import UnsignedWatch
from sipauthctl.analysis.words import Sender
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.security_association import LIFETIME
from sipauthctl.capture.record import Record
from sipauthctl.sip.message import Request, Response


class Reconstruction:
    """Takes messages in their order; gives associations when they are over.

    Args:
        secrets: what the user gave.
        lifetime: how long the servers keep an association.
    """

    def __init__(self, secrets: Secrets, lifetime: timedelta = LIFETIME) -> None:
        self.memory = Memory(lifetime)
        self._checker = SignatureChecker()
        self._digest = DigestWatch(secrets)
        self._requests = RequestWatch(self.memory, secrets, self._checker)
        self._challenges = ChallengeWatch(self.memory, secrets, self._checker)
        self._answers = AnswerWatch(self.memory, secrets, self._checker)
        self._unsigned = UnsignedWatch(self.memory)
        self.refused = RefusedWatch(self.memory)
        self.responses = 0
        """How many responses there were."""

    def feed(self, record: Record) -> list[Tracked]:
        """Takes one message. Gives the associations that are over by it.

        Raises:
            SipError: it cannot be read as SIP, or lacks a header that every message has.
        """
        message = read_head(record.raw)
        key = transaction(message)
        headers, problem = signed_headers(message)
        self.memory.done += self._digest.feed(record, message, key, headers)
        headers = [header for header in headers if header.scheme in SIGNING]
        self.memory.expire(record.time)
        self.responses += isinstance(message, Response)
        if isinstance(message, Response) and message.status >= 200 and key[2] == "REGISTER":
            self.memory.life.answered(client_of(message, Sender.SERVER), record, key)
        if isinstance(message, Request):
            again = self.memory.requests.get(key) is not None
            self._requests.take(record, message, key, headers)
            self._unsigned.request(record, message, key, again=again)
            self.refused.terminated(record, message, client_of(message, Sender.SERVER))
        else:
            self._unsigned.response(record, message, key)
            self._take_response(record, message, key, headers)
            self.refused.take(record, message)
        if problem:
            note_unreadable(self.memory, record, message, key, problem)
        return self._emit()

    def _take_response(self, record: Record, message: Response, key: Transaction, headers: list[SignedHeader]) -> None:
        if HeaderFamily.of_status(message.status) is not None:
            self._challenges.take(record, message, key, headers)
        else:
            self._answers.take(record, message, key, headers)

    def signed_in_otherwise(self, dialog: Dialog) -> bool:
        """Whether the client of a dialog gave credentials after it, under another Call-ID."""
        last = self.memory.signs_in.get(dialog.endpoint)
        return last is not None and dialog.last_time is not None and last >= dialog.last_time

    def dialogs_over(self) -> list[Dialog]:
        """Gives the dialogs that came to no association since this was last asked."""
        over, self.memory.dialogs_over = self.memory.dialogs_over, []
        return over

    def close(self) -> list[Tracked]:
        """Gives what is still open, at the end of the input."""
        self._unsigned.close()
        self.memory.done += self.memory.life.close()
        for tracked in self.memory.open:
            tracked.ends_input = True
            self.memory.finish(tracked)
        self.memory.done += self._digest.close()
        self.memory.dialogs_over += self.memory.dialogs.take_all()
        return self._emit()

    def _emit(self) -> list[Tracked]:
        done, self.memory.done = self.memory.done, []
        for tracked in done:
            self._checker.settle(tracked)
        return done
