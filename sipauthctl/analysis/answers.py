"""What other answers do: they establish associations and are signed with them, [MS-SIPAE] 3.3."""

from __future__ import annotations

from sipauthctl.analysis.checking import SignatureChecker
from sipauthctl.analysis.dialogs import SentRequest, Transaction, leg_of
from sipauthctl.analysis.memory import Memory
from sipauthctl.analysis.problem import Problem, place_text, status_lines
from sipauthctl.analysis.reading import SignedHeader, endpoint, start_line
from sipauthctl.analysis.secrets import Secrets
from sipauthctl.analysis.tokens import take_server_token
from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.analysis.verdicts import write_missing
from sipauthctl.analysis.words import Sender
from sipauthctl.association.family import INFO_HEADERS
from sipauthctl.association.signing import must_be_signed
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Record
from sipauthctl.findings import Severity
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Response
from sipauthctl.sip.via import Via, ip_of


class AnswerWatch:
    """Takes responses that are no challenges in their order."""

    def __init__(self, memory: Memory, secrets: Secrets, checker: SignatureChecker) -> None:
        self._memory = memory
        self._secrets = secrets
        self._checker = checker

    def take(self, record: Record, message: Response, key: Transaction, headers: list[SignedHeader]) -> None:
        """Takes one response with its info headers, and those of the client in answers to a server's requests."""
        sent = self._memory.requests.get(key)
        signed, waiting = [], []
        if sent is not None:
            signed = self._memory.still_open(sent.signed)
            waiting = [one for one in self._memory.still_open(sent.credentials) if one.final == key]
        answered: list[Tracked] = []
        for header in headers:
            tracked = self._memory.lookup.find(record, message, header, among=[*waiting, *signed])
            if tracked is None:
                tracked = self._memory.begin(record, message, header, Step.ESTABLISHED, handshake_seen=False)
            self._memory.heard(tracked, record, message, header)
            answered.append(tracked)
            token = header.parameters.get("gssapi-data")
            if token and header.sender is Sender.SERVER:
                take_server_token(self._secrets, tracked, record, token)
            verdict = self._checker.check(tracked, record, message, header, beside=[*waiting, *signed])
            if verdict is None:
                write_missing(tracked, record, message, header.sender, "the message carries no signature")
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
        if 300 <= message.status < 400:
            for tracked in answered:
                tracked.redirected |= key[2] == "REGISTER"
        if key[2] == "REGISTER":
            if message.success:
                self._memory.life.registered(answered, record, message)
                for tracked in answered:
                    tracked.registered = True
            self._answered(record, message, key, sent)

    def _arrived(self, tracked: Tracked, record: Record, message: Response, key: Transaction) -> None:
        """The answer to the last token."""
        if message.status < 200:
            return
        if tracked.final == key and tracked.step is Step.FINAL_SENT:
            # A refused INVITE or MESSAGE says something of its target, not of the caller.
            refused = message.status >= 400 and not _has_info(message) and key[2] == "REGISTER"
            tracked.step = Step.REFUSED if refused else Step.ESTABLISHED
            tracked.answer = message if message.status >= 400 and key[2] == "REGISTER" else None
            self._seen_as(tracked, message)
            tracked.slim()
            if refused:
                self._memory.finish(tracked)

    @staticmethod
    def _went_on(tracked: Tracked, header: SignedHeader, verdict: Verdict | None, key: Transaction) -> None:
        """A server that signs other answers took the last token, though the input lacks its answer to that."""
        waiting = tracked.step in (Step.TOKEN_GIVEN, Step.FINAL_SENT) and tracked.final != key
        if waiting and header.sender is Sender.SERVER and verdict not in (None, Verdict.INVALID):
            tracked.accepted()

    def _replacement(self, tracked: Tracked, answered: list[Tracked], key: Transaction) -> Tracked | None:
        """The association with another server that was made within a re-registration, in place of this one."""
        if key[2] != "REGISTER" or tracked.step is not Step.ESTABLISHED or not tracked.registered:
            return None
        made = (one for one in answered if one.handshake_seen and one.call_id == key[0] and not one.registered)
        return next((one for one in made if one.scheme is tracked.scheme and one.name != tracked.name), None)

    def _replaced(self, tracked: Tracked, newer: Tracked, record: Record) -> None:
        detail = f"A re-registration of {tracked.who} met {newer.where}, which signs now in place of {tracked.where}."
        tracked.report(Problem("association-replaced", detail, (place_text(record),)))
        self._memory.life.replaced(tracked, newer)
        self._memory.finish(tracked)

    def _unsigned_answer(
        self, tracked: Tracked, record: Record, message: Response, key: Transaction, *, forwarded: bool
    ) -> None:
        if not must_be_signed(message):
            return
        detail = "the answer carries no signature"
        tracked.touch(record, Sender.SERVER)
        write_missing(tracked, record, message, Sender.SERVER, detail)
        told = f"The {start_line(message)} of {tracked.where} to {key[2]}: {detail}."
        redirect = 300 <= message.status < 400
        # Between servers it may still lack the signature that the next one adds.
        mild = Severity.WARNING if message.status >= 400 or forwarded else None
        fields = {"host": tracked.where}
        id_ = "redirect-unsigned" if redirect else "signature-missing"
        tracked.report(Problem(id_, told, (place_text(record), *status_lines(message, ())), mild, fields))

    def _answered(self, record: Record, message: Response, key: Transaction, sent: SentRequest | None) -> None:
        """A final answer to a REGISTER. Without any challenge before it, a success proves nothing."""
        dialog = self._memory.dialogs.get((key[0], endpoint(message.from_)))
        if dialog is None:
            return
        dialog.answered = True
        unasked = sent is not None and not sent.any_credentials and not dialog.went_on and dialog.challenge is None
        dialog.refused |= unasked and message.status >= 400
        if unasked and message.status < 400:
            dialog.unasked, dialog.last_time = start_line(message), record.time
            self._memory.dialogs.pop((key[0], dialog.endpoint))
            self._memory.dialogs_over.append(dialog)

    @staticmethod
    def _seen_as(tracked: Tracked, message: Response) -> None:
        try:
            via = Via.parse((message.headers.values("Via") or ("",))[-1])
        except SipError:
            return
        own, seen = ip_of(via.host), ip_of(via.param("received") or "")
        if own is not None and seen is not None and own != seen:  # a name in Via says nothing of an address
            tracked.seen_as = (str(own), str(seen))


def _answers(record: Record, sent: SentRequest) -> bool:
    """Whether a response goes back the way on which the request was first seen: beyond a proxy it is another's."""
    _, source, destination = leg_of(record)
    if sent.leg is None or "" in (source, destination, *sent.leg[1:]):
        return True
    return (destination, source) == sent.leg[1:] or record.input != sent.leg[0]


def _distinct(tracked: list[Tracked]) -> list[Tracked]:
    return list({id(one): one for one in tracked}.values())


def _has_info(message: Response) -> bool:
    return any(name in message.headers for name in INFO_HEADERS)
