"""The relay in front of a KDC: datagrams without an answer cost their sender, and nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sipauthctl.lab import relay as relay_module
from sipauthctl.lab.datagrams import answer_datagrams
from sipauthctl.lab.listener import FEW_CONNECTIONS
from sipauthctl.lab.relay import Relay
from tests.lab.test_connection import LIMIT

FRONT, BACK = "127.0.0.1", "127.0.0.2"
QUESTION, JUNK = b"question", b"junk"


class Server:
    """Answers questions alone, and tells when it has seen a number of other datagrams."""

    def __init__(self) -> None:
        self.junk = 0
        self._came = asyncio.Event()

    def answer(self, data: bytes) -> bytes | None:
        if data == QUESTION:
            return b"answer"
        self.junk += 1
        self._came.set()
        return None

    async def until(self, number: int) -> None:
        while self.junk < number:
            self._came.clear()
            await self._came.wait()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@asynccontextmanager
async def relay() -> AsyncIterator[tuple[Relay, Server, int]]:
    server = Server()
    back = await answer_datagrams(BACK, 0, server.answer)
    port = back.get_extra_info("sockname")[1]
    one = Relay(FRONT, BACK)
    await one.start(tcp=(), udp=(port,))
    try:
        yield one, server, port
    finally:
        await one.stop()
        back.close()


@pytest.mark.parametrize("flooders", [1, 40])
def test_unanswered_datagrams_block_nobody_and_hold_few_descriptors(flooders: int) -> None:
    async def run() -> tuple[bytes, int]:
        async with relay() as (_, server, port), asyncio.timeout(LIMIT):
            with contextlib.ExitStack() as stack:
                clients = [stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(flooders + 1)]
                healthy, *others = clients
                before = descriptors()
                sent = 0
                while sent < 3 * FEW_CONNECTIONS:  # in portions that the kernel holds, so that all of them arrive
                    for client in others:
                        client.sendto(JUNK, (FRONT, port))
                        sent += 1
                        await server.until(sent)
                held = descriptors() - before
                healthy.sendto(QUESTION, (FRONT, port))
                healthy.setblocking(False)
                return await asyncio.get_running_loop().sock_recv(healthy, 100), held

    answer, held = asyncio.run(run())
    assert answer == b"answer"
    assert held <= FEW_CONNECTIONS + 2


def test_a_flood_does_not_push_out_a_client_that_waits_for_its_answer() -> None:
    async def run() -> list[tuple[str, int]]:
        async with relay() as (one, server, port), asyncio.timeout(LIMIT):
            with socket.socket(type=socket.SOCK_DGRAM) as healthy, socket.socket(type=socket.SOCK_DGRAM) as flooder:
                for number in range(3 * FEW_CONNECTIONS):
                    (flooder if number else healthy).sendto(JUNK, (FRONT, port))
                    await server.until(number + 1)
                return [one for one in one._waiting.values() if one[1] == healthy.getsockname()[1]]

    assert len(asyncio.run(run())) == 1


def test_a_datagram_without_an_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "ANSWER_SECONDS", 0.01)

    async def run() -> None:
        async with relay() as (one, server, port), asyncio.timeout(LIMIT):
            with socket.socket(type=socket.SOCK_DGRAM) as client:
                client.sendto(JUNK, (FRONT, port))
                await server.until(1)
                await asyncio.gather(*one._tasks)

    asyncio.run(run())


def test_connections_that_stay_open_block_nobody() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(100))
        writer.close()

    async def run() -> tuple[bytes, int]:
        server = await asyncio.start_server(answer, BACK, 0)
        port = server.sockets[0].getsockname()[1]
        one = Relay(FRONT, BACK)
        await one.start(tcp=(port,), udp=())
        async with asyncio.timeout(LIMIT):
            before = descriptors()
            idle = [await asyncio.open_connection(FRONT, port) for _ in range(2 * FEW_CONNECTIONS)]
            reader, writer = await asyncio.open_connection(FRONT, port)
            writer.write(QUESTION)
            answered = await reader.read(100)
            held = descriptors() - before
            for _, other in (*idle, (reader, writer)):
                other.close()
        await one.stop()
        server.close()
        return answered, held

    answered, held = asyncio.run(run())
    assert answered == QUESTION
    assert held <= (2 * FEW_CONNECTIONS + 1) + 3 * FEW_CONNECTIONS + 8  # the clients', and of each that stays
