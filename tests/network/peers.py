"""Servers on loopback that the tests talk to: TLS with trustme's certificates, plain, broken; a dnslib name server."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from dnslib import QTYPE, RCODE, RR, DNSRecord

from sipauthctl.network.errors import NetworkError
from sipauthctl.network.evidence import Endpoint, Transport
from sipauthctl.network.tls import TlsPolicy
from sipauthctl.network.transport import Connection, Timeouts, connect

HOST = "hs1.litwareinc.com"
LOOPBACK = "127.0.0.1"
LIMITS = Timeouts(connect=5, handshake=5, answer=5)
OK = b"SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\nContent-Length: 4\r\n\r\nbody"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Authority:
    """A certificate authority with its certificate in a file."""

    def __init__(self, folder: Path, name: str = "test CA") -> None:
        self.ca = trustme.CA(organization_name=name)
        self.file = folder / f"{name}.pem"
        self.ca.cert_pem.write_to_path(str(self.file))

    def context(
        self, *names: str, not_before: datetime | None = None, not_after: datetime | None = None
    ) -> ssl.SSLContext:
        """A server's context with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names, not_before=not_before, not_after=not_after).configure_cert(context)
        return context


@contextlib.asynccontextmanager
async def serving(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a free port, which is given. What its handlers still do at the end is cancelled."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            writer.transport.abort()

    server = await asyncio.start_server(handle, LOOPBACK, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def sending(*chunks: bytes) -> Serve:
    """Sends these and waits for the client to close."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
        await reader.read()

    return serve


def sending_then_closing(data: bytes) -> Serve:
    """Sends this and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return serve


def tls_endpoint(port: int, host: str = HOST) -> Endpoint:
    return Endpoint(host, port, Transport.TLS)


def tcp_endpoint(port: int) -> Endpoint:
    return Endpoint(HOST, port, Transport.TCP)


@contextlib.asynccontextmanager
async def connected(
    server: Endpoint, policy: TlsPolicy | None = None, timeouts: Timeouts = LIMITS
) -> AsyncIterator[Connection]:
    """A connection to a server on loopback, closed at the end."""
    connection = await connect(server, LOOPBACK, policy or TlsPolicy(), timeouts)
    try:
        yield connection
    finally:
        await connection.close()


async def refusal(server: Endpoint, policy: TlsPolicy | None = None, timeouts: Timeouts = LIMITS) -> NetworkError:
    """The error that connecting ends in."""
    with pytest.raises(NetworkError) as caught:
        await connect(server, LOOPBACK, policy or TlsPolicy(), timeouts)
    return caught.value


def days_ago(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)


class NameServer(asyncio.DatagramProtocol):
    """Answers from `zone`, a text in the master file format. Names outside it do not exist.

    `silent`, `failing` hold names with neither answer nor a usable one. `truncating` sends every answer over UDP
    empty with the TC bit, so that the client must come back over TCP. `asked` collects (name, type, transport).
    """

    def __init__(self, zone: str = "", *, silent: tuple[str, ...] = (), failing: tuple[str, ...] = ()) -> None:
        self.records = RR.fromZone(zone)
        self.silent = silent
        self.failing = failing
        self.truncating = False
        self.asked: list[tuple[str, str, str]] = []
        self.port = 0
        self._udp: asyncio.DatagramTransport | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[NameServer]:
        """Runs on one free port, UDP and TCP."""
        async with serving(self._serve) as self.port:
            loop = asyncio.get_running_loop()
            self._udp, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(LOOPBACK, self.port))
            try:
                yield self
            finally:
                self._udp.close()

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._reply(data, "udp")
        assert self._udp is not None
        if reply is None:
            return
        if self.truncating:
            reply.rr = []
            reply.header.tc = 1
        self._udp.sendto(reply.pack(), addr)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            reply = self._reply(await reader.readexactly(length), "tcp")
            if reply is not None:
                data = reply.pack()
                writer.write(struct.pack("!H", len(data)) + data)

    def _reply(self, data: bytes, transport: str) -> DNSRecord | None:
        request = DNSRecord.parse(data)
        name, wanted = str(request.q.qname).rstrip("."), QTYPE[request.q.qtype]
        self.asked.append((name, wanted, transport))
        reply = request.reply()
        if name in self.silent or "*" in self.silent:
            return None
        if name in self.failing:
            reply.header.rcode = RCODE.SERVFAIL
            return reply
        known = False
        while True:
            here = [record for record in self.records if str(record.rname).rstrip(".") == name]
            known = known or bool(here)
            alias = next((record for record in here if QTYPE[record.rtype] == "CNAME"), None)
            for record in here:
                if QTYPE[record.rtype] in (wanted, "CNAME"):
                    reply.add_answer(record)
            if alias is None:
                break
            name = str(alias.rdata).rstrip(".")
        if not known:
            reply.header.rcode = RCODE.NXDOMAIN
        return reply


def run(coroutine: Coroutine[object, object, None]) -> None:
    """Runs a test; a hang is an error of its own rather than the end of the whole test run."""
    asyncio.run(asyncio.wait_for(coroutine, 20))
