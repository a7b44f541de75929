"""Carries a registrar's answers over TCP and TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from datetime import datetime

from sipauthctl.lab.authority import CertificateFlaw
from sipauthctl.lab.behaviour import Behaviour, Damage
from sipauthctl.lab.events import LabEvent, Log
from sipauthctl.lab.impostor import impostor_answer
from sipauthctl.lab.old_tls import refuse_new_tls
from sipauthctl.lab.registrar import Peer, Registrar
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.framer import KeepAlive, StreamFramer
from sipauthctl.sip.message import Message, Request

_READ_BYTES = 65_536
_OVERSIZED_BYTES = 16 * 1024 * 1024


class SipServer:
    """One server on any number of ports.

    Args:
        registrar: makes the answers.
        behaviour: the faults.
        now: the time in UTC, for the log.
        log: told of dropped connections.
    """

    def __init__(self, registrar: Registrar, behaviour: Behaviour, *, now: Callable[[], datetime], log: Log) -> None:
        self._registrar = registrar
        self._behaviour = behaviour
        self._now = now
        self._log = log
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self, address: str, port: int, context: ssl.SSLContext | None) -> int:
        """Takes connections on a port, with TLS where there is a context; gives the port (0: the system picks one).

        Raises:
            OSError: the port is taken.
        """
        transport = "tcp" if context is None else "tls"
        old = context if self._behaviour.certificate is CertificateFlaw.OLD_TLS else None

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                self._connections.add(task)
                task.add_done_callback(self._connections.discard)
            with contextlib.suppress(OSError, asyncio.CancelledError):
                if old is not None:
                    await refuse_new_tls(reader, writer, old)
                else:
                    await self._serve(reader, writer, transport)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

        server = await asyncio.start_server(connected, address, port, ssl=None if old else context)
        self._servers.append(server)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stops listening and ends the connections."""
        for server in self._servers:
            server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, transport: str) -> None:
        address, port, *_ = writer.get_extra_info("peername")
        peer = Peer(address, port, transport)
        framer = StreamFramer()
        while data := await reader.read(_READ_BYTES):
            framer.feed(data)
            try:
                while (item := framer.next()) is not None:
                    if not await self._handle(item, peer, writer):
                        return
            except SipError as error:
                self._drop(peer, str(error))
                return

    async def _handle(self, item: Message | KeepAlive, peer: Peer, writer: asyncio.StreamWriter) -> bool:
        """Answers one message; whether the connection goes on."""
        if isinstance(item, KeepAlive):
            if item.ping:
                writer.write(b"\r\n")
        elif isinstance(item, Request) and self._behaviour.damage is not Damage.SILENT:
            answer = self._answer(item, peer)
            if self._behaviour.delay:
                await asyncio.sleep(self._behaviour.delay)
            if self._behaviour.damage is not None:
                await self._damage(answer, self._behaviour.damage, writer)
                return False
            writer.write(answer)
        await writer.drain()
        return True

    def _answer(self, request: Request, peer: Peer) -> bytes:
        impostor = self._behaviour.impostor
        if impostor is None:
            response = self._registrar.answer(request, peer)
            return b"" if response is None else response.to_bytes()
        self._log(LabEvent(self._now(), self._registrar.host, "impostor", impostor.value, request))
        return impostor_answer(impostor, request, (peer.address, peer.port))

    async def _damage(self, answer: bytes, damage: Damage, writer: asyncio.StreamWriter) -> None:
        if damage is Damage.TRUNCATED:
            writer.write(answer[: len(answer) // 2])
            await writer.drain()
            return
        writer.write(answer.split(b"\r\n", 1)[0] + b"\r\nX-Filler: ")
        for _ in range(_OVERSIZED_BYTES // _READ_BYTES):
            writer.write(b"x" * _READ_BYTES)
            await writer.drain()

    def _drop(self, peer: Peer, reason: str) -> None:
        detail = f"connection from {peer.address}:{peer.port} ({peer.transport}): {reason}"
        self._log(LabEvent(self._now(), self._registrar.host, "dropped", detail))
