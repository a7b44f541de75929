"""A relay between a client and one port of the lab, which writes what it saw as a packet capture."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sipauthctl.lab.deployment import Deployment, RunningServer
from tests.capture.frames import Pcap, TcpFlow

_PIECE = 1400


@dataclass
class Relay:
    """What it saw so far. `server` is the port that the client is to be pointed at."""

    server: RunningServer
    pcap: Pcap = field(default_factory=Pcap)


@asynccontextmanager
async def relay(server: RunningServer) -> AsyncIterator[Relay]:
    """Relays connections to `server`."""
    pcap = Pcap()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        going.add(asyncio.current_task())
        up_reader, up_writer = await asyncio.open_connection(server.address, server.port)
        flow = TcpFlow(pcap, client=writer.get_extra_info("peername")[:2], server=(server.address, server.port))
        _tick(pcap)
        flow.open()
        ways = ((reader, up_writer, True), (up_reader, writer, False))
        try:
            await asyncio.gather(*(_pass(pcap, flow, *way) for way in ways))
        finally:
            for end in (up_writer, writer):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()
            going.discard(asyncio.current_task())

    going: set[asyncio.Task[None] | None] = set()
    listener = await asyncio.start_server(connected, server.address, 0)
    port: int = listener.sockets[0].getsockname()[1]
    async with listener:
        yield Relay(replace(server, port=port), pcap)
        await asyncio.gather(*(task for task in going if task is not None))


async def _pass(
    pcap: Pcap, flow: TcpFlow, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, from_client: bool
) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            for start in range(0, len(data), _PIECE):
                _tick(pcap)
                flow.send(data[start : start + _PIECE], from_client=from_client)
            writer.write(data)
            await writer.drain()
        writer.close()


def _tick(pcap: Pcap) -> None:
    pcap.now = round(time.time() * 1000)


def log_keys(deployment: Deployment, path: Path) -> None:
    """Makes the lab's servers write their TLS secrets to a file; before the deployment is started."""
    make = deployment.authority.server_context

    def with_log(host: str, *more: object) -> object:
        context = make(host, *more)  # type: ignore[arg-type]
        context.keylog_filename = str(path)
        return context

    deployment.authority.server_context = with_log  # type: ignore[method-assign, assignment]
