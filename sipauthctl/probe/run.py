"""One registration from discovery to de-registration."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

from sipauthctl.association.associations import Answered
from sipauthctl.association.client import StopReason
from sipauthctl.network.discovery import Candidate, discover
from sipauthctl.network.errors import (
    REFUSED_CERTIFICATES,
    ConnectionClosed,
    ConnectionRefused,
    ConnectTimeout,
    HostUnresolvable,
    NetworkError,
)
from sipauthctl.network.evidence import Endpoint
from sipauthctl.network.reach import connect_candidate
from sipauthctl.network.resolver import Resolver
from sipauthctl.network.transport import Connection
from sipauthctl.probe.conversation import Conversation
from sipauthctl.probe.dialog import Dialog
from sipauthctl.probe.events import Connected, Connecting, ConnectionLost, Discovered, Event, step_of
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.holding import Holder
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.probing import probe
from sipauthctl.probe.redirect import RedirectProblem, RefusedRedirect, follow
from sipauthctl.probe.results import HopResult
from sipauthctl.probe.tools import Tools
from sipauthctl.trust import Origin

_TRY_NEXT = (ConnectionRefused, ConnectTimeout, HostUnresolvable)
_STOPS = {
    StopReason.NOT_CHALLENGED: HopResult.UNTRUSTED,
    StopReason.OTHER_SERVER: HopResult.UNTRUSTED,
    StopReason.REFUSED: HopResult.REJECTED,
    StopReason.CREDENTIALS_REFUSED: HopResult.REJECTED,
}


class Probe:
    """Runs once; `facts` can be read at any time.

    Args:
        options: what to do.
        tools: clock, randomness, mechanisms, observer.
        resolver: for every name.
        rng: draws among SRV targets.
    """

    def __init__(self, options: ProbeOptions, tools: Tools, resolver: Resolver, rng: random.Random) -> None:
        self.facts = RunFacts()
        self._options = options
        self._tools = replace(tools, observer=self._observe)
        self._observer = tools.observer
        self._step = f"the search for a server of {options.sip_domain}"
        self._resolver = resolver
        self._rng = rng
        user = options.user
        self._dialog = Dialog(f"sip:{user.user}@{user.host}", options.sip_domain, tools.token_bytes)
        self._task: asyncio.Task[None] | None = None
        self._conversation: Conversation | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> RunFacts:
        """Signs in, follows redirects, refreshes, probes, holds the registration, de-registers.

        Raises:
            TrustError: the CA file cannot be used.
        """
        self._task = asyncio.create_task(self._run())
        try:
            await self._task
        except asyncio.CancelledError:
            if not self.facts.interrupted:
                raise
        self.facts.queries = tuple(self._resolver.queries)
        return self.facts

    def interrupt(self) -> None:
        """Ends the run early; what is registered is de-registered first. A second call ends it at once."""
        if not self.facts.interrupted:
            self.facts.step = self._step
        self.facts.cut_short, self.facts.interrupted = self.facts.interrupted, True
        self._stopping.set()
        registering = self._conversation is not None and self._conversation.association is not None
        # Once the server may have registered us, its answer is waited for: only then can we de-register.
        if self._task is not None and (self.facts.cut_short or not registering):
            self._task.cancel()

    def _observe(self, event: Event) -> None:
        self._step = step_of(event) or self._step
        self._observer(event)

    async def _run(self) -> None:
        candidates = await self._candidates()
        named_by = self._options.server.origin if self._options.server is not None else Origin.DNS
        while candidates:
            candidate, *candidates = candidates
            next_server = await self._hop(candidate, named_by)
            if next_server is not None:
                candidates, named_by = [await self._resolved(next_server)], Origin.PEER
            elif not isinstance(self.facts.hops[-1].error, _TRY_NEXT):
                return

    async def _candidates(self) -> list[Candidate]:
        options, given = self._options, self._options.server
        if given is not None:
            port = given.port or options.transport.port
            return [await self._resolved(Endpoint(given.host, port, options.transport))]
        discovery = await discover(options.sip_domain, options.transport, self._resolver, self._rng)
        self.facts.discovery = discovery
        if discovery is None:
            self.facts.discovered_nothing = True
            return []
        servers = tuple(candidate.server for candidate in discovery.candidates)
        self._tools.observer(Discovered(discovery.source, servers))
        return list(discovery.candidates)

    async def _resolved(self, server: Endpoint) -> Candidate:
        return Candidate(server, await self._resolver.addresses(server.host))

    async def _hop(self, candidate: Candidate, named_by: Origin) -> Endpoint | None:
        """Talks to one server; gives the one that it redirects to, if any."""
        facts = HopFacts(candidate.server, named_by)
        self.facts.hops.append(facts)
        try:
            connection = await self._connect(candidate, facts)
        except NetworkError as error:
            facts.error = error
            facts.tls = error.tls
            facts.result = HopResult.UNTRUSTED if isinstance(error, REFUSED_CERTIFICATES) else HopResult.UNREACHABLE
            self._tools.observer(ConnectionLost(candidate.server, str(error)))
            return None
        try:
            self._conversation = Conversation(connection, self._dialog, self._options, self._tools, facts)
            return await self._talk(self._conversation, candidate, facts)
        finally:
            if self._conversation is not None:
                connection = self._conversation.wire.connection
            self._conversation = None
            await connection.close()

    async def _connect(self, candidate: Candidate, facts: HopFacts) -> Connection:
        server, started = candidate.server, asyncio.get_running_loop().time()
        if candidate.addresses:
            self._tools.observer(Connecting(server))
        connection = await connect_candidate(
            candidate,
            self._options.policy,
            self._options.timeouts,
            lost=lambda error: self._tools.observer(ConnectionLost(server, str(error))),
        )
        facts.tls, facts.proven, facts.local = connection.tls, connection.proven, connection.local
        facts.distrust = connection.distrust
        facts.met = self._tools.now()
        elapsed = (asyncio.get_running_loop().time() - started) * 1000
        self._tools.observer(Connected(server, connection.tls, elapsed))
        return connection

    async def _talk(self, conversation: Conversation, candidate: Candidate, facts: HopFacts) -> Endpoint | None:
        holder = None
        try:
            sent = self._tools.now()
            answered = await conversation.sign_in()
            if self.facts.interrupted:
                raise asyncio.CancelledError
            if answered is None:
                facts.result = _result_of_stop(facts)
                return None
            if answered.response.success and answered.trusted:
                facts.result = HopResult.REGISTERED
                holder = Holder(
                    conversation,
                    lambda: self._another(conversation, candidate, facts),
                    self._tools,
                    facts,
                    self._stopping,
                )
                holder.registration.granted_by(answered, sent)
                await self._stay(holder, conversation, facts)
                return None
            return self._after(answered, facts)
        except NetworkError as error:
            facts.error = error
            self._tools.observer(ConnectionLost(facts.server, str(error)))
            return None
        finally:
            registered = conversation.registered or conversation.registering
            stands = holder is None or holder.registration.expires > self._tools.now()
            if self.facts.cut_short:
                self.facts.registration_left = stands and registered
            elif registered and not (self._options.keep and not self.facts.interrupted):
                self.facts.registration_left = stands  # unless it is taken back now
                last = facts.last  # what is told of the sign-in ends before this
                self.facts.not_removed = await self._deregister(conversation, candidate, facts)
                facts.last = last
                self.facts.registration_removed = not self.facts.not_removed
                self.facts.registration_left &= not self.facts.registration_removed

    async def _another(self, conversation: Conversation, candidate: Candidate, facts: HopFacts) -> Connection:
        """Another connection to the same server, in place of one that broke."""
        await conversation.wire.connection.close()
        return await self._connect(candidate, facts)

    async def _stay(self, holder: Holder, conversation: Conversation, facts: HopFacts) -> None:
        """What is asked for after sign-in."""
        options = self._options
        for number in range(1, options.refreshes + 1):
            if self.facts.interrupted or not await holder.refresh(f"refresh {number}"):
                break
        for method in options.probes:
            if not self.facts.interrupted:
                await probe(conversation, facts, method)
        if options.hold is not None and not self.facts.interrupted:
            await holder.hold(options.hold)

    def _after(self, answered: Answered, facts: HopFacts) -> Endpoint | None:
        if answered.response.status >= 400:
            facts.result = HopResult.REJECTED
        elif not answered.trusted:
            facts.result = HopResult.UNTRUSTED
        else:
            return self._redirect(answered, facts)
        return None

    def _redirect(self, answered: Answered, facts: HopFacts) -> Endpoint | None:
        visited = [hop.server for hop in self.facts.hops]
        target = follow(answered.response, visited, self._options.max_redirects, self._options.trust)
        if isinstance(target, RefusedRedirect):
            facts.refused_redirect = target
            untrusted = target.problem in (RedirectProblem.DOWNGRADE, RedirectProblem.FOREIGN)
            facts.result = HopResult.UNTRUSTED if untrusted else HopResult.INCOMPLETE
            return None
        facts.result = HopResult.REDIRECTED
        return target

    async def _deregister(self, conversation: Conversation, candidate: Candidate, facts: HopFacts) -> str:
        """Takes the registration back, over another connection if this one is broken; why that failed, "" if not."""
        host, before = facts.server.host, len(facts.exchanges)
        try:
            try:
                answered = await conversation.register_again(expires=0, purpose="de-registers")
            except ConnectionClosed:
                conversation.attach(await self._another(conversation, candidate, facts))
                answered = await conversation.register_again(expires=0, purpose="de-registers")
        except NetworkError as error:
            return f"The de-registration at {host} got no answer: {error}."
        if len(facts.exchanges) == before or facts.last is None:
            return f"No de-registration was sent to {host}: no association is left to sign it with."
        status = facts.last.status
        if answered is None or not answered.response.success:
            return f"{host} answered the de-registration with {status}."
        if not answered.trusted:
            problem = next((f": {c.result.detail}" for c in answered.checks if not c.result.trusted), "")
            return f"The {status} of {host} to the de-registration cannot be believed{problem}."
        if self._dialog.is_listed(answered.response):
            return f"{host} answered the de-registration with {status}, and lists this endpoint still."
        return ""


def _result_of_stop(facts: HopFacts) -> HopResult:
    """How a handshake that stopped is reported."""
    if facts.stopped is None:
        return HopResult.INCOMPLETE
    return _STOPS.get(facts.stopped.reason, HopResult.INCOMPLETE)
