"""Stands in front of a server, passes on what comes, and can be slow or have the server die at a certain moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import cast

from sipauthctl.lab.listener import FEW_CONNECTIONS, Accepted, Listener, Room, loopback

_CHUNK_BYTES = 65_536
ANSWER_SECONDS = 2.0
"""How long a datagram waits for the server's answer; by UDP, clients ask again."""

OnRequest = Callable[[int, int, bytes], Awaitable[None]]
"""Called for each piece of data from a client: the port, its number on that connection from 1, the piece."""


class Relay:
    """Passes on connections and datagrams between two addresses, port by port.

    Args:
        front: the address that clients use.
        back: the address of the server.
        delay: seconds before each piece of an answer.
        on_request: see there; the piece is passed on when it returns.
    """

    def __init__(self, front: str, back: str, *, delay: float = 0.0, on_request: OnRequest | None = None) -> None:
        self._front = front
        self._back = back
        self._delay = delay
        self._on_request = on_request
        self._tcp = Listener(Room(FEW_CONNECTIONS))
        self._datagrams: list[asyncio.DatagramTransport] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: dict[asyncio.Task[None], tuple[str, int]] = {}  # for an answer, with the client; oldest first

    async def start(self, tcp: tuple[int, ...], udp: tuple[int, ...]) -> None:
        """Begins to listen.

        Raises:
            OSError: a port is taken.
        """
        for port in tcp:
            self._tcp.listen(self._front, port, partial(self._pass_on, port))
        loop = asyncio.get_running_loop()
        for port in udp:
            transport, _ = await loop.create_datagram_endpoint(
                partial(_Datagrams, partial(self._came, port)), local_addr=(loopback(self._front), port)
            )
            self._datagrams.append(transport)

    def stop_listening(self) -> None:
        """Takes nothing new; connections go on."""
        self._tcp.stop_listening()
        for transport in self._datagrams:
            transport.close()

    def close(self) -> None:
        """Listens no longer and breaks off all connections, without waiting; `on_request` may call it."""
        self.stop_listening()
        self._tcp.close()
        for task in self._tasks:
            task.cancel()

    async def stop(self) -> None:
        """Ends everything."""
        self.close()
        await self._tcp.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _came(self, port: int, data: bytes, client: tuple[str, int], front: asyncio.DatagramTransport) -> None:
        if len(self._waiting) >= FEW_CONNECTIONS:
            self._make_room()
        task = asyncio.create_task(self._forward(port, data, client, front))
        self._tasks.add(task)
        self._waiting[task] = client
        task.add_done_callback(self._ended)

    def _make_room(self) -> None:
        """Drops the oldest datagram of the client that has most of them waiting, so that a flood harms itself."""
        counts = Counter(self._waiting.values())
        most = max(counts.values())
        oldest = next(task for task, client in self._waiting.items() if counts[client] == most)
        del self._waiting[oldest]
        oldest.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._waiting.pop(task, None)

    async def _pass_on(self, port: int, accepted: Accepted) -> None:
        client, to_client = await asyncio.open_connection(sock=accepted.socket)
        writers = [to_client]
        try:
            server, to_server = await asyncio.open_connection(self._back, port)
            writers.append(to_server)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(port, client, to_server))
                group.create_task(self._answers(server, to_client))
        except* OSError:
            pass
        finally:
            for writer in writers:
                writer.transport.abort()

    async def _requests(self, port: int, client: asyncio.StreamReader, to_server: asyncio.StreamWriter) -> None:
        number = 0
        while data := await client.read(_CHUNK_BYTES):
            number += 1
            if self._on_request is not None:
                await self._on_request(port, number, data)
            to_server.write(data)
            await to_server.drain()
        to_server.write_eof()

    async def _answers(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        while data := await server.read(_CHUNK_BYTES):
            await asyncio.sleep(self._delay)
            to_client.write(data)
            await to_client.drain()
        to_client.write_eof()

    async def _forward(
        self, port: int, data: bytes, client: tuple[str, int], front: asyncio.DatagramTransport
    ) -> None:
        """One datagram, and the one that answers it."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bytes] = loop.create_future()

        def settle(answer: bytes, address: tuple[str, int], transport: asyncio.DatagramTransport) -> None:
            if not answered.done():
                answered.set_result(answer)

        back, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(settle), remote_addr=(self._back, port))
        try:
            back.sendto(data)
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await answered
            await asyncio.sleep(self._delay)
            front.sendto(answer, client)
        except TimeoutError:
            pass
        finally:
            back.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, tuple[str, int], asyncio.DatagramTransport], None]) -> None:
        self._take = take
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Python 3.11's transport is one without being a subclass.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if self._transport is not None:
            self._take(data, address, self._transport)
