"""What requests do: they ask for tokens, bring the client's, and are signed from then on, [MS-SIPAE] 3.2."""

from __future__ import annotations

from sipauthctl.analysis.checking import SignatureChecker
from sipauthctl.analysis.dialogs import LEGS_KEPT, Dialog, SentRequest, Transaction, leg_of
from sipauthctl.analysis.lookup import note_opaque
from sipauthctl.analysis.memory import Memory
from sipauthctl.analysis.problem import Problem, place_text, status_lines
from sipauthctl.analysis.reading import Endpoint, SignedHeader, client_of, name_of, start_line
from sipauthctl.analysis.secrets import Secrets
from sipauthctl.analysis.tokens import open_key
from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.analysis.verdicts import write_missing
from sipauthctl.analysis.words import Sender
from sipauthctl.association.endpoint import LONGEST_EPID, EndpointProblem, endpoint_problem, instance_of
from sipauthctl.association.family import CREDENTIALS_HEADERS
from sipauthctl.association.offers import OWN_VERSION, read_version
from sipauthctl.association.redaction import quoted
from sipauthctl.association.signing import signature_buffer
from sipauthctl.capture.record import Record
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Message, Request


class RequestWatch:
    """Takes requests in their order."""

    def __init__(self, memory: Memory, secrets: Secrets, checker: SignatureChecker) -> None:
        self._memory = memory
        self._secrets = secrets
        self._checker = checker

    def take(self, record: Record, message: Request, key: Transaction, headers: list[SignedHeader]) -> None:
        """Takes one request with its credentials and info headers."""
        by_client = all(header.sender is Sender.CLIENT for header in headers)
        if by_client:
            self._memory.life.requested(client_of(message, Sender.CLIENT), record, key)
        known = self._memory.requests.get(key)
        sent = known or SentRequest(record.time, leg_of(record), message.headers.count("Via") > 1)
        sent.any_credentials |= any(name in message.headers for name in CREDENTIALS_HEADERS)
        self._memory.requests.put(key, sent)
        dialog = self._dialog(record, message, key, headers) if by_client else None
        if dialog is not None:
            dialog.went_on = dialog.went_on or sent.any_credentials
            dialog.other_credentials |= sent.any_credentials and not headers
            if not sent.any_credentials:
                self._given_up(dialog)
            if sent.any_credentials:
                self._memory.signs_in.put(dialog.endpoint, record.time)
        for header in headers:
            self._credentials(record, message, key, header, sent, dialog)

    def _given_up(self, dialog: Dialog) -> None:
        """A REGISTER without credentials where the client's token is due: it does not answer the server's."""
        for tracked in self._memory.open.of_client(dialog.endpoint):
            tracked.given_up |= tracked.step is Step.TOKEN_GIVEN and tracked.call_id == dialog.call_id

    def _dialog(
        self, record: Record, message: Request, key: Transaction, headers: list[SignedHeader]
    ) -> Dialog | None:
        """The dialog of a REGISTER, with its CSeq checked."""
        if message.method != "REGISTER":
            return None
        client = client_of(message, Sender.CLIENT)
        dialog = self._memory.dialogs.get((key[0], client))
        if dialog is None:
            dialog = Dialog(client, key[0], identity=_identity(record, message))
            over = self._memory.dialogs.put((key[0], client), dialog)
            if over is not None:
                self._memory.dialogs_over.append(over)
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
            tracked = self._memory.lookup.find(record, message, header)
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
        if self._memory.failed_just_now(copied, record):
            return
        tracked = self._memory.lookup.find(record, message, header)
        if token is not None:
            open_ = copied if copied in self._memory.open else None
            tracked = open_ or self._token(record, message, key, header, token, tracked, dialog)
            sent.take(header.sender, name_of(header), token, tracked)
        elif tracked is None:
            tracked = self._memory.begin(record, message, header, Step.ESTABLISHED, handshake_seen=False)
        elif tracked.step is Step.TOKEN_GIVEN and tracked.scheme is Scheme.TLS_DSK and header.sender is Sender.CLIENT:
            # The last request of TLS-DSK brings a signature, and no token or an empty one.
            tracked.step, tracked.final = Step.FINAL_SENT, key
        self._memory.heard(tracked, record, message, header)
        beside = self._memory.still_open(sent.credentials)
        verdict = self._checker.check(tracked, record, message, header, beside=beside)
        if verdict is None:
            self._unsigned_request(tracked, record, message, key, header, token)
        elif header.sender is Sender.CLIENT and message.method == "REGISTER":
            tracked.deregistered = message.headers.get("Expires") == "0"
        if verdict is not None and header.sender is Sender.SERVER:
            sent.asks(tracked)
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
        write_missing(tracked, record, message, header.sender, detail)
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
                tracked = self._memory.begin(record, message, header, Step.FINAL_SENT, handshake_seen=True)
                _begun_in(dialog, tracked)
            elif tracked.opaque is None:  # the answer with the token is not in the input
                tracked.opaque = header.parameters.get("opaque")
                self._memory.put(tracked)
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
        for old in self._memory.open.by_endpoint(name_of(header), client):
            if old.step is not Step.ESTABLISHED and old.call_id == key[0]:
                self._memory.finish(old)
        tracked = self._memory.begin(record, message, header, Step.TOKEN_ASKED, handshake_seen=True)
        tracked.token_sent = record.time
        tracked.version = read_version(header.parameters.get("version")) or 2
        _begun_in(dialog, tracked)
        return tracked

    def _pending(self, call_id: str, header: SignedHeader, client: Endpoint) -> Tracked | None:
        """A handshake of this client with this server that waits for the client's token."""
        open_ = self._memory.open.by_endpoint(name_of(header), client)
        steps = (Step.TOKEN_GIVEN, Step.TOKEN_ASKED)
        waiting = [tracked for tracked in open_ if tracked.step in steps and tracked.scheme is header.scheme]
        same = [tracked for tracked in waiting if tracked.call_id == call_id]
        return same[0] if same else None


def _begun_in(dialog: Dialog | None, tracked: Tracked) -> None:
    """Notes what the dialog in which a handshake begins shows of it."""
    if dialog is not None:
        tracked.offered, tracked.identity = dialog.challenge, dialog.identity


def _identity(record: Record, message: Request) -> Problem | None:
    try:
        wrong = endpoint_problem(message)
    except SipError:
        return None
    if wrong is None:
        return None
    epid = message.from_.param("epid") or ""
    why = {
        EndpointProblem.MISSING: f"its +sip.instance is not the one that follows from its epid, {instance_of(epid)}",
        EndpointProblem.NO_EPID: "its From has no epid",
        EndpointProblem.TOO_LONG: f"its epid has {len(epid)} characters, and {LONGEST_EPID} are allowed",
    }
    words = why[wrong] if epid or wrong is not EndpointProblem.MISSING else "it has neither epid nor +sip.instance"
    detail = f"The REGISTER of {client_of(message, Sender.CLIENT).address} names no valid endpoint: {words}."
    return Problem("endpoint-id-invalid", detail, (place_text(record), *status_lines(message, ("From", "Contact"))))


def _token_words(token: str) -> str:
    return "the client's token" if token else "asks for the server's token"
