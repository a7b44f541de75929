"""Answers that refuse a REGISTER where no handshake in the input ends with them: to the first request, to a refresh,
without their request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sipauthctl.analysis.memory import Memory
from sipauthctl.analysis.problem import address_text, place_text, status_lines
from sipauthctl.analysis.reading import Endpoint, body_of, endpoint
from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.association.diagnostics import HEADERS, diagnostics
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.offers import host_of, offers
from sipauthctl.association.redaction import without_tokens
from sipauthctl.capture.record import Record
from sipauthctl.codes import diagnostic
from sipauthctl.diagnosis.answers import proven, words
from sipauthctl.diagnosis.refusals import in_passing, refusal
from sipauthctl.findings import Finding, finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Message, Request, Response

FINAL_HANDSHAKE_FAILED = 1000  # [MS-OCER] 7.1
_REGISTRATION = "registration-notify"
_USER_DISABLED = 4141  # [MS-OCER] 7
_EVENT = re.compile(rb"\s*deregistered\s*;\s*event\s*=\s*([A-Za-z-]{1,64})\s*", re.IGNORECASE)
_KEPT = 256
_ENDED = (Step.TOKEN_GIVEN, Step.FINAL_SENT)


def ends_handshake(message: Response) -> bool:
    """Whether a challenge says that the handshake before it failed."""
    reports = diagnostics(message) if HeaderFamily.of_status(message.status) is not None else ()
    return any(report.id == FINAL_HANDSHAKE_FAILED for report in reports) or (
        bool(reports) and proven(message, "") is not None
    )


def refuses(message: Response) -> bool:
    """Whether it refuses the request: a 401 or 407 does where it ends a handshake, or offers nothing and says why."""
    family = HeaderFamily.of_status(message.status)
    if family is None:
        return message.status >= 400
    offers_nothing = not message.headers.get_all(family.challenge)
    return ends_handshake(message) or (offers_nothing and bool(diagnostics(message)))


@dataclass(frozen=True, slots=True)
class Refusal:
    """One such answer. `of_credentials` when it is a challenge that ends a handshake."""

    user: Endpoint
    server: str
    answer: Response
    place: str
    of_credentials: bool

    @property
    def call_id(self) -> str:
        """Of the REGISTER."""
        return self.answer.call_id

    @property
    def scheme(self) -> str:
        """The only one that the server offers, empty where there are several or none: any may have been used."""
        try:
            schemes = {offer.scheme.value for offer in offers(self.answer) if offer.scheme is not None}
        except SipError:
            return ""
        return schemes.pop() if len(schemes) == 1 else ""

    def findings(self, traced: Iterable[int] = ()) -> Iterator[Finding]:
        """What it says, with result codes on it in a trace of the server."""
        address = self.user.address
        found = refusal(
            self.answer,
            host=self.server,
            user=address,
            sip_uri=address,
            scheme=self.scheme,
            of_credentials=self.of_credentials,
            traced=traced,
        )
        yield in_passing(replace(found, evidence=(self.place, *found.evidence)), self.answer)


@dataclass(frozen=True, slots=True)
class Termination:
    """A NOTIFY that ends the registration of a user who is signed in, [MS-SIPREGE] 4.1.3.

    `event`: why the registrar unregisters the endpoint, empty where the body does not tell.
    """

    user: Endpoint
    server: str
    notify: Request
    place: str
    event: str
    scheme = ""

    @property
    def call_id(self) -> str:
        """Of the subscription."""
        return self.notify.call_id

    def findings(self, traced: Iterable[int] = ()) -> Iterator[Finding]:
        """What it says."""
        address, event = self.user.address, self.event
        code = proven(self.notify, Scheme.NTLM.value)
        if code is None and event == "rejected":
            code = diagnostic(_USER_DISABLED)
        id_ = "registration-lost" if code is None or code.finding is None else code.finding
        told = words(self.notify) if diagnostics(self.notify) or not event else f"deregistered;event={event}"
        detail = f"{self.server} ends the registration of {address}: {told}."
        body = [f"deregistered;event={event}"] if event else []
        evidence = (self.place, *status_lines(self.notify, ("Event", "Subscription-State", *HEADERS)), *body)
        account = address.removeprefix("sip:").partition("@")[0]
        yield finding(id_, detail, evidence, user=account, sip_uri=address, host=self.server)


class RefusedWatch:
    """Takes final answers of 400 or more to REGISTERs, after the handshakes that they may end."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._refusals: list[Refusal | Termination] = []

    def take(self, record: Record, message: Response) -> None:
        """Takes one answer."""
        if message.cseq.method != "REGISTER" or not refuses(message):
            return
        of_credentials = ends_handshake(message)
        client = endpoint(message.from_)
        told = [*self._memory.open.of_client(client), *self._memory.done]
        if any(one.answer is message for one in told):
            return
        if of_credentials:
            ended = self._handshake(client, message)
            if ended is not None:
                ended.step, ended.answer = Step.REFUSED, message
                self._memory.finish(ended)
                return
        refused = Refusal(client, _server(record, message), message, place_text(record), of_credentials)
        self._refusals = [*self._refusals, refused][-_KEPT:]

    def terminated(self, record: Record, message: Request, client: Endpoint) -> None:
        """Takes a request of a server: one that ends a subscription to the user's own state, with a reason."""
        state = (message.headers.get("Subscription-State") or "").partition(";")[0].strip().lower()
        if state != "terminated":
            return
        reason = _event(record)
        if not reason and not diagnostics(message):
            return
        event = (message.headers.get("Event") or "").partition(";")[0].strip().lower()
        if event != _REGISTRATION and endpoint(message.from_).address != client.address:
            return  # that of another user
        open_ = [one for one in self._memory.open.of_client(client) if one.step is Step.ESTABLISHED]
        server = open_[-1].where if open_ else _server(record, message)
        ended = Termination(client, server, message, place_text(record), reason)
        self._refusals = [*self._refusals, ended][-_KEPT:]

    def _handshake(self, client: Endpoint, message: Response) -> Tracked | None:
        """The handshake that a challenge ends, where the client's last token is not in the input."""
        open_ = self._memory.open.of_client(client)
        return next((one for one in open_ if one.call_id == message.call_id and one.step in _ENDED), None)

    def over(self) -> list[Refusal | Termination]:
        """Gives those since this was last asked."""
        refusals, self._refusals = self._refusals, []
        return refusals


def _event(record: Record) -> str:
    """The event in a text/registration-event body, [MS-SIPREGE] 2.2.1.13; empty where there is none."""
    match = _EVENT.fullmatch(body_of(record)[:256])
    return match[1].decode("ascii").lower() if match else ""


def _server(record: Record, message: Message) -> str:
    try:
        challenge = offers(message) if isinstance(message, Response) else ()
        named = next((offer.targetname for offer in challenge if offer.targetname), "")
    except SipError:
        named = ""
    source = next((name for report in diagnostics(message) if (name := report.get("source"))), "")
    return without_tokens(host_of(named or "")) or source or address_text(record.source) or "the server"
