"""Requests out and their final answers in, over one connection at a time; what else comes is handed on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sipauthctl.network.errors import AnswerTimeout, NetworkError, ProtocolError
from sipauthctl.network.transport import Connection
from sipauthctl.probe.dialog import LocalEnd
from sipauthctl.probe.facts import HopFacts
from sipauthctl.probe.results import Exchange
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Message, Request, Response

MAX_STRAY_MESSAGES = 100
KEEP_ALIVE = b"\r\n\r\n"  # [MS-CONMGMT] 3.1.5 and RFC 5626 4.4.1


@dataclass(frozen=True, slots=True)
class Answer:
    """A final answer, when its request went out and when it came."""

    response: Response
    sent: datetime
    received: datetime
    elapsed_ms: float


class Wire:
    """The connection to one server.

    Args:
        connection: open.
        facts: the exchanges are noted there.
        now: the time in UTC.
        answer_seconds: the limit for each answer.
        aside: given every message that is no answer to what was asked.
    """

    def __init__(
        self,
        connection: Connection,
        facts: HopFacts,
        now: Callable[[], datetime],
        answer_seconds: float,
        aside: Callable[[Message], Awaitable[None]],
    ) -> None:
        self._facts = facts
        self._now = now
        self._answer_seconds = answer_seconds
        self._aside = aside
        self.attach(connection)

    def attach(self, connection: Connection) -> None:
        """Goes on over another connection."""
        self.connection = connection
        self.local = LocalEnd(*connection.local, connection.server.transport)

    async def send(self, data: bytes) -> None:
        """Sends bytes.

        Raises:
            NetworkError: the connection failed.
        """
        await self.connection.send(data)

    async def ask(self, request: Request) -> Answer:
        """Sends a request and waits for its final answer.

        Raises:
            NetworkError: the connection failed, or no answer came in time.
        """
        loop = asyncio.get_running_loop()
        sent, started = self._now(), loop.time()
        number = request.cseq.number
        try:
            await self.send(request.to_bytes())
            response = await self._final_answer(request, started + self._answer_seconds)
        except NetworkError:
            self._facts.exchanges.append(Exchange(request.method, number, None, None, None))
            raise
        elapsed = (loop.time() - started) * 1000
        self._facts.exchanges.append(Exchange(request.method, number, response.status, response.reason, elapsed))
        self._facts.last = response
        return Answer(response, sent, self._now(), elapsed)

    async def listen(self) -> None:
        """Hands on what comes, until the connection fails or the caller cancels.

        Raises:
            NetworkError: the connection failed.
        """
        while True:
            await self._aside(await self.connection.receive(None))

    async def _final_answer(self, request: Request, deadline: float) -> Response:
        server, loop = self.connection.server, asyncio.get_running_loop()
        for _ in range(MAX_STRAY_MESSAGES):
            try:
                message = await self.connection.receive(max(0.0, deadline - loop.time()))
            except AnswerTimeout:
                raise AnswerTimeout(server, f"no answer within {self._answer_seconds:g} s") from None
            if not (isinstance(message, Response) and _answers(message, request)):
                await self._aside(message)
            elif message.status >= 200:
                return message
        raise ProtocolError(server, f"{MAX_STRAY_MESSAGES} messages came, and none answers the request")


def _answers(response: Response, request: Request) -> bool:
    try:
        return response.call_id == request.call_id and response.cseq.number == request.cseq.number
    except SipError:
        return False
