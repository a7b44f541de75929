"""What challenges do: they offer, bring the server's token, refuse, or end an association, [MS-SIPAE] 3.3."""

from __future__ import annotations

from sipauthctl.analysis.checking import SignatureChecker
from sipauthctl.analysis.dialogs import Dialog, SentRequest, Transaction
from sipauthctl.analysis.memory import Memory
from sipauthctl.analysis.problem import Problem, address_text, place_text
from sipauthctl.analysis.reading import (
    SIGNING,
    AssociationName,
    SignedHeader,
    endpoint,
    start_line,
    without_quote,
)
from sipauthctl.analysis.refused import refuses
from sipauthctl.analysis.secrets import Secrets
from sipauthctl.analysis.tokens import take_server_token
from sipauthctl.analysis.tracked import ChallengeSeen, Step, Tracked
from sipauthctl.analysis.unreadable import note_unreadable
from sipauthctl.analysis.words import Sender
from sipauthctl.association.offers import OWN_VERSION, Offer, host_of, offers
from sipauthctl.association.redaction import quoted, without_tokens
from sipauthctl.capture.record import Record
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Response


class ChallengeWatch:
    """Takes 401 and 407 in their order."""

    def __init__(self, memory: Memory, secrets: Secrets, checker: SignatureChecker) -> None:
        self._memory = memory
        self._secrets = secrets
        self._checker = checker

    def take(self, record: Record, message: Response, key: Transaction, headers: list[SignedHeader]) -> None:
        """Takes one challenge: what proxies on the way say of it by their signatures, then what it says itself."""
        self._let_pass(record, message, key, headers)
        self._challenged(record, message, key)

    def _challenged(self, record: Record, message: Response, key: Transaction) -> None:
        try:
            found = offers(message)
        except SipError as error:
            note_unreadable(self._memory, record, message, key, without_quote(error))
            found = ()
        sent = self._memory.requests.get(key)
        waiting = [] if sent is None else self._memory.still_open(sent.credentials)
        tokens = [offer for offer in found if offer.gssapi_data and offer.scheme in SIGNING]
        answered: list[Tracked] = []
        for offer in tokens:
            tracked = self._server_token(record, message, key, offer, waiting, sent)
            if tracked is not None:
                answered.append(tracked)
        for tracked in waiting:
            if not any(tracked is other for other in answered):
                self._challenged_again(tracked, record, message, key, found)
        if not waiting and not tokens and not self._refused_before(sent, record):
            self._first_challenge(record, message, key, found, sent)

    def _let_pass(self, record: Record, message: Response, key: Transaction, headers: list[SignedHeader]) -> None:
        """The proxies that let a request pass sign the challenge of a server behind them, as any other answer."""
        sent = self._memory.requests.get(key)
        among = [] if sent is None else self._memory.still_open(sent.credentials)
        for header in headers:
            if header.sender is not Sender.SERVER:
                continue
            tracked = self._memory.lookup.find(record, message, header, among=among)
            if tracked is not None:
                self._memory.heard(tracked, record, message, header)
                self._checker.check(tracked, record, message, header, beside=among)
                self._passed(tracked, key)

    @staticmethod
    def _passed(tracked: Tracked, key: Transaction) -> None:
        """A server behind this one has the request, so that this one took the client's last token."""
        if tracked.final == key and tracked.step is Step.FINAL_SENT:
            tracked.accepted()

    def _first_challenge(
        self,
        record: Record,
        message: Response,
        key: Transaction,
        found: tuple[Offer, ...],
        sent: SentRequest | None,
    ) -> None:
        client = endpoint(message.from_)
        dialog = self._memory.dialogs.get((key[0], client))
        if dialog is None:
            if key[2] != "REGISTER":
                return
            dialog = Dialog(client, key[0])
            self._memory.dialogs.put((key[0], client), dialog)
        where = next((offer.targetname for offer in found if offer.targetname), None)
        dialog.answered = True
        if refuses(message):
            dialog.went_on = True  # the client's token is not in the input
            return
        dialog.challenge = ChallengeSeen(
            date=message.headers.get("Date"),
            offers=found,
            sent=None if sent is None else sent.time,
            received=record.time,
            where=place_text(record),
            server=without_tokens(host_of(where or "")) or address_text(record.source) or "the server",
            port=record.source.port if record.source is not None else None,
            input=record.input,
        )
        dialog.went_on = False
        dialog.last_time = record.time

    def _server_token(
        self,
        record: Record,
        message: Response,
        key: Transaction,
        offer: Offer,
        waiting: list[Tracked],
        sent: SentRequest | None,
    ) -> Tracked | None:
        """The handshake that the server's token belongs to; None where that is over, and this a copy."""
        name, token = AssociationName(offer.scheme, offer.realm or "", offer.targetname or ""), offer.gssapi_data or ""
        copied = None if sent is None else sent.taken(Sender.SERVER, name, token)
        if self._memory.failed_just_now(copied, record):
            return None
        client = endpoint(message.from_)
        asked = [tracked for tracked in waiting if tracked.scheme is offer.scheme]
        tracked = next((one for one in asked if one.name == name), None)
        if tracked is None and asked:
            tracked = asked[0]
            old = tracked.name
            detail = (
                f"The token of {tracked.where} comes from realm {quoted(name.realm)} and targetname "
                f"{quoted(name.targetname)}, where {quoted(old.realm)} and {quoted(old.targetname)} were chosen."
            )
            tracked.report(Problem("realm-mismatch", detail, (place_text(record),)))
        if tracked is None:
            tracked = Tracked(
                name=name,
                scheme=offer.scheme or Scheme.NTLM,
                endpoint=client,
                call_id=key[0],
                opaque=None,
                step=Step.TOKEN_GIVEN,
                handshake_seen=True,
            )
        # TLS-DSK goes on with tokens under one opaque, and knows copies itself.
        due = tracked.step is Step.TOKEN_ASKED or (
            tracked.scheme is Scheme.TLS_DSK and tracked.step is Step.FINAL_SENT
        )
        copy = not due and tracked.opaque == offer.opaque and tracked in self._memory.open
        if not copy:
            tracked.step, tracked.opaque = Step.TOKEN_GIVEN, offer.opaque or tracked.opaque
            tracked.version = min(offer.spoken_version, tracked.version or OWN_VERSION)
            tracked.challenge_at, tracked.challenge_input = record.time, record.input
            take_server_token(self._secrets, tracked, record, token)
        tracked.touch(record, Sender.SERVER)
        remark = tracked.tls.words if tracked.tls is not None else "the server's token"
        tracked.draw(record, Sender.SERVER, start_line(message), remark, None)
        tracked.remember((("To tag", message.to.tag or ""),) if message.to.tag else ())
        self._memory.put(tracked)
        if sent is not None:
            sent.take(Sender.SERVER, name, token, tracked)
        return tracked

    def _challenged_again(
        self, tracked: Tracked, record: Record, message: Response, key: Transaction, found: tuple[Offer, ...]
    ) -> None:
        """A challenge to a request that carried credentials: a refusal, unless it is another proxy's."""
        same = [
            offer for offer in found if (offer.scheme, offer.targetname) == (tracked.scheme, tracked.name.targetname)
        ]
        if found and not same:
            self._passed(tracked, key)
            return
        tracked.touch(record, Sender.SERVER)
        if tracked.step is Step.ESTABLISHED:
            over = self._memory.life.challenged(tracked, record, message, key[2])
            tracked.draw(record, Sender.SERVER, start_line(message), tracked.ended_by, None)
            self._memory.open.remove(tracked)
            self._memory.done += over
            return
        tracked.step = Step.REFUSED if tracked.final == key else Step.STARTED_OVER
        tracked.answer = message
        tracked.draw(record, Sender.SERVER, start_line(message), "", None)
        self._memory.finish(tracked)

    def _refused_before(self, sent: SentRequest | None, record: Record) -> bool:
        """Whether a challenge is a copy of the one that refused a token of its request."""
        return sent is not None and any(self._memory.failed_just_now(one, record) for one in sent.tokens.values())
