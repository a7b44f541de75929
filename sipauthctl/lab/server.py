"""Carries a registrar's answers over TCP and TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sipauthctl.lab.behaviour import Behaviour, Damage
from sipauthctl.lab.bindings import MAXIMUM_EXPIRES
from sipauthctl.lab.connection import PATIENCE, Connection
from sipauthctl.lab.events import LabEvent, Log
from sipauthctl.lab.impostor import impostor_answer
from sipauthctl.lab.listener import Accepted, Listener, Room
from sipauthctl.lab.path import Path
from sipauthctl.lab.registrar import Peer, Registrar
from sipauthctl.lab.requests import notify_after, signed
from sipauthctl.lab.wire import misbehave, replaces_server
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.framer import KeepAlive, StreamFramer
from sipauthctl.sip.limits import DEFAULT_LIMITS
from sipauthctl.sip.message import Message, Request, Response
from sipauthctl.unexpected import place_of

LIMITS = replace(DEFAULT_LIMITS, header_block=131_072, body=262_144)
"""A client's requests are small beside what servers send."""

_FILLER_BYTES = 65_536
_OVERSIZED_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds a client may take."""

    message: float = PATIENCE
    """From the first byte of a message to its last; also for the TLS handshake, and to take an answer."""
    unauthenticated: float = 660.0
    """Between messages before any was accepted; more than a prober's longest time limit."""
    authenticated: float = MAXIMUM_EXPIRES + 60.0
    """Between messages afterwards: as long as its registration can last."""


class SipServer:
    """One server on any number of ports.

    Args:
        registrar: makes the answers; or a whole path of servers.
        behaviour: the faults.
        now: the time in UTC, for the log.
        log: called for each dropped connection.
        room: the connections count there, with those of other servers.
        patience: with clients.
    """

    def __init__(
        self,
        registrar: Registrar | Path,
        behaviour: Behaviour,
        *,
        now: Callable[[], datetime],
        log: Log,
        room: Room,
        patience: Patience = Patience(),
    ) -> None:
        self._registrar = registrar
        self._behaviour = behaviour
        self._now = now
        self._log = log
        self._room = room
        self._patience = patience
        self._listener = Listener(self._room)
        self._open: dict[tuple[str, int], tuple[Accepted, Connection]] = {}  # by where they come from

    def listen(self, address: str, port: int, context: ssl.SSLContext | None) -> int:
        """Takes connections on a port, with TLS where there is a context; gives the port (0: the system picks one).

        Raises:
            OSError: the port is taken.
            ValueError: the address is not on loopback.
        """
        return self._listener.listen(address, port, partial(self._converse, context))

    async def stop(self) -> None:
        """Stops listening and ends the connections."""
        await self._listener.stop()

    async def disconnect(self) -> None:
        """Ends the connections, and goes on listening."""
        await self._listener.disconnect()

    async def send(self, request: Request, peer: tuple[str, int]) -> bool:
        """Signs a request and sends it to a client; whether it has a connection here, and takes it."""
        if peer not in self._open:
            return False
        accepted, connection = self._open[peer]
        request = signed(request, self._registrar.servers, self._now())
        self._log(LabEvent(self._now(), self._registrar.home.host, "sent", f"{request.method} to the client", request))
        try:
            await connection.write(request.to_bytes())
        except TimeoutError:
            self._room.evict(accepted, "it does not take what it is sent")
            return False
        return True

    async def _converse(self, context: ssl.SSLContext | None, accepted: Accepted) -> None:
        flaw = self._behaviour.wire
        if flaw is not None and replaces_server(flaw, tls=context is not None):
            await misbehave(accepted.socket, flaw)
            return
        peer = Peer(*accepted.peer, "tls" if context else "tcp")
        connection = Connection(accepted.socket, context, self._patience.message)
        try:
            if await connection.handshake():
                self._open[accepted.peer] = accepted, connection
                await self._serve(connection, peer, accepted)
        except SipError as error:
            self._drop(peer, str(error))
        except TimeoutError:
            self._drop(peer, "too slow or idle for too long")
        except asyncio.CancelledError:
            if accepted.evicted:
                self._drop(peer, accepted.evicted)
            raise
        except Exception as error:  # a bug that one client found must not be felt by others
            self._drop(peer, f"failed unexpectedly ({place_of(error)})")
        finally:
            self._open.pop(accepted.peer, None)
            connection.end()

    async def _serve(self, connection: Connection, peer: Peer, accepted: Accepted) -> None:
        framer, last, clock = StreamFramer(LIMITS), b"", asyncio.get_running_loop().time
        deadline = clock() + self._patience.unauthenticated
        while True:
            async with asyncio.timeout_at(deadline):
                data = await connection.read()
            if not data:
                return
            fresh = not framer.buffered
            framer.feed(data)
            while (item := framer.next()) is not None:
                fresh = True
                if self._behaviour.replay_after_refresh and isinstance(item, Request):
                    last = await self._replaying(item, peer, connection, last)
                elif not await self._handle(item, peer, connection, accepted):
                    return
                await asyncio.sleep(0)  # the turn of others, also where many messages came at once
            self._room.hold(accepted, framer.buffered)
            if not framer.buffered:
                deadline = clock() + (
                    self._patience.authenticated if accepted.authenticated else self._patience.unauthenticated
                )
            elif fresh:
                deadline = clock() + self._patience.message

    async def _handle(self, item: Message | KeepAlive, peer: Peer, connection: Connection, accepted: Accepted) -> bool:
        """Answers one message; whether the connection goes on."""
        if isinstance(item, KeepAlive):
            if item.ping:
                await connection.write(b"\r\n")
        elif isinstance(item, Response):
            self._registrar.hear(item)
        elif self._behaviour.damage is not Damage.SILENT:
            response = self._answer(item, peer)
            answer = response if isinstance(response, bytes) else response.to_bytes()
            if self._behaviour.delay:
                await asyncio.sleep(self._behaviour.delay)
            if self._behaviour.damage is not None:
                await self._damage(answer, self._behaviour.damage, connection)
                return False
            await connection.write(answer)
            if isinstance(response, Response):
                self._room.note(accepted, authenticated=response.status < 400)
                await self._follow_up(item, response, peer)
        return True

    async def _follow_up(self, request: Request, response: Response, peer: Peer) -> None:
        notify = notify_after(request, response, self._registrar.home.host)
        if notify is not None:
            await self.send(notify, (peer.address, peer.port))

    async def _replaying(self, request: Request, peer: Peer, connection: Connection, last: bytes) -> bytes:
        """Answers; to a refresh also with the answer before. Gives the one that the next refresh is to get."""
        response = self._answer(request, peer)
        answer = response if isinstance(response, bytes) else response.to_bytes()
        final = isinstance(response, Response) and response.status == 200 and request.method == "REGISTER"
        await connection.write(answer + (last if final else b""))
        return answer if final else last

    def _answer(self, request: Request, peer: Peer) -> Response | bytes:
        """A response, or the bytes of something else; none at all for an ACK."""
        impostor = self._behaviour.impostor
        if impostor is None:
            return self._registrar.answer(request, peer) or b""
        self._log(LabEvent(self._now(), self._registrar.host, "impostor", impostor.value, request))
        return impostor_answer(impostor, request, (peer.address, peer.port))

    async def _damage(self, answer: bytes, damage: Damage, connection: Connection) -> None:
        if damage is Damage.TRUNCATED:
            await connection.write(answer[: len(answer) // 2])
            return
        await connection.write(answer.split(b"\r\n", 1)[0] + b"\r\nX-Filler: ")
        for _ in range(_OVERSIZED_BYTES // _FILLER_BYTES):
            await connection.write(b"x" * _FILLER_BYTES)

    def _drop(self, peer: Peer, reason: str) -> None:
        detail = f"connection from {peer.address}:{peer.port} ({peer.transport}): {reason}"
        self._log(LabEvent(self._now(), self._registrar.host, "dropped", detail))
