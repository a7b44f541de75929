"""A name server for the lab's zone, over UDP and TCP."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from dataclasses import dataclass
from enum import Enum

from dnslib import CNAME, QTYPE, RCODE, RR, SRV, A, DNSError, DNSRecord

from sipauthctl.lab.datagrams import Datagrams


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """An SRV record, RFC 2782. `name` and `target` are without the final dot."""

    name: str
    target: str
    port: int
    priority: int = 0
    weight: int = 0


class Failure(Enum):
    """What a name server answers that gives no records."""

    SILENT = "silent"  # nothing at all
    REFUSED = "refused"
    SERVER_FAILURE = "server-failure"


_RCODES = {Failure.REFUSED: RCODE.REFUSED, Failure.SERVER_FAILURE: RCODE.SERVFAIL}


@dataclass(frozen=True, slots=True)
class Zone:
    """What the name server knows; any other name does not exist. With a `failure` it tells nothing of it."""

    services: tuple[ServiceRecord, ...]
    addresses: tuple[tuple[str, str], ...]  # host name, IPv4 address
    aliases: tuple[tuple[str, str], ...] = ()  # name, the name that it stands for
    failure: Failure | None = None

    def answer(self, query: bytes) -> bytes | None:
        """The response to one DNS message, None when it is none or gets none."""
        if self.failure is Failure.SILENT:
            return None
        try:
            request = DNSRecord.parse(query)
        except (DNSError, ValueError, struct.error, IndexError):
            return None
        reply = request.reply()
        if self.failure is not None:
            reply.header.rcode = _RCODES[self.failure]
            return bytes(reply.pack())
        name = str(request.q.qname).rstrip(".").lower()
        records = self._records(name)
        if not records:
            reply.header.rcode = RCODE.NXDOMAIN
        for record in records:
            if record.rtype in (request.q.qtype, QTYPE.CNAME):
                reply.add_answer(record)
            if record.rtype == QTYPE.CNAME:
                target = str(record.rdata.label).rstrip(".").lower()
                reply.add_answer(*(found for found in self._records(target) if found.rtype == request.q.qtype))
        return bytes(reply.pack())

    def _records(self, name: str) -> list[RR]:
        """All records of a name in lower case; those of an alias are the alias alone, RFC 1034 3.6.2."""
        for alias, target in self.aliases:
            if alias.lower() == name:
                return [RR(alias, QTYPE.CNAME, ttl=60, rdata=CNAME(f"{target}."))]
        services = [
            RR(s.name, QTYPE.SRV, ttl=60, rdata=SRV(s.priority, s.weight, s.port, f"{s.target}."))
            for s in self.services
            if s.name.lower() == name
        ]
        addresses = [
            RR(host, QTYPE.A, ttl=60, rdata=A(address)) for host, address in self.addresses if host.lower() == name
        ]
        return services + addresses


class NameServer:
    """Answers from a zone on one port, by UDP and TCP."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.address: tuple[str, int] = ("", 0)

    async def start(self, host: str, port: int = 0) -> None:
        """Begins to answer. With port 0 the system picks one that is free for both.

        Raises:
            OSError: the port is taken.
        """
        self._tcp = await asyncio.start_server(self._connected, host, port)
        self.address = (host, self._tcp.sockets[0].getsockname()[1])
        loop = asyncio.get_running_loop()
        try:
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: Datagrams(self._zone.answer), local_addr=self.address
            )
        except OSError:
            self._tcp.close()
            raise

    async def stop(self) -> None:
        """Stops answering, and ends the connections."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        task.add_done_callback(lambda _: writer.close())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                answer = self._zone.answer(await reader.readexactly(length))
                if answer is None:
                    break
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()
