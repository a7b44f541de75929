"""Digest in the messages: who was challenged, who answered, and whether the answers hold (RFC 7616, [MS-SIPAE] 4.5).

Digest makes no security association. Each user under one Call-ID and realm is tracked by itself, beside the
associations of this family and without touching them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from sipauthctl.analysis.dialogs import Bounded, Transaction
from sipauthctl.analysis.problem import Problem, place_text
from sipauthctl.analysis.reading import AssociationName, Endpoint, SignedHeader, body_of, endpoint, start_line
from sipauthctl.analysis.secrets import GivenSecret, Secrets
from sipauthctl.analysis.signature_log import CheckedSignature
from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.analysis.words import Sender
from sipauthctl.association.digest import DigestChallenge, DigestCredentials, DigestInfo, is_anonymous_join
from sipauthctl.association.family import INFO_HEADERS, HeaderFamily
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Record
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.digest import same_digest
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Message, Request, Response

ANONYMOUS_JOIN = "anonymous join"
OPEN_EXCHANGES = 512
REMEMBERED_ANSWERS = 16
MOST_REALMS = 4  # of one user under one Call-ID
EARLIER_KEPT = 8  # exchanges of one user that came to no success

_NO_SECRET = "no password was given for this user"
_NO_ALGORITHM = "an algorithm that is not computed here"
_NOT_FROM_SECRET = "the given password does not give this value: it is another password, or the message was changed"
_CHANGED = "other messages hold with this password: this one was changed, or made with another password"
_WRONG_RSPAUTH = "the server does not prove the password that the client used"


@dataclass(slots=True)
class DigestExchange:
    """One user under one Call-ID and realm. `proven` is the secret that at least one of its values holds with."""

    tracked: Tracked
    proven: GivenSecret | None = None
    answers: OrderedDict[Transaction, DigestCredentials] = field(default_factory=OrderedDict)


class DigestWatch:
    """Looks at every message for Digest.

    Args:
        secrets: what the user gave; only passwords serve.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._open: Bounded[tuple[str, Endpoint], list[DigestExchange]] = Bounded(OPEN_EXCHANGES)
        self._earlier: Bounded[tuple[Endpoint, str], list[Tracked]] = Bounded(OPEN_EXCHANGES)
        self._seen = False
        self._done: list[Tracked] = []

    def feed(self, record: Record, message: Message, key: Transaction, headers: list[SignedHeader]) -> list[Tracked]:
        """Takes one message with its credentials headers. Gives what is over by it.

        Raises:
            SipError: From cannot be read.
        """
        if isinstance(message, Request):
            for header in headers:
                if header.scheme is Scheme.DIGEST:
                    self._credentials(record, message, key, header.parameters)
        else:
            family = HeaderFamily.of_status(message.status)
            if family is not None:
                self._challenged(record, message, key, family)
            elif message.status >= 200 and self._seen:
                self._answered(record, message, key)
        done, self._done = self._done, []
        return done

    def close(self) -> Iterator[Tracked]:
        """Gives what is still open, at the end of the input."""
        for exchanges in self._open.take_all():
            for exchange in exchanges:
                exchange.tracked.ends_input = True
                yield exchange.tracked

    def _credentials(self, record: Record, message: Request, key: Transaction, parameters: AuthParameters) -> None:
        client, realm = endpoint(message.from_), parameters.get("realm") or ""
        exchange = self._exchange(message, key, client, realm)
        tracked = exchange.tracked
        tracked.touch(record, Sender.CLIENT)
        try:
            credentials = DigestCredentials.of(parameters)
        except SipError as error:
            detail = f"The Digest credentials of {tracked.who} cannot be read: {error}."
            tracked.report(Problem("signature-malformed", detail, (place_text(record),)))
            return
        exchange.answers[key] = credentials
        if len(exchange.answers) > REMEMBERED_ANSWERS:
            exchange.answers.popitem(last=False)
        tracked.opaque = tracked.opaque or credentials.opaque
        tracked.step = Step.ANSWERED
        expected = [
            (given, credentials.expected(message.method, body_of(record), given.password or ""))
            for given in self._candidates(credentials)
        ]
        self._check(exchange, record, message, Sender.CLIENT, credentials, credentials.response, expected)

    def _challenged(self, record: Record, message: Response, key: Transaction, family: HeaderFamily) -> None:
        for parameters in _digests(message, family.challenge):
            try:
                challenge = DigestChallenge.of(parameters)
            except SipError:
                continue
            client = endpoint(message.from_)
            exchange = self._exchange(message, key, client, challenge.realm)
            tracked = exchange.tracked
            tracked.touch(record, Sender.SERVER)
            tracked.opaque = challenge.opaque or tracked.opaque
            refused = key in exchange.answers and not challenge.stale
            remark = "the client's Digest response is refused" if refused else _words(challenge)
            tracked.draw(record, Sender.SERVER, start_line(message), remark, None)
            tracked.step = Step.REFUSED if refused else Step.CHALLENGED
            if refused:
                tracked.answer = message
                self._finish(key[0], client, exchange)

    def _answered(self, record: Record, message: Response, key: Transaction) -> None:
        client = endpoint(message.from_)
        values = [value for name in INFO_HEADERS for value in message.headers.get_all(name)]
        infos = [info for value in values if (info := DigestInfo.of(value)) is not None]
        rspauth = next((info.rspauth for info in infos if info.rspauth is not None), None)
        for exchange in tuple(self._open.get((key[0], client)) or ()):
            credentials = exchange.answers.get(key)
            if credentials is None:
                continue
            tracked = exchange.tracked
            tracked.touch(record, Sender.SERVER)
            if rspauth is not None:
                known = [exchange.proven] if exchange.proven is not None else self._candidates(credentials)
                body = body_of(record)
                expected = [(given, credentials.expected_rspauth(body, given.password or "")) for given in known]
                self._check(exchange, record, message, Sender.SERVER, credentials, rspauth, expected)
            else:
                tracked.draw(record, Sender.SERVER, start_line(message), "", None)
            # Another request that is refused without a challenge says something of its target, not of the caller.
            refused = message.status >= 400 and (key[2] == "REGISTER" or bool(tracked.purpose))
            tracked.step = Step.REFUSED if refused else Step.ESTABLISHED
            if refused:
                tracked.answer = message
                self._finish(key[0], client, exchange)
            else:
                self._succeeded(tracked)

    def _succeeded(self, tracked: Tracked) -> None:
        """Tells the exchanges before that the user is let in after all."""
        for earlier in self._earlier.pop((tracked.endpoint, tracked.name.realm)) or ():
            earlier.followed_by_success = earlier is not tracked

    def _check(
        self,
        exchange: DigestExchange,
        record: Record,
        message: Message,
        sender: Sender,
        credentials: DigestCredentials,
        value: str,
        expected: list[tuple[GivenSecret, str | None]],
    ) -> None:
        """Judges one value against what the candidates give."""
        tracked = exchange.tracked
        right = next((given for given, digest in expected if digest is not None and same_digest(digest, value)), None)
        if right is not None:
            exchange.proven = right
            self._add(tracked, record, message, sender, credentials, Verdict.VALID, right, "")
            return
        if credentials.algorithm is None:
            detail = f"{_NO_ALGORITHM}: {credentials.algorithm_text}"
            self._add(tracked, record, message, sender, credentials, Verdict.UNVERIFIABLE, None, detail)
        elif not expected:
            self._add(tracked, record, message, sender, credentials, Verdict.UNVERIFIABLE, None, _NO_SECRET)
        elif exchange.proven is None:
            # A wrong password and a changed message look the same.
            self._add(tracked, record, message, sender, credentials, Verdict.UNVERIFIABLE, None, _NOT_FROM_SECRET)
        else:
            detail = _WRONG_RSPAUTH if sender is Sender.SERVER else _CHANGED
            self._add(tracked, record, message, sender, credentials, Verdict.INVALID, exchange.proven, detail)
            told = f"The Digest value of the {sender.value} on {start_line(message)} does not hold: {detail}."
            tracked.report(Problem("signature-invalid", told, (place_text(record),)))

    @staticmethod
    def _add(
        tracked: Tracked,
        record: Record,
        message: Message,
        sender: Sender,
        credentials: DigestCredentials,
        verdict: Verdict,
        given: GivenSecret | None,
        detail: str,
    ) -> None:
        tracked.verdicts[verdict] += 1
        if sender is Sender.CLIENT:
            tried = given is not None or detail == _NOT_FROM_SECRET
            tracked.digest_verdict = verdict if tried else None
        tracked.draw(record, sender, start_line(message), detail or f"Digest of {credentials.username}", verdict)
        method = given.method if given is not None else None
        checked = CheckedSignature(record.input, record.place, sender, credentials.count, verdict, method, detail)
        tracked.signatures.add(checked)

    def _candidates(self, credentials: DigestCredentials) -> list[GivenSecret]:
        """The passwords for this user; of a conference's passcode the realm may be the name."""
        found = [
            *self._secrets.candidates(credentials.username, ""),
            *self._secrets.candidates(credentials.realm, ""),
        ]
        return list({id(given): given for given in found if given.password is not None}.values())

    def _exchange(self, message: Message, key: Transaction, client: Endpoint, realm: str) -> DigestExchange:
        self._seen = True
        place = (key[0], client)
        exchanges = self._open.get(place) or []
        for over in self._open.put(place, exchanges) or ():
            self._done.append(over.tracked)
        found = next((one for one in exchanges if one.tracked.name.realm == realm), None)
        if found is None:
            tracked = Tracked(
                name=AssociationName(Scheme.DIGEST, realm, ""),
                scheme=Scheme.DIGEST,
                endpoint=client,
                call_id=key[0],
                opaque=None,
                step=Step.CHALLENGED,
                handshake_seen=True,
                purpose=ANONYMOUS_JOIN if is_anonymous_join(message) else "",
            )
            found = DigestExchange(tracked)
            earlier = self._earlier.get((client, realm)) or []
            self._earlier.put((client, realm), [*earlier, tracked][-EARLIER_KEPT:])
            exchanges.append(found)
            if len(exchanges) > MOST_REALMS:
                self._done.append(exchanges.pop(0).tracked)
        return found

    def _finish(self, call_id: str, client: Endpoint, exchange: DigestExchange) -> None:
        exchanges = self._open.get((call_id, client)) or []
        if any(exchange is other for other in exchanges):
            exchanges[:] = [other for other in exchanges if other is not exchange]
            self._done.append(exchange.tracked)


def _digests(message: Message, name: str) -> Iterator[AuthParameters]:
    """The Digest values of a header; others, and what cannot be read, are passed over."""
    for value in message.headers.get_all(name):
        if "digest" not in value.lower():
            continue
        try:
            found = AuthParameters.parse_all(value)
        except SipError:
            continue
        yield from (one for one in found if Scheme.parse(one.scheme_text) is Scheme.DIGEST)


def _words(challenge: DigestChallenge) -> str:
    again = ", the nonce is stale" if challenge.stale else ""
    return f"Digest challenge, {challenge.algorithm_text}{again}"
