"""A name server for the lab's zone, over UDP and TCP."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from enum import Enum
from functools import partial

from dnslib import AAAA, CNAME, QTYPE, RCODE, RR, SRV, A, DNSError, DNSRecord

from sipauthctl.lab.datagrams import answer_datagrams
from sipauthctl.lab.frames import FrameFormat, answer_frames
from sipauthctl.lab.listener import FEW_CONNECTIONS, Listener, Room

QUERY_BYTES = 512
"""Of the longest query that is read: a question has 271 bytes at most, and compressed names cost time to follow."""
_FRAMES = FrameFormat(2, QUERY_BYTES)  # RFC 1035 4.2.2


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
    addresses: tuple[tuple[str, str], ...]  # host name, IPv4 or IPv6 address
    aliases: tuple[tuple[str, str], ...] = ()  # name, the name that it stands for
    failure: Failure | None = None

    def answer(self, query: bytes) -> bytes | None:
        """The response to one DNS message, None when it is none or gets none."""
        if self.failure is Failure.SILENT or len(query) > QUERY_BYTES:
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
            RR(host, QTYPE.AAAA, ttl=60, rdata=AAAA(address))
            if ":" in address
            else RR(host, QTYPE.A, ttl=60, rdata=A(address))
            for host, address in self.addresses
            if host.lower() == name
        ]
        return services + addresses


class NameServer:
    """Answers from a zone on one port, by UDP and TCP."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp = Listener(Room(FEW_CONNECTIONS))
        self.address: tuple[str, int] = ("", 0)

    async def start(self, host: str, port: int = 0) -> None:
        """Begins to answer. With port 0 the system picks one that is free for both.

        Raises:
            OSError: the port is taken.
        """
        bound = self._tcp.listen(host, port, partial(answer_frames, _FRAMES, self._zone.answer))
        self.address = (host, bound)
        try:
            self._udp = await answer_datagrams(host, bound, self._zone.answer)
        except OSError:
            self._tcp.close()
            raise

    async def stop(self) -> None:
        """Stops answering, and ends the connections."""
        if self._udp is not None:
            self._udp.close()
        await self._tcp.stop()
