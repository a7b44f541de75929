"""Name servers that lie, go round in circles or drip: no answer of theirs is taken, and the limit holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest
from dnslib import CNAME, QTYPE, RR, A, DNSRecord

from sipauthctl.network.resolver import QueryOutcome, Resolver
from tests.network.peers import LOOPBACK, serving


def hostile(make: Callable[[DNSRecord], bytes]) -> tuple[tuple[str, ...], QueryOutcome]:
    """What comes of a name whose name server answers with what `make` gives for each question."""

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.DatagramTransport, transport)

        def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
            self.transport.sendto(make(DNSRecord.parse(data)), address)

    async def scenario() -> tuple[tuple[str, ...], QueryOutcome]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Server, local_addr=(LOOPBACK, 0))
        try:
            resolver = Resolver(f"{LOOPBACK}:{transport.get_extra_info('sockname')[1]}", 0.3)
            async with asyncio.timeout(10):
                found = await resolver.addresses("sip.litwareinc.com")
            return found, resolver.queries[0].outcome
        finally:
            transport.close()

    return asyncio.run(scenario())


def alias(name: str, target: str) -> RR:
    return RR(name, QTYPE.CNAME, ttl=60, rdata=CNAME(target))


def test_an_answer_with_another_number_is_none() -> None:
    def make(question: DNSRecord) -> bytes:
        question.header.id ^= 1
        reply = question.reply()
        reply.add_answer(RR("sip.litwareinc.com", QTYPE.A, ttl=60, rdata=A("192.0.2.66")))
        return bytes(reply.pack())

    assert hostile(make) == ((), QueryOutcome.TIMEOUT)


def test_an_answer_to_another_question_is_none() -> None:
    def make(question: DNSRecord) -> bytes:
        other = DNSRecord.question("evil.fabrikam.com")
        other.header.id = question.header.id
        reply = other.reply()
        reply.add_answer(RR("sip.litwareinc.com", QTYPE.A, ttl=60, rdata=A("192.0.2.66")))
        return bytes(reply.pack())

    assert hostile(make)[0] == ()


@pytest.mark.parametrize("names", [1, 2, 200], ids=["itself", "each other", "a long chain"])
def test_aliases_without_end(names: int) -> None:
    def name(number: int) -> str:
        return f"n{number % names}.litwareinc.com" if number % names else "sip.litwareinc.com"

    def make(question: DNSRecord) -> bytes:
        reply = question.reply()
        reply.add_answer(*(alias(name(number), name(number + 1)) for number in range(names)))
        return bytes(reply.pack())

    assert hostile(make)[0] == ()


def test_a_name_server_that_drips_costs_the_limit() -> None:
    """By TCP, after an answer that is too long for UDP."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x10\x00")
        while True:
            writer.write(b"\0")
            await asyncio.sleep(0.05)

    class Truncating(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.DatagramTransport, transport)

        def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
            reply = DNSRecord.parse(data).reply()
            reply.header.tc = 1
            self.transport.sendto(reply.pack(), address)

    async def scenario() -> QueryOutcome:
        loop = asyncio.get_running_loop()
        async with serving(drip) as port:
            transport, _ = await loop.create_datagram_endpoint(Truncating, local_addr=(LOOPBACK, port))
            resolver = Resolver(f"{LOOPBACK}:{port}", 0.3)
            async with asyncio.timeout(10):
                assert await resolver.services("_sip._tls.litwareinc.com") == ()
            transport.close()
            return resolver.queries[0].outcome

    assert asyncio.run(scenario()) is QueryOutcome.TIMEOUT
