"""From single messages to handshakes and security associations, [MS-SIPAE] 3.2 and 3.3.

An association is known by its endpoint (address-of-record and epid), scheme, realm, targetname and opaque, on
whatever connection its messages come. Each header of a message is looked at by itself: several proxies on the path
have an association each.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address

from sipauthctl.analysis.checking import SignatureChecker
from sipauthctl.analysis.dialogs import LEGS_KEPT, Bounded, Dialog, SentRequest, Transaction, leg_of
from sipauthctl.analysis.digest import DigestWatch
from sipauthctl.analysis.life import LifeWatch, sent_by
from sipauthctl.analysis.lookup import Lookup, note_opaque
from sipauthctl.analysis.reading import (
    AssociationName,
    Endpoint,
    SignedHeader,
    client_of,
    endpoint,
    name_of,
    read_head,
    signed_headers,
    start_line,
    transaction,
    without_quote,
)
from sipauthctl.analysis.results import State
from sipauthctl.analysis.secrets import Secrets
from sipauthctl.analysis.table import AssociationTable
from sipauthctl.analysis.tokens import open_key, take_server_token
from sipauthctl.analysis.tracked import (
    ChallengeSeen,
    Problem,
    Step,
    Tracked,
    address_text,
    place_text,
    status_lines,
)
from sipauthctl.analysis.verification import NoKey
from sipauthctl.analysis.words import Sender
from sipauthctl.association.family import CREDENTIALS_HEADERS, INFO_HEADERS, HeaderFamily
from sipauthctl.association.offers import OWN_VERSION, Offer, offers, read_version
from sipauthctl.association.redaction import quoted
from sipauthctl.association.security_association import LIFETIME
from sipauthctl.association.signing import signature_buffer
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Record
from sipauthctl.findings import Severity
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Message, Request, Response
from sipauthctl.sip.via import Via

OPEN_ASSOCIATIONS = 2048
REMEMBERED_REQUESTS = 2048
REMEMBERED_DIALOGS = 2048
LINGER = timedelta(seconds=64)
"""How long after a de-registration or a refusal messages of the association may still come: twice the time of a
transaction, RFC 3261 17.1.2.2."""

_SCHEMES = (Scheme.NTLM, Scheme.KERBEROS, Scheme.TLS_DSK)
_NEVER_ANSWERED_SIGNED = ("ACK", "CANCEL")


class Reconstruction:
    """Takes messages in their order; gives associations when they are over.

    Args:
        secrets: what the user gave.
        lifetime: how long the servers keep an association.
    """

    def __init__(self, secrets: Secrets, lifetime: timedelta = LIFETIME) -> None:
        self._secrets = secrets
        self._longest = max(lifetime, LIFETIME)
        self._checker = SignatureChecker()
        self._digest = DigestWatch(secrets)
        self._life = LifeWatch(lifetime)
        self._open = AssociationTable(OPEN_ASSOCIATIONS)
        self._lookup = Lookup(self._open)
        self._requests: Bounded[Transaction, SentRequest] = Bounded(REMEMBERED_REQUESTS)
        self._dialogs: Bounded[tuple[str, Endpoint], Dialog] = Bounded(REMEMBERED_DIALOGS)
        self._done: list[Tracked] = []
        self._idle_since: datetime | None = None
        self._leaving: list[Tracked] = []
        self._signs_in: Bounded[Endpoint, datetime | None] = Bounded(REMEMBERED_DIALOGS)
        self.answers = 0
        """How many responses there were."""
        self.dialogs_over: list[Dialog] = []
        """Dialogs that came to no association; whoever reads them empties the list."""

    def feed(self, record: Record) -> list[Tracked]:
        """Takes one message. Gives the associations that are over by it.

        Raises:
            SipError: it cannot be read as SIP, or lacks a header that every message has.
        """
        message = read_head(record.raw)
        key = transaction(message)
        headers, problem = signed_headers(message)
        self._done += self._digest.feed(record, message, key, headers)
        headers = [header for header in headers if header.scheme in _SCHEMES]
        self._expire(record.time)
        self.answers += isinstance(message, Response)
        if isinstance(message, Response) and message.status >= 200 and key[2] == "REGISTER":
            self._life.answered(client_of(message, Sender.SERVER), record, key)
        if isinstance(message, Request):
            self._request(record, message, key, headers)
        elif HeaderFamily.of_status(message.status) is not None:
            self._let_pass(record, message, key, headers)
            self._challenged(record, message, key)
        else:
            self._response(record, message, key, headers)
        if problem:
            self._unreadable(record, message, key, problem)
        return self._emit()

    def signed_in_otherwise(self, dialog: Dialog) -> bool:
        """Whether the client of a dialog gave credentials after it, under another Call-ID."""
        last = self._signs_in.get(dialog.endpoint)
        return last is not None and dialog.last_time is not None and last >= dialog.last_time

    def close(self) -> list[Tracked]:
        """Gives what is still open, at the end of the input."""
        self._done += self._life.close()
        for tracked in self._open:
            tracked.ends_input = True
            self._finish(tracked)
        self._done += self._digest.close()
        self.dialogs_over += self._dialogs.take_all()
        return self._emit()

    def _emit(self) -> list[Tracked]:
        done, self._done = self._done, []
        for tracked in done:
            self._checker.settle(tracked)
        return done

    # --- requests

    def _request(self, record: Record, message: Request, key: Transaction, headers: list[SignedHeader]) -> None:
        by_client = all(header.sender is Sender.CLIENT for header in headers)
        if by_client:
            self._life.requested(client_of(message, Sender.CLIENT), record, key)
        known = self._requests.get(key)
        sent = known or SentRequest(record.time, leg_of(record), message.headers.count("Via") > 1)
        sent.any_credentials |= any(name in message.headers for name in CREDENTIALS_HEADERS)
        self._requests.put(key, sent)
        dialog = self._dialog(record, message, key, headers) if by_client else None
        if dialog is not None:
            dialog.went_on = dialog.went_on or sent.any_credentials
            if sent.any_credentials:
                self._signs_in.put(dialog.endpoint, record.time)
        for header in headers:
            self._credentials(record, message, key, header, sent, dialog)

    def _dialog(
        self, record: Record, message: Request, key: Transaction, headers: list[SignedHeader]
    ) -> Dialog | None:
        """The dialog of a REGISTER, with its CSeq checked."""
        if message.method != "REGISTER":
            return None
        client = client_of(message, Sender.CLIENT)
        dialog = self._dialogs.get((key[0], client))
        if dialog is None:
            dialog = Dialog(client, key[0])
            over = self._dialogs.put((key[0], client), dialog)
            if over is not None:
                self.dialogs_over.append(over)
        dialog.last_time, dialog.client = record.time, record.source
        dialog.first_time = dialog.first_time or record.time
        leg, raw = leg_of(record), hash(record.raw)
        highest, last_raw = dialog.highest.get(leg, (0, 0))
        if key[1] <= highest and raw != last_raw and headers:
            self._cseq(record, message, headers, highest)
        if key[1] >= highest and (leg in dialog.highest or len(dialog.highest) < LEGS_KEPT):
            dialog.highest[leg] = key[1], raw
        return dialog

    def _cseq(self, record: Record, message: Request, headers: list[SignedHeader], highest: int) -> None:
        number = message.cseq.number_text
        who = client_of(message, Sender.CLIENT).address
        detail = f"A REGISTER of {who} has CSeq {number} after {highest}."
        for header in headers:
            tracked = self._lookup.find(record, message, header)
            if tracked is not None:
                tracked.report(Problem("cseq-not-increased", detail, (place_text(record), f"CSeq: {number} REGISTER")))

    def _credentials(
        self,
        record: Record,
        message: Request,
        key: Transaction,
        header: SignedHeader,
        sent: SentRequest,
        dialog: Dialog | None,
    ) -> None:
        """One credentials or info header of a request."""
        token = header.parameters.get("gssapi-data") if header.sender is Sender.CLIENT else None
        copied = None if token is None else sent.taken(header.sender, name_of(header), token)
        if self._failed_just_now(copied, record):
            return
        tracked = self._lookup.find(record, message, header)
        if token is not None:
            open_ = copied if copied in self._open else None
            tracked = open_ or self._token(record, message, key, header, token, tracked, dialog)
            sent.take(header.sender, name_of(header), token, tracked)
        elif tracked is None:
            tracked = self._begin(record, message, header, Step.ESTABLISHED, handshake_seen=False)
        elif tracked.step is Step.TOKEN_GIVEN and tracked.scheme is Scheme.TLS_DSK and header.sender is Sender.CLIENT:
            # The last request of TLS-DSK brings a signature, and no token or an empty one.
            tracked.step, tracked.final = Step.FINAL_SENT, key
        self._heard(tracked, record, message, header)
        beside = self._still_open(sent.credentials)
        verdict = self._checker.check(tracked, record, message, header, beside=beside)
        if verdict is None:
            self._unsigned_request(tracked, record, message, key, header, token)
        elif header.sender is Sender.CLIENT and message.method == "REGISTER":
            tracked.deregistered |= message.headers.get("Expires") == "0"
        # A server has to sign the answers to what its client signed.
        sent.carries(tracked, signed=verdict is not None and header.sender is Sender.CLIENT)

    def _unsigned_request(
        self,
        tracked: Tracked,
        record: Record,
        message: Message,
        key: Transaction,
        header: SignedHeader,
        token: str | None,
    ) -> None:
        last_token = tracked.final == key and tracked.scheme in (Scheme.NTLM, Scheme.KERBEROS)
        if token is None:
            detail = "the message carries no signature"
        elif last_token and (tracked.version or 0) >= OWN_VERSION:
            detail = "the request with the last token is unsigned, which version 4 does not allow"
        else:
            remark = tracked.tls.words if tracked.tls is not None else _token_words(token)
            tracked.draw(record, header.sender, start_line(message), remark, None)
            self._remember_unsigned(tracked, message, header)
            return
        self._checker.missing(tracked, record, message, header.sender, detail)
        told = f"The {start_line(message)} of {tracked.who} to {tracked.where}: {detail}."
        tracked.report(Problem("signature-missing", told, (place_text(record),)))

    @staticmethod
    def _remember_unsigned(tracked: Tracked, message: Message, header: SignedHeader) -> None:
        try:
            buffer = signature_buffer(
                message,
                scheme_text=header.parameters.scheme_text,
                rand="",
                num_text="",
                realm=tracked.name.realm,
                targetname=tracked.name.targetname,
                version=tracked.version or OWN_VERSION,
            )
        except SipError:
            return
        tracked.remember(tuple(pair for pair in buffer.fields if pair[1]))

    # --- tokens of the client

    def _token(
        self,
        record: Record,
        message: Request,
        key: Transaction,
        header: SignedHeader,
        token: str,
        tracked: Tracked | None,
        dialog: Dialog | None,
    ) -> Tracked:
        if header.scheme is Scheme.NTLM and not token:
            return self._ask(record, message, key, header, dialog)
        if tracked is None or tracked.step is not Step.TOKEN_GIVEN:
            tracked = self._pending(key[0], header, client_of(message, Sender.CLIENT))
            if tracked is None:
                tracked = self._begin(record, message, header, Step.FINAL_SENT, handshake_seen=True)
                tracked.offered = None if dialog is None else dialog.challenge
            elif tracked.opaque is None:  # the answer with the token is not in the input
                tracked.opaque = header.parameters.get("opaque")
                self._add(tracked)
            else:
                note_opaque(tracked, record, header)
        if tracked.call_id != key[0] and tracked.step is Step.TOKEN_GIVEN:
            before = quoted(tracked.call_id)
            detail = f"The token of {tracked.where} came under Call-ID {before}, its answer under {quoted(key[0])}."
            tracked.report(Problem("call-id-changed", detail, (place_text(record),)))
        tracked.step, tracked.final = Step.FINAL_SENT, key
        version = read_version(header.parameters.get("version"))
        if version is not None and version > 0:
            tracked.version = min(version, tracked.version or OWN_VERSION)
        elif tracked.version is None and tracked.offered is not None:
            tracked.version = 2
        open_key(self._secrets, tracked, record, token)
        return tracked

    def _ask(
        self, record: Record, message: Request, key: Transaction, header: SignedHeader, dialog: Dialog | None
    ) -> Tracked:
        """An empty NTLM token, which begins a handshake."""
        client = client_of(message, Sender.CLIENT)
        for old in self._open.by_endpoint(name_of(header), client):
            if old.step is not Step.ESTABLISHED and old.call_id == key[0]:
                self._finish(old)
        tracked = self._begin(record, message, header, Step.TOKEN_ASKED, handshake_seen=True)
        tracked.token_sent = record.time
        tracked.version = read_version(header.parameters.get("version")) or 2
        tracked.offered = None if dialog is None else dialog.challenge
        return tracked

    def _pending(self, call_id: str, header: SignedHeader, client: Endpoint) -> Tracked | None:
        """A handshake of this client with this server that waits for the client's token."""
        open_ = self._open.by_endpoint(name_of(header), client)
        steps = (Step.TOKEN_GIVEN, Step.TOKEN_ASKED)
        waiting = [tracked for tracked in open_ if tracked.step in steps and tracked.scheme is header.scheme]
        same = [tracked for tracked in waiting if tracked.call_id == call_id]
        return same[0] if same else None

    # --- challenges

    def _let_pass(self, record: Record, message: Response, key: Transaction, headers: list[SignedHeader]) -> None:
        """The proxies that let a request pass sign the challenge of a server behind them, as any other answer."""
        sent = self._requests.get(key)
        among = [] if sent is None else self._still_open(sent.credentials)
        for header in headers:
            if header.sender is not Sender.SERVER:
                continue
            tracked = self._lookup.find(record, message, header, among=among)
            if tracked is not None:
                self._heard(tracked, record, message, header)
                self._checker.check(tracked, record, message, header, beside=among)
                self._passed(tracked, key)

    @staticmethod
    def _passed(tracked: Tracked, key: Transaction) -> None:
        """A server behind this one has the request, so that this one took the client's last token."""
        if tracked.final == key and tracked.step is Step.FINAL_SENT:
            tracked.step = Step.ESTABLISHED
            tracked.slim()

    def _challenged(self, record: Record, message: Response, key: Transaction) -> None:
        try:
            found = offers(message)
        except SipError as error:
            self._unreadable(record, message, key, without_quote(error))
            found = ()
        sent = self._requests.get(key)
        waiting = [] if sent is None else self._still_open(sent.credentials)
        tokens = [offer for offer in found if offer.gssapi_data and offer.scheme in _SCHEMES]
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

    def _first_challenge(
        self,
        record: Record,
        message: Response,
        key: Transaction,
        found: tuple[Offer, ...],
        sent: SentRequest | None,
    ) -> None:
        client = endpoint(message.from_)
        dialog = self._dialogs.get((key[0], client))
        if dialog is None:
            if key[2] != "REGISTER":
                return
            dialog = Dialog(client, key[0])
            self._dialogs.put((key[0], client), dialog)
        where = next((offer.targetname for offer in found if offer.targetname), None)
        dialog.challenge = ChallengeSeen(
            date=message.headers.get("Date"),
            offers=found,
            sent=None if sent is None else sent.time,
            received=record.time,
            where=place_text(record),
            server=(where or "").partition("/")[2] or where or address_text(record.source) or "the server",
            input=record.input,
        )
        dialog.went_on, dialog.answered = False, True
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
        if self._failed_just_now(copied, record):
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
        copy = not due and tracked.opaque == offer.opaque and tracked in self._open
        if not copy:
            tracked.step, tracked.opaque = Step.TOKEN_GIVEN, offer.opaque or tracked.opaque
            tracked.version = min(offer.spoken_version, tracked.version or OWN_VERSION)
            tracked.challenge_at, tracked.challenge_input = record.time, record.input
            take_server_token(self._secrets, tracked, record, token)
        tracked.touch(record, Sender.SERVER)
        remark = tracked.tls.words if tracked.tls is not None else "the server's token"
        tracked.draw(record, Sender.SERVER, start_line(message), remark, None)
        tracked.remember((("To tag", message.to.tag or ""),) if message.to.tag else ())
        self._add(tracked)
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
            over = self._life.challenged(tracked, record, message, key[2])
            tracked.draw(record, Sender.SERVER, start_line(message), tracked.ended_by, None)
            self._open.remove(tracked)
            self._done += over
            return
        if tracked.final == key:
            tracked.step, tracked.answer = Step.REFUSED, message
        else:
            tracked.step, tracked.answer = Step.STARTED_OVER, message
        tracked.draw(record, Sender.SERVER, start_line(message), "", None)
        self._finish(tracked)

    # --- answers

    def _response(self, record: Record, message: Response, key: Transaction, headers: list[SignedHeader]) -> None:
        sent = self._requests.get(key)
        signed = [] if sent is None else self._still_open(sent.signed)
        waiting = [] if sent is None else [one for one in self._still_open(sent.credentials) if one.final == key]
        answered: list[Tracked] = []
        for header in headers:
            tracked = self._lookup.find(record, message, header, among=[*waiting, *signed])
            if tracked is None:
                tracked = self._begin(record, message, header, Step.ESTABLISHED, handshake_seen=False)
            self._heard(tracked, record, message, header)
            answered.append(tracked)
            token = header.parameters.get("gssapi-data")
            if token and header.sender is Sender.SERVER:
                take_server_token(self._secrets, tracked, record, token)
            verdict = self._checker.check(tracked, record, message, header, beside=[*waiting, *signed])
            if verdict is None:
                self._checker.missing(tracked, record, message, header.sender, "the message carries no signature")
            self._arrived(tracked, record, message, key)
            self._went_on(tracked, header, verdict, key)
        if message.status < 200:
            return
        by_server = not any(header.sender is Sender.CLIENT for header in headers)
        if by_server and sent is not None and _answers(record, sent):
            for tracked in _distinct([*waiting, *signed]):
                if not any(tracked is other for other in answered):
                    newer = self._replacement(tracked, answered, key)
                    if newer is not None:
                        self._replaced(tracked, newer, record)
                        continue
                    self._unsigned_answer(tracked, record, message, key, forwarded=sent.forwarded)
                    self._arrived(tracked, record, message, key)
        if key[2] == "REGISTER":
            if 200 <= message.status < 300:
                self._life.registered(answered, record, message)
                for tracked in answered:
                    tracked.registered = True
            self._answered(record, message, key, sent)

    def _arrived(self, tracked: Tracked, record: Record, message: Response, key: Transaction) -> None:
        """The answer to the last token, or to the signed request that ends the registration."""
        if message.status < 200:
            return
        if tracked.final == key and tracked.step is Step.FINAL_SENT:
            refused = message.status >= 400 and not _has_info(message)
            tracked.step = Step.REFUSED if refused else Step.ESTABLISHED
            tracked.answer = message if message.status >= 400 else None
            self._seen_as(tracked, message)
            tracked.slim()
            if refused:
                self._finish(tracked)
        elif tracked.deregistered and key[2] == "REGISTER" and message.status < 300:
            self._leaving.append(tracked)

    @staticmethod
    def _went_on(tracked: Tracked, header: SignedHeader, verdict: Verdict | None, key: Transaction) -> None:
        """A server that signs other answers took the last token, though the input lacks its answer to that."""
        waiting = tracked.step in (Step.TOKEN_GIVEN, Step.FINAL_SENT) and tracked.final != key
        if waiting and header.sender is Sender.SERVER and verdict not in (None, Verdict.INVALID):
            tracked.step = Step.ESTABLISHED
            tracked.slim()

    def _replacement(self, tracked: Tracked, answered: list[Tracked], key: Transaction) -> Tracked | None:
        """The association with another server that was made within a re-registration, in place of this one."""
        if key[2] != "REGISTER" or tracked.step is not Step.ESTABLISHED or not tracked.registered:
            return None
        made = (one for one in answered if one.handshake_seen and one.call_id == key[0] and not one.registered)
        return next((one for one in made if one.scheme is tracked.scheme and one.name != tracked.name), None)

    def _replaced(self, tracked: Tracked, newer: Tracked, record: Record) -> None:
        detail = f"A re-registration of {tracked.who} met {newer.where}, which signs now in place of {tracked.where}."
        tracked.report(Problem("association-replaced", detail, (place_text(record),)))
        self._life.replaced(tracked, newer)
        self._finish(tracked)

    def _unsigned_answer(
        self, tracked: Tracked, record: Record, message: Response, key: Transaction, *, forwarded: bool
    ) -> None:
        if key[2] in _NEVER_ANSWERED_SIGNED:
            return
        detail = "the answer carries no signature"
        tracked.touch(record, Sender.SERVER)
        self._checker.missing(tracked, record, message, Sender.SERVER, detail)
        told = f"The {start_line(message)} of {tracked.where} to {key[2]}: {detail}."
        redirect = 300 <= message.status < 400
        # Between servers it may still lack the signature that the next one adds.
        mild = Severity.WARNING if message.status >= 400 or forwarded else None
        fields = {"host": tracked.where}
        id_ = "redirect-unsigned" if redirect else "signature-missing"
        tracked.report(Problem(id_, told, (place_text(record), *status_lines(message, ())), mild, fields))

    def _answered(self, record: Record, message: Response, key: Transaction, sent: SentRequest | None) -> None:
        """A final answer to a REGISTER. Without any challenge before it, a success proves nothing."""
        dialog = self._dialogs.get((key[0], endpoint(message.from_)))
        if dialog is None:
            return
        dialog.answered = True
        unasked = sent is not None and not sent.any_credentials and not dialog.went_on and dialog.challenge is None
        if unasked and message.status < 400:
            dialog.unasked, dialog.last_time = start_line(message), record.time
            self._dialogs.pop((key[0], dialog.endpoint))
            self.dialogs_over.append(dialog)

    # --- finding and keeping associations

    def _begin(
        self, record: Record, message: Message, header: SignedHeader, step: Step, *, handshake_seen: bool
    ) -> Tracked:
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
            self._life.began(tracked, record)
        self._add(tracked)
        return tracked

    def _still_open(self, tracked: list[Tracked]) -> list[Tracked]:
        """Those that did not come out meanwhile: each comes out once."""
        return [one for one in tracked if one in self._open]

    def _refused_before(self, sent: SentRequest | None, record: Record) -> bool:
        """Whether a challenge is a copy of the one that refused a token of its request."""
        return sent is not None and any(self._failed_just_now(one, record) for one in sent.tokens.values())

    def _failed_just_now(self, tracked: Tracked | None, record: Record) -> bool:
        """Whether a handshake is over by a refusal, so that what comes of it again are copies."""
        if tracked is None or tracked in self._open or tracked.state is not State.FAILED:
            return False
        return record.time is None or tracked.ended is None or abs(record.time - tracked.ended) < LINGER

    def _add(self, tracked: Tracked) -> None:
        over = self._open.put(tracked)
        if over is not None:
            self._done.append(over)

    def _heard(self, tracked: Tracked, record: Record, message: Message, header: SignedHeader) -> None:
        tracked.touch(record, header.sender)
        if header.sender is Sender.SERVER and record.time is not None:
            if tracked.used is not None:
                tracked.outlived = max(tracked.outlived, (record.time - tracked.used).total_seconds())
            tracked.used = record.time
        self._open.used(tracked)
        if not tracked.user_agent and header.sender is Sender.CLIENT:
            tracked.user_agent = (message.headers.get("User-Agent") or "")[:200]

    def _finish(self, tracked: Tracked) -> None:
        if tracked in self._open:
            self._open.remove(tracked)
            self._done.append(tracked)

    def _expire(self, now: datetime | None) -> None:
        """Lets go of de-registered associations, and of those that are older than any can be."""
        if now is None or (self._idle_since is not None and now - self._idle_since < LINGER):
            return
        self._idle_since = now
        gone = [one for one in self._leaving if one.ended is None or now - one.ended >= LINGER]
        self._leaving = [one for one in self._leaving if one.ended is not None and now - one.ended < LINGER]
        for tracked in gone:
            self._finish(tracked)
        for tracked in self._open:
            if tracked.ended is None or now - tracked.ended < self._longest:
                break
            self._finish(tracked)

    # --- small things

    def _unreadable(self, record: Record, message: Message, key: Transaction, problem: str) -> None:
        sent = self._requests.get(key)
        about = self._still_open(sent.credentials) if sent is not None else []
        for tracked in about or self._newest_of(message, key):
            detail = f"A header of {start_line(message)} cannot be read: {problem}."
            tracked.report(Problem("signature-malformed", detail, (place_text(record),)))
            if isinstance(message, Request) and tracked.step is Step.TOKEN_GIVEN:
                tracked.step, tracked.final, tracked.no_key = Step.FINAL_SENT, key, NoKey.DAMAGED
                tracked.touch(record, Sender.CLIENT)
                tracked.draw(record, Sender.CLIENT, start_line(message), "its credentials cannot be read", None)
                if sent is not None:
                    sent.carries(tracked, signed=False)

    def _newest_of(self, message: Message, key: Transaction) -> list[Tracked]:
        """The newest association of the client under the Call-ID of a message that does not name one."""
        client = endpoint(message.from_)
        return [one for one in self._open if one.call_id == key[0] and one.endpoint == client][-1:]

    @staticmethod
    def _seen_as(tracked: Tracked, message: Response) -> None:
        try:
            via = Via.parse((message.headers.values("Via") or ("",))[-1])
        except SipError:
            return
        own, seen = _address(via.host), _address(via.param("received") or "")
        if own is not None and seen is not None and own != seen:  # a name in Via says nothing of an address
            tracked.seen_as = (str(own), str(seen))


def _answers(record: Record, sent: SentRequest) -> bool:
    """Whether a response goes back the way on which the request was first seen: beyond a proxy it is another's."""
    _, source, destination = leg_of(record)
    if sent.leg is None or "" in (source, destination, *sent.leg[1:]):
        return True
    return (destination, source) == sent.leg[1:] or record.input != sent.leg[0]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _distinct(tracked: list[Tracked]) -> list[Tracked]:
    return list({id(one): one for one in tracked}.values())


def _has_info(message: Response) -> bool:
    return any(name in message.headers for name in INFO_HEADERS)


def _token_words(token: str) -> str:
    return "the client's token" if token else "asks for the server's token"
