"""The talk with one server: requests out, their final answers in, the handshake driven to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sipauthctl.association.choice import choose
from sipauthctl.association.client import Challenged, ClientHandshake, Finished, SendNext, Stopped
from sipauthctl.association.clock import read_clock, read_exact_clock, server_date
from sipauthctl.association.offers import Offer
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.association.security_association import SecurityAssociation, SignatureResult
from sipauthctl.association.signing import WireSignature
from sipauthctl.association.verdict import Verdict
from sipauthctl.diagnosis.offers import OTHER_SCHEMES, rejection_words
from sipauthctl.mechanisms.base import Initiator, MechanismError, Scheme, SlowInitiator
from sipauthctl.mechanisms.ntlm.challenge_reader import ChallengeReader
from sipauthctl.mechanisms.ntlm.initiator import NtlmInitiator
from sipauthctl.network.errors import AnswerTimeout, NetworkError, ProtocolError
from sipauthctl.network.transport import Connection
from sipauthctl.probe.dialog import Dialog, LocalEnd
from sipauthctl.probe.events import Observer, OfferPassedOver, RequestSent, ResponseReceived
from sipauthctl.probe.facts import DateState, HopFacts
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.results import AssociationSummary, Exchange, SignatureCheck
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Request, Response
from sipauthctl.sip.via import Via

MAX_STRAY_MESSAGES = 100


@dataclass(frozen=True, slots=True)
class Tools:
    """What the run brings along: `now` in UTC, random bytes, what makes an initiator for an offer of each scheme that
    can run here."""

    now: Callable[[], datetime]
    token_bytes: Callable[[int], bytes]
    initiators: Mapping[Scheme, Callable[[Offer], Initiator]]
    observer: Observer


@dataclass(frozen=True, slots=True)
class _Answer:
    response: Response
    sent: datetime
    received: datetime
    elapsed_ms: float


class Conversation:
    """One connection to one server.

    Args:
        connection: open.
        dialog: makes the requests.
        options: see there.
        tools: see there.
        facts: filled in as the talk goes on.
    """

    def __init__(
        self, connection: Connection, dialog: Dialog, options: ProbeOptions, tools: Tools, facts: HopFacts
    ) -> None:
        self._connection = connection
        self._dialog = dialog
        self._options = options
        self._tools = tools
        self._facts = facts
        self._local = LocalEnd(*connection.local, connection.server.transport)
        self.association: SecurityAssociation | None = None
        """The association once the request that completes the handshake was sent."""
        self.registering = False
        """Whether that request is out and its answer has not come: the server may have registered us."""

    async def sign_in(self) -> Finished | None:
        """Runs the handshake; None when it stopped, with the reason in the facts.

        Raises:
            NetworkError: the connection failed.
        """
        handshake = ClientHandshake(token_bytes=self._tools.token_bytes)
        purpose = "asks what is offered"
        while True:
            request = handshake.authorize(self._dialog.register(self._local), self._tools.now())
            answer = await self._exchange(request, purpose, handshake.association)
            self.registering = False
            self._see(answer)
            step = handshake.receive(answer.response, self._tools.now())
            self._read_challenge(handshake, answer)
            if isinstance(step, Challenged):
                self._report(answer, None, _offered(step.offers))
                if not await self._choose(handshake, step):
                    return None
                purpose = f"takes {self._scheme_name()}"
            elif isinstance(step, SendNext):
                self._report(answer, None, self._challenge_words())
                purpose = f"{self._scheme_name()} response"
            elif isinstance(step, Finished):
                self._finish(answer, step)
                return step
            elif isinstance(step, Stopped):
                self._report(answer, None, "")
                self._facts.stopped = step
                return None

    async def register_again(self, *, expires: int | None, purpose: str) -> bool:
        """A signed REGISTER under the association; whether the server said 200.

        Raises:
            NetworkError: the connection failed.
        """
        if self.association is None:
            return False
        request = self.association.sign_request(self._dialog.register(self._local, expires=expires))
        answer = await self._exchange(request, purpose, self.association)
        result = self.association.verify_response(answer.response, self._tools.now())
        self._judge(answer, result)
        return answer.response.status == 200

    async def _exchange(self, request: Request, purpose: str, association: SecurityAssociation | None) -> _Answer:
        """Sends a request and waits for its final answer; others are passed over."""
        await asyncio.sleep(0)  # an interruption takes effect before anything is sent
        self.association, self.registering = association, association is not None
        signature = _own_signature(request)
        self._tools.observer(RequestSent(self._connection.server, request, purpose, signature))
        if signature is not None:
            self._facts.signatures.append(signature)
        loop = asyncio.get_running_loop()
        sent, started = self._tools.now(), loop.time()
        try:
            await self._connection.send(request.to_bytes())
            response = await self._final_answer(request, started + self._options.timeouts.answer)
        except NetworkError:
            self._facts.exchanges.append(Exchange(request.method, request.cseq.number, None, None, None))
            raise
        elapsed = (loop.time() - started) * 1000
        number = request.cseq.number
        self._facts.exchanges.append(Exchange(request.method, number, response.status, response.reason, elapsed))
        self._facts.last = response
        return _Answer(response, sent, self._tools.now(), elapsed)

    async def _final_answer(self, request: Request, deadline: float) -> Response:
        server, loop = self._connection.server, asyncio.get_running_loop()
        for _ in range(MAX_STRAY_MESSAGES):
            try:
                message = await self._connection.receive(max(0.0, deadline - loop.time()))
            except AnswerTimeout:
                raise AnswerTimeout(server, f"no answer within {self._options.timeouts.answer:g} s") from None
            if isinstance(message, Response) and _answers(message, request) and message.status >= 200:
                return message
        raise ProtocolError(server, f"{MAX_STRAY_MESSAGES} messages came, and none answers the request")

    def _see(self, answer: _Answer) -> None:
        """Notes the clock of the first challenge and how the server sees our address."""
        response, facts = answer.response, self._facts
        if response.status in (401, 407) and facts.date is DateState.UNSEEN:
            facts.date_text = response.headers.get("Date") or ""
            try:
                date = server_date(response)
                facts.date = DateState.MISSING if date is None else DateState.PRESENT
                facts.clock = None if date is None else read_clock(date, answer.sent, answer.received)
            except SipError:
                facts.date = DateState.MALFORMED
        if facts.seen_as is None:
            facts.seen_as = _seen_as(response)

    async def _choose(self, handshake: ClientHandshake, step: Challenged) -> bool:
        """Takes the best offer; whether there was one."""
        facts, options, connection = self._facts, self._options, self._connection
        facts.offers = step.offers
        facts.choice = choose(
            step.offers,
            options.wanted,
            unusable=frozenset(set(Scheme) - set(self._tools.initiators)),
            server_host=connection.server.host,
            over_tls=connection.proven,
        )
        for item in facts.choice.rejected:
            if item.why in OTHER_SCHEMES:
                reason = rejection_words(item.why, item.offer)
                self._tools.observer(OfferPassedOver(connection.server, item.offer.scheme_text, reason))
        for offer in facts.choice.usable:
            if offer.scheme is Scheme.NTLM and not connection.proven and not options.may_answer_unproven:
                facts.withheld = True
            elif offer.scheme is not None and await self._begin(handshake, offer, offer.scheme):
                facts.scheme, facts.withheld = offer.scheme, False
                return True
        return False

    async def _begin(self, handshake: ClientHandshake, offer: Offer, scheme: Scheme) -> bool:
        initiator = self._tools.initiators[scheme](offer)
        try:
            if isinstance(initiator, SlowInitiator):
                await initiator.prepare(self._options.timeouts.answer)
            handshake.begin(offer, initiator)
        except MechanismError as error:
            self._facts.mechanism_errors[scheme] = error
            return False
        finally:
            self._facts.kerberos_client = getattr(initiator, "client", None) or self._facts.kerberos_client
        return True

    def _read_challenge(self, handshake: ClientHandshake, answer: _Answer) -> None:
        """Notes the CHALLENGE when it comes."""
        initiator = handshake.initiator
        if not isinstance(initiator, NtlmInitiator | ChallengeReader) or self._facts.ntlm is not None:
            return
        challenge = self._facts.ntlm = initiator.challenge
        if challenge is not None and challenge.timestamp is not None:
            self._facts.ntlm_clock = read_exact_clock(challenge.timestamp, answer.sent, answer.received)

    def _challenge_words(self) -> str:
        challenge = self._facts.ntlm
        if challenge is None:
            return ""
        domain = challenge.names.netbios_domain or challenge.names.dns_domain
        return f"challenge from {domain}" if domain else "challenge, no domain named"

    def _finish(self, answer: _Answer, step: Finished) -> None:
        association = step.association
        self._facts.association = AssociationSummary(
            scheme=association.scheme,
            realm=association.realm,
            targetname=association.targetname,
            opaque=association.opaque,
            version=association.version,
            established=association.established,
            expires=association.expires,
        )
        self._judge(answer, step.signature)

    def _judge(self, answer: _Answer, result: SignatureResult) -> None:
        check = SignatureCheck("server", result.num, result.verdict, result.detail)
        self._facts.signatures.append(check)
        self._facts.answers.append((answer.response, result))
        self._report(answer, check, "")

    def _report(self, answer: _Answer, check: SignatureCheck | None, remark: str) -> None:
        clock = self._facts.clock if len(self._facts.exchanges) == 1 else None
        server = self._connection.server
        self._tools.observer(ResponseReceived(server, answer.response, answer.elapsed_ms, check, clock, remark))

    def _scheme_name(self) -> str:
        return self._facts.scheme.value if self._facts.scheme is not None else ""


def _own_signature(request: Request) -> SignatureCheck | None:
    """Our signature on a request, which needs no check."""
    for name in ("Authorization", "Proxy-Authorization"):
        for value in request.headers.get_all(name):
            wire = WireSignature.of_request(AuthParameters.parse(value))
            if wire is not None:
                return SignatureCheck("client", wire.num, Verdict.VALID, "")
    return None


def _answers(response: Response, request: Request) -> bool:
    try:
        return response.call_id == request.call_id and response.cseq.number == request.cseq.number
    except SipError:
        return False


def _offered(offers: tuple[Offer, ...]) -> str:
    return ", ".join(dict.fromkeys(offer.scheme_text for offer in offers))


def _seen_as(response: Response) -> tuple[str, int | None] | None:
    """Our address and port as the server noted them in Via, [MS-SIPRE] 3.2.5."""
    try:
        via = Via.parse(response.headers.values("Via")[0])
    except (SipError, IndexError):
        return None
    address, port = via.param("received"), via.param("ms-received-port") or via.param("rport") or ""
    return None if not address else (address, int(port) if port.isascii() and port.isdigit() else None)
