"""Messages without a signature beside an association, [MS-SIPAE] 3.2.4 and 3.3.4.

Only the side that an association is with has to sign, so a message counts where it goes the way on which that server
signed before: beyond a proxy the same message may well be unsigned. A request of a client is judged by its answer: a
challenge shows that it could have been pre-authenticated, any other answer that nobody asked for its signature.
"""

from __future__ import annotations

from dataclasses import dataclass

from sipauthctl.analysis.dialogs import Bounded, SentRequest, Transaction
from sipauthctl.analysis.memory import Memory
from sipauthctl.analysis.problem import Problem, place_text, status_lines
from sipauthctl.analysis.reading import client_of, endpoint, start_line
from sipauthctl.analysis.tracked import Tracked, ends_of
from sipauthctl.analysis.verdicts import write_missing
from sipauthctl.analysis.words import Sender
from sipauthctl.association.family import CREDENTIALS_HEADERS, INFO_HEADERS, HeaderFamily
from sipauthctl.association.offers import host_of, offers
from sipauthctl.association.signing import must_be_signed
from sipauthctl.capture.record import Record
from sipauthctl.findings import Severity
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Message, Request, Response

_WAITING = 256
_DETAIL = "the message carries no signature"


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An unsigned request of a client whose answer is due, and the association that it was sent beside."""

    tracked: Tracked
    record: Record
    request: Request


class UnsignedWatch:
    """Takes the messages that carry neither credentials nor info headers."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._waiting: Bounded[Transaction, _Waiting] = Bounded(_WAITING)

    def request(self, record: Record, message: Request, key: Transaction, *, again: bool) -> None:
        """Takes a request; `again` when it was seen before, in another input or on another leg."""
        signed = any(name in message.headers for name in (*CREDENTIALS_HEADERS, *INFO_HEADERS))
        if signed or not must_be_signed(message):
            return
        of_client, of_server = (self._beside(record, message, sender) for sender in Sender)
        if of_server is not None and of_client is None:
            told = f"The {message.method} of {of_server.where} to {of_server.who}: {_DETAIL}."
            _tell(of_server, record, message, Sender.SERVER, told)
        elif of_client is not None and of_server is None and not again and _is_later(of_client, message, key):
            waiting = _Waiting(of_client, record, message)
            pushed_out = self._waiting.put(key, waiting)
            if pushed_out is not None:
                self._not_preauthenticated(pushed_out, "The input lacks its answer.", ())

    def response(self, record: Record, message: Response, key: Transaction) -> None:
        """Takes the answer to a request, also a challenge."""
        waiting = self._waiting.get(key) if message.status >= 200 else None
        if waiting is not None and ends_of(record, Sender.SERVER) == ends_of(waiting.record, Sender.CLIENT):
            self._waiting.pop(key)
            self._answered(waiting, record, message)
        elif must_be_signed(message) and not any(
            name in message.headers for name in (*CREDENTIALS_HEADERS, *INFO_HEADERS)
        ):
            self._unsigned(record, message, key, self._memory.requests.get(key))

    def close(self) -> None:
        """At the end of the input: requests whose answer did not come."""
        for waiting in self._waiting.take_all():
            self._not_preauthenticated(waiting, "The input lacks its answer.", ())

    def _beside(self, record: Record, message: Message, sender: Sender) -> Tracked | None:
        """The association beside which `sender` sent this message, if any."""
        client = client_of(message, sender)
        for tracked in self._memory.open.of_client(client):
            exact = client.epid is not None or tracked.on_connection(record)
            if exact and tracked.signs_to(record, sender) and self._memory.life.in_use(tracked, record.time):
                return tracked
        return None

    def _answered(self, waiting: _Waiting, record: Record, message: Response) -> None:
        tracked, request = waiting.tracked, waiting.request
        if HeaderFamily.of_status(message.status) is not None:
            if _asks(message, tracked):
                answer = f"{tracked.where} challenges it."
                self._not_preauthenticated(waiting, answer, (place_text(record), *status_lines(message, ())))
            return
        told = (
            f"The {request.method} of {tracked.who} to {tracked.where}: {_DETAIL}, and the answer to it is "
            f"{start_line(message)} without a challenge."
        )
        shown = (place_text(record), *status_lines(message, ()))
        _tell(tracked, waiting.record, request, Sender.CLIENT, told, mild=message.status >= 400, shown=shown)

    def _not_preauthenticated(self, waiting: _Waiting, answer: str, shown: tuple[str, ...]) -> None:
        tracked = waiting.tracked
        told = (
            f"The {waiting.request.method} of {tracked.who} carries no credentials, though there is an association "
            f"with {tracked.where}. {answer}"
        )
        tracked.report(Problem("not-preauthenticated", told, (place_text(waiting.record), *shown)))

    def _unsigned(self, record: Record, message: Response, key: Transaction, sent: SentRequest | None) -> None:
        if sent is None:
            tracked = self._beside(record, message, Sender.SERVER)
            if tracked is not None:
                told = f"The {start_line(message)} of {tracked.where} to {key[2]}: {_DETAIL}."
                _tell(tracked, record, message, Sender.SERVER, told, mild=True)
            return
        for tracked in self._memory.still_open(sent.asked)[:1]:
            if tracked.signs_to(record, Sender.CLIENT) and endpoint(message.to).address == tracked.endpoint.address:
                told = f"The {start_line(message)} of {tracked.who} to {key[2]} of {tracked.where}: {_DETAIL}."
                _tell(tracked, record, message, Sender.CLIENT, told, mild=message.status >= 400)


def _is_later(tracked: Tracked, message: Request, key: Transaction) -> bool:
    """Whether a request belongs to what the association signs: a client that signs in anew knows it no longer."""
    if message.method != "REGISTER":
        return True
    after = tracked.final is None or key[1] > tracked.final[1]
    return tracked.registered and key[0] == tracked.call_id and after


def _asks(challenge: Response, tracked: Tracked) -> bool:
    """Whether it is the server of this association that challenges."""
    try:
        return any(host_of(offer.targetname or "") == host_of(tracked.name.targetname) for offer in offers(challenge))
    except SipError:
        return False


def _tell(
    tracked: Tracked,
    record: Record,
    message: Message,
    sender: Sender,
    told: str,
    *,
    mild: bool = False,
    shown: tuple[str, ...] = (),
) -> None:
    write_missing(tracked, record, message, sender, _DETAIL)
    severity = Severity.WARNING if mild else None
    tracked.report(Problem("signature-missing", told, (place_text(record), *shown), severity))
