"""Carries a registrar's answers over TCP and TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from datetime import datetime

from sipauthctl.lab.behaviour import Behaviour, Damage
from sipauthctl.lab.connection import Connection
from sipauthctl.lab.events import LabEvent, Log
from sipauthctl.lab.impostor import impostor_answer
from sipauthctl.lab.path import Path
from sipauthctl.lab.registrar import Peer, Registrar
from sipauthctl.lab.requests import notify_after, signed
from sipauthctl.lab.wire import misbehave, replaces_server
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.framer import KeepAlive, StreamFramer
from sipauthctl.sip.message import Message, Request, Response

_FILLER_BYTES = 65_536
_OVERSIZED_BYTES = 16 * 1024 * 1024


class SipServer:
    """One server on any number of ports.

    Args:
        registrar: makes the answers; or a whole path of servers.
        behaviour: the faults.
        now: the time in UTC, for the log.
        log: told of dropped connections.
    """

    def __init__(
        self, registrar: Registrar | Path, behaviour: Behaviour, *, now: Callable[[], datetime], log: Log
    ) -> None:
        self._registrar = registrar
        self._behaviour = behaviour
        self._now = now
        self._log = log
        self._listeners: list[socket.socket] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._open: dict[tuple[str, int], Connection] = {}  # by where they come from

    async def listen(self, address: str, port: int, context: ssl.SSLContext | None) -> int:
        """Takes connections on a port, with TLS where there is a context; gives the port (0: the system picks one).

        Raises:
            OSError: the port is taken.
        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.create_server((address, port), family=family)
        listener.setblocking(False)
        bound: int = listener.getsockname()[1]
        self._listeners.append(listener)
        asyncio.get_running_loop().add_reader(listener, self._accept, listener, context)
        return bound

    async def stop(self) -> None:
        """Stops listening and ends the connections."""
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()
        self._listeners.clear()
        await self.disconnect()

    async def disconnect(self) -> None:
        """Ends the connections, and goes on listening."""
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def send(self, request: Request, peer: tuple[str, int]) -> bool:
        """Signs a request and sends it to a client; whether it has a connection here."""
        connection = self._open.get(peer)
        if connection is None:
            return False
        request = signed(request, self._registrar.servers, self._now())
        self._log(LabEvent(self._now(), self._registrar.home.host, "sent", f"{request.method} to the client", request))
        await connection.write(request.to_bytes())
        return True

    def _accept(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        try:
            accepted, (address, port, *_) = listener.accept()
        except OSError:  # it went before it was looked at
            return
        accepted.setblocking(False)
        peer = Peer(address, port, "tls" if context else "tcp")
        flaw = self._behaviour.wire
        if flaw is not None and replaces_server(flaw):
            task = asyncio.create_task(misbehave(accepted, flaw))
        else:
            task = asyncio.create_task(self._converse(Connection(accepted, context), peer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        task.add_done_callback(lambda _: accepted.close())  # also when the task never came to run

    async def _converse(self, connection: Connection, peer: Peer) -> None:
        self._open[peer.address, peer.port] = connection
        try:
            await self._serve(connection, peer)
        finally:
            self._open.pop((peer.address, peer.port), None)
            connection.end()

    async def _serve(self, connection: Connection, peer: Peer) -> None:
        framer, last = StreamFramer(), b""
        while data := await connection.read():
            framer.feed(data)
            try:
                while (item := framer.next()) is not None:
                    if self._behaviour.replay_after_refresh and isinstance(item, Request):
                        last = await self._replaying(item, peer, connection, last)
                    elif not await self._handle(item, peer, connection):
                        return
            except SipError as error:
                self._drop(peer, str(error))
                return

    async def _handle(self, item: Message | KeepAlive, peer: Peer, connection: Connection) -> bool:
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
