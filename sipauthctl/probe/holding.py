"""Keeps a registration alive: refreshes in time, keep-alives, a new connection where the old one breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sipauthctl.association.associations import Answered
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.offers import host_of
from sipauthctl.association.refreshing import granted_seconds, keep_alive_after, refresh_after
from sipauthctl.diagnosis.clock import span
from sipauthctl.network.errors import NetworkError
from sipauthctl.network.transport import Connection
from sipauthctl.probe.conversation import Conversation
from sipauthctl.probe.events import ConnectionLost, Holding
from sipauthctl.probe.facts import HopFacts
from sipauthctl.probe.results import Lapse, Refresh
from sipauthctl.probe.tools import Tools
from sipauthctl.probe.wire import KEEP_ALIVE

FIRST_RETRY = 1.0  # seconds before the second attempt to connect; doubled with each
LONGEST_RETRY = 30.0


class Registration:
    """What is known of the time that the server granted. All times are by `Tools.now`."""

    def __init__(self, tools: Tools, facts: HopFacts) -> None:
        self._tools = tools
        self._life = facts.life
        self.expires = tools.now()
        self.refresh_due = tools.now()
        self.granted = 0
        self.keep_alive: float | None = None

    def granted_by(self, answered: Answered, sent: datetime) -> None:
        """Takes a trusted 2xx to a REGISTER that went out at `sent`."""
        now = self._tools.now()
        if self._life.granted is not None and now > self.expires:
            self._life.lapses.append(Lapse(self.expires, now))
        self.granted = granted_seconds(answered.response)
        self._life.granted = self.granted if self._life.granted is None else self._life.granted
        users = (one.association for one in answered.checks if one.association.family is HeaderFamily.USER_AGENT)
        self._life.registrar = next((host_of(one.targetname) for one in users), self._life.registrar)
        # The server counts from a moment in between: the refresh is early, and a lapse certain.
        self.refresh_due = sent + timedelta(seconds=refresh_after(self.granted))
        self.expires = self._life.until = now + timedelta(seconds=self.granted)
        self.keep_alive = keep_alive_after(answered.response)


class Holder:
    """Refreshes, on demand and in time.

    Args:
        conversation: signed in.
        reconnect: makes another connection to the same server.
        tools: see there.
        facts: filled in.
        stopping: set when the run is interrupted.
    """

    def __init__(
        self,
        conversation: Conversation,
        reconnect: Callable[[], Awaitable[Connection]],
        tools: Tools,
        facts: HopFacts,
        stopping: asyncio.Event,
    ) -> None:
        self._conversation = conversation
        self._reconnect = reconnect
        self._tools = tools
        self._facts = facts
        self._stopping = stopping
        self.registration = Registration(tools, facts)

    async def refresh(self, purpose: str) -> bool:
        """One signed refresh; whether the registration stands.

        Raises:
            NetworkError: the connection failed.
        """
        sent = self._tools.now()
        try:
            answered = await self._conversation.register_again(expires=None, purpose=purpose)
        except NetworkError:
            self._facts.life.refreshes.append(Refresh(sent, None, False, None))
            raise
        status = self._facts.last.status if self._facts.last is not None else None
        good = answered is not None and answered.trusted and answered.response.success
        granted = granted_seconds(answered.response) if answered is not None and good else None
        self._facts.life.refreshes.append(Refresh(sent, status, good, granted))
        if answered is not None and good:
            self.registration.granted_by(answered, sent)
        else:
            self._facts.life.lost, self._facts.life.lost_by = self._why(answered), self._facts.last
        return good

    async def hold(self, length: timedelta) -> None:
        """Stays registered for that long, or until the run is interrupted or the registration lost."""
        end = self._tools.now() + length
        ping_due = self._next_ping()
        while not self._stopping.is_set() and (now := self._tools.now()) < end:
            registration = self.registration
            if registration.granted == 0:
                life = self._facts.life
                life.lost, life.lost_by = "the server grants the registration no time", self._facts.last
                return
            due = min(registration.refresh_due, end, *([ping_due] if ping_due is not None else []))
            if due == registration.refresh_due or due == end:
                self._tell(due - now, end)
            try:
                await self._pause(due - now, listening=True)
                now = self._tools.now()
                if self._stopping.is_set() or now >= end:
                    break
                if now >= registration.refresh_due:
                    if not await self.refresh("refresh"):
                        return
                elif ping_due is not None and now >= ping_due:
                    await self._conversation.wire.send(KEEP_ALIVE)
                    self._facts.life.keep_alives += 1
                ping_due = self._next_ping()
            except NetworkError as error:
                self._tools.observer(ConnectionLost(self._facts.server, str(error)))
                if await self._connect_again(end, error):
                    registration.refresh_due = self._tools.now()
        if self._tools.now() > self.registration.expires:
            self._facts.life.lapses.append(Lapse(self.registration.expires, None))

    def _tell(self, wait: timedelta, end: datetime) -> None:
        seconds, registration = max(0.0, wait.total_seconds()), self.registration
        last = registration.refresh_due >= end
        what = "the end" if last else f"a refresh (registered for {span(registration.granted)})"
        self._tools.observer(Holding(self._facts.server, seconds, f"{span(seconds)} until {what}"))

    async def _connect_again(self, end: datetime, error: NetworkError) -> bool:
        """Tries until it succeeds or the time is up; whether it did."""
        delay = FIRST_RETRY
        while not self._stopping.is_set() and self._tools.now() < end:
            try:
                self._conversation.attach(await self._reconnect())
            except NetworkError as again:
                error = again
                self._tools.observer(ConnectionLost(self._facts.server, str(again)))
                await self._pause(timedelta(seconds=delay), listening=False)
                delay = min(2 * delay, LONGEST_RETRY)
            else:
                self._facts.life.reconnections += 1
                return True
        self._facts.life.lost = str(error)
        return False

    async def _pause(self, wait: timedelta, *, listening: bool) -> None:
        """Waits for that long, or until the run is interrupted or (listening) the connection fails."""
        tasks = [
            asyncio.ensure_future(self._tools.sleep(max(0.0, wait.total_seconds()))),
            asyncio.ensure_future(self._stopping.wait()),
        ]
        listener = asyncio.ensure_future(self._conversation.wire.listen()) if listening else None
        every = tasks if listener is None else [*tasks, listener]
        try:
            await asyncio.wait(every, return_when=asyncio.FIRST_COMPLETED)
            if listener is not None and listener.done():
                listener.result()
        finally:
            for task in every:
                task.cancel()
            await asyncio.gather(*every, return_exceptions=True)

    def _next_ping(self) -> datetime | None:
        seconds = self.registration.keep_alive
        return None if seconds is None else self._tools.now() + timedelta(seconds=seconds)

    def _why(self, answered: Answered | None) -> str:
        if answered is None and self._facts.stopped is not None:
            return self._facts.stopped.detail
        last = self._facts.last
        what = "no refresh was answered" if last is None else f"a refresh was answered {last.status} {last.reason}"
        problems = [] if answered is None else [c.result.detail for c in answered.checks if not c.result.trusted]
        return f"{what}, which cannot be believed: {problems[0]}" if problems else what
