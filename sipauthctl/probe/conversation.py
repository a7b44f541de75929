"""The talk with one server: each request driven through the challenges of every server on its path to its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from sipauthctl.association.associations import Answered, ClientAssociations, SendAgain, Signers
from sipauthctl.association.choice import Choice, choose
from sipauthctl.association.client import Challenged, SendNext, Stopped
from sipauthctl.association.offers import Offer
from sipauthctl.association.security_association import AssociationKey, SecurityAssociation
from sipauthctl.diagnosis.offers import OTHER_SCHEMES, rejection_words
from sipauthctl.mechanisms.base import Initiator, MechanismError, Scheme, SlowInitiator
from sipauthctl.network.transport import Connection
from sipauthctl.probe.checks import note_checks, own_signatures
from sipauthctl.probe.dialog import Dialog, SideDialog
from sipauthctl.probe.events import (
    OfferPassedOver,
    RequestSent,
    ResponseReceived,
)
from sipauthctl.probe.facts import HopFacts
from sipauthctl.probe.incoming import Unasked
from sipauthctl.probe.kept import OFFERS_KEPT
from sipauthctl.probe.observing import challenge_words, offered, see, see_challenge, summary_of
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.reasons import Circumstances, note_handshake
from sipauthctl.probe.results import FirstReason, SignatureCheck
from sipauthctl.probe.tools import Tools
from sipauthctl.probe.wire import Answer, Wire
from sipauthctl.sip.message import Message, Request
from sipauthctl.trust import Clearance, Credential, Destination, Withheld

_CREDENTIALS = {Scheme.NTLM: Credential.NTLM_RESPONSE, Scheme.KERBEROS: Credential.SERVICE_TICKET}


class Conversation:
    """The requests of one endpoint to one server, over one connection at a time.

    Args:
        connection: open.
        dialog: makes the REGISTERs.
        options: see there.
        tools: see there.
        facts: filled in as the talk goes on.
    """

    def __init__(
        self, connection: Connection, dialog: Dialog, options: ProbeOptions, tools: Tools, facts: HopFacts
    ) -> None:
        self.wire = Wire(connection, facts, tools.now, options.timeouts.answer, self._aside)
        self._dialog = dialog
        self._options = options
        self._tools = tools
        self._facts = facts
        self._associations = ClientAssociations(token_bytes=tools.token_bytes, lifetime=options.association_lifetime)
        self._unasked = Unasked(self._associations, tools, facts)
        self._signers = Signers()
        self._reattached = False
        self._unproven = False  # the association, whose credentials got no answer
        self._begun: dict[AssociationKey, int] = {}  # of this request: which handshake of the facts it is
        self.association: SecurityAssociation | None = None
        """The association once the request that completes the handshake was sent."""
        self.registering = False
        """Whether that request is out and its answer has not come: the server may have registered us."""
        self.registered = False
        """Whether the server has, by a 2xx to a request with credentials; set before anybody is told of it."""

    def attach(self, connection: Connection) -> None:
        """Goes on over another connection."""
        self._reattached = True
        self.wire.attach(connection)

    async def sign_in(self) -> Answered | None:
        """The first REGISTER; None when it stopped, with the reason in the facts.

        Raises:
            NetworkError: the connection failed.
        """
        return await self._ask(lambda: self._dialog.register(self.wire.local), self._signers, "asks what is offered")

    async def register_again(self, *, expires: int | None, purpose: str) -> Answered | None:
        """A signed REGISTER; None when it did not come to an answer that could be judged.

        Raises:
            NetworkError: the connection failed.
        """
        self._unproven |= self._associations.keep_unanswered(self._signers)
        if not self._associations.known(self._signers):
            return None

        def make() -> Request:
            return self._dialog.register(self.wire.local, expires=expires)

        # Whoever left the credentials without an answer may have refused them: they are not sent again.
        return await self._ask(make, self._signers, purpose, once=self._unproven)

    def beside(self, method: str) -> SideDialog:
        """A dialog of another method."""
        return self._dialog.beside(method)

    def first_signer(self) -> Signers:
        """The server whose association signs the first request of a new dialog: the first of the registration."""
        return Signers(self._signers.keys[:1])

    async def ask_beside(
        self, side: SideDialog, signers: Signers, purpose: str, expires: int | None = None
    ) -> Answered | None:
        """A request of another dialog; otherwise as `register_again`."""
        return await self._ask(lambda: side.request(self.wire.local, expires=expires), signers, purpose)

    async def _ask(
        self, make: Callable[[], Request], signers: Signers, purpose: str, *, once: bool = False
    ) -> Answered | None:
        """Sends requests until one is answered; `once`: without another handshake."""
        associations, facts = self._associations, self._facts
        associations.start()
        self._begun, words, registered = {}, purpose, bool(facts.life.granted)
        while True:
            request = associations.authorize(make(), signers, self._tools.now())
            answer = await self._exchange(request, words)
            handshake = associations.handshake
            step = associations.receive(answer.response, signers, self._tools.now())
            see(answer, facts)
            see_challenge(handshake, answer, facts)
            checks = note_checks(associations.on_challenge, answer.response, facts)
            if isinstance(step, Challenged) and once:
                self._report(answer, checks, "")
                return None
            if isinstance(step, Challenged):
                self._note(step, registered=registered)
                self._report(answer, checks, self._challenge_remark(step))
                if not await self._choose(step):
                    return None
                words = f"takes {self._scheme_name()}"
            elif isinstance(step, SendNext):
                self._report(answer, checks, challenge_words(facts))
                words = f"{self._scheme_name()} response"
            elif isinstance(step, SendAgain):
                self._report(answer, checks, f"{step.targetname} asks too")
                words = f"{purpose}, again"
            elif isinstance(step, Answered):
                self._finish(answer, step)
                return step
            elif isinstance(step, Stopped):
                self._report(answer, checks, "")
                facts.stopped = step
                return None

    async def _exchange(self, request: Request, purpose: str) -> Answer:
        await asyncio.sleep(0)  # an interruption takes effect before anything is sent
        signing = self._associations.signing
        if request.method == "REGISTER":
            self.association, self.registering = signing[-1] if signing else None, bool(signing)
        own = own_signatures(request)
        first, *others = own or (None,)
        server = self.wire.connection.server
        self._tools.observer(RequestSent(server, request, purpose, first, tuple(filter(None, others))))
        self._facts.signatures.add(own)
        answer = await self.wire.ask(request)
        if request.method == "REGISTER":
            self.registered |= self.registering and answer.response.success
            self.registering = False
        return answer

    def _note(self, step: Challenged, *, registered: bool) -> None:
        """Notes the handshake that a challenge begins, with its reason."""
        life, now = self._facts.life, self._tools.now()
        reconnected = self._reattached and life.until is not None and now <= life.until
        note_handshake(life.handshakes, step, Circumstances(now, registered, reconnected, bool(self._begun)))

    def _challenge_remark(self, step: Challenged) -> str:
        made = self._facts.life.handshakes[-1]
        if made.reason is FirstReason.OTHER_PATH:
            return made.detail
        return offered(step) if made.ended is None else f"again: {made.detail}"

    async def _choose(self, step: Challenged) -> bool:
        """Takes the best offer; whether there was one."""
        facts, options, connection = self._facts, self._options, self.wire.connection
        choice = choose(
            step.offers,
            options.wanted,
            unusable=frozenset(set(Scheme) - set(self._tools.initiators)),
            server_host=connection.server.host,
            over_tls=connection.proven,
            may_name=lambda host: facts.may_name(host, options.trust),
        )
        kept = dict.fromkeys(facts.offers)
        fresh = list(dict.fromkeys(offer for offer in step.offers if offer not in kept))
        added = dict.fromkeys(fresh[: OFFERS_KEPT - len(kept)])
        facts.offers += tuple(added)
        facts.offers_left_out += step.left_out + len(fresh) - len(added)
        for item in choice.rejected:
            if item.why in OTHER_SCHEMES and item.offer in added:
                reason = rejection_words(item.why, item.offer, step.offers)
                self._tools.observer(OfferPassedOver(connection.server, item.offer.scheme_text, reason))
        before = facts.choice.rejected if facts.choice is not None else ()
        rejected = tuple(dict.fromkeys((*before, *choice.rejected)))[:OFFERS_KEPT]
        facts.choice = Choice(choice.usable, rejected)
        to = Destination(connection.server.host, facts.named_by, connection.proven)
        for offer in choice.usable:
            if offer.scheme is None:
                continue
            cleared = options.trust.clear(_CREDENTIALS[offer.scheme], to)
            if isinstance(cleared, Withheld):
                facts.withheld = cleared
                continue
            error = await self._begin(offer, offer.scheme, cleared)
            if error is None:
                facts.scheme, facts.withheld = offer.scheme, None
                key = AssociationKey(offer.scheme, offer.realm, offer.targetname)
                self._begun[key] = len(facts.life.handshakes) - 1
                return True
            if error.account_refused:
                return False
        return False

    async def _begin(self, offer: Offer, scheme: Scheme, cleared: Clearance) -> MechanismError | None:
        """Begins a handshake; gives the error where it cannot begin."""
        initiator: Initiator | None = None
        try:
            initiator = await self._tools.initiators[scheme](offer, cleared)
            if isinstance(initiator, SlowInitiator):
                await initiator.prepare(self._options.timeouts.answer)
            self._associations.begin(offer, initiator)
        except MechanismError as error:
            self._facts.mechanism_errors[scheme] = error
            return error
        finally:
            self._facts.kerberos_client = getattr(initiator, "client", None) or self._facts.kerberos_client
            self._facts.ticket_type = getattr(initiator, "ticket_type", None) or self._facts.ticket_type
        return None

    def _finish(self, answer: Answer, step: Answered) -> None:
        life = self._facts.life
        for check in step.checks:
            if check.fresh:
                made = self._facts.association = summary_of(check.association)
                index = self._begun[check.association.key]
                life.handshakes[index] = replace(life.handshakes[index], association=made)
        life.replaced += [association.targetname for association in step.replaced]
        self._report(answer, note_checks(step.checks, answer.response, self._facts), "")
        if step.trusted:
            self._reattached = self._unproven = False

    async def _aside(self, message: Message) -> None:
        await self._unasked.take(message, self.wire.connection)

    def _report(self, answer: Answer, checks: list[SignatureCheck], remark: str) -> None:
        clock = self._facts.clock if len(self._facts.exchanges) == 1 else None
        server = self.wire.connection.server
        first, *others = checks or (None,)
        seen = ResponseReceived(
            server, answer.response, answer.elapsed_ms, first, clock, remark, tuple(filter(None, others))
        )
        self._tools.observer(seen)

    def _scheme_name(self) -> str:
        return self._facts.scheme.value if self._facts.scheme is not None else ""
