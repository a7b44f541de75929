"""What the lab's servers make of clients that behave as TCP and TLS allow, but not as one would like."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest

from sipauthctl.lab.deployment import Deployment, RunningServer
from sipauthctl.lab.events import LabEvent
from sipauthctl.lab.settings import LabSettings
from tests.lab.lab_log import LabLog

LIMIT = 10.0


def register(number: int) -> bytes:
    return (
        f"REGISTER sip:litwareinc.com SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5060\r\n"
        f"From: <sip:ned@litwareinc.com>;tag=1;epid=2\r\nTo: <sip:ned@litwareinc.com>\r\n"
        f"Call-ID: x\r\nCSeq: {number} REGISTER\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def numbers(events: list[LabEvent]) -> list[int]:
    return [event.request.cseq.number for event in events if event.request is not None]


def test_requests_of_a_client_that_left_with_answers_unread_still_count() -> None:
    async def run() -> LabLog:
        log = LabLog()
        async with Deployment(LabSettings(), log=log) as deployment:
            server = deployment.server("proxy", "tcp")
            loop = asyncio.get_running_loop()
            with socket.socket() as client:
                client.setblocking(False)
                client.setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
                )  # else closing drops what Nagle holds back
                await loop.sock_connect(client, (server.address, server.port))
                await loop.sock_sendall(client, register(1))
                await loop.sock_recv(client, 1)  # the rest stays unread, so that closing resets the connection
                client.send(register(2) + register(3))
                client.send(register(4))
            await log.until(lambda log: len(log.of("challenge")) == 4, LIMIT)
        return log

    assert numbers(asyncio.run(run()).of("challenge")) == [1, 2, 3, 4]


@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_a_client_that_never_says_anything_does_not_hold_up_the_end(transport: str) -> None:
    async def run() -> bytes:
        async with Deployment(LabSettings()) as deployment:
            server = deployment.server("proxy", transport)
            reader, writer = await asyncio.open_connection(server.address, server.port)
            await challenged(deployment, server)  # by now the first connection was accepted
        async with asyncio.timeout(LIMIT):
            rest = await reader.read()
        writer.close()
        return rest

    assert asyncio.run(run()) == b""


def test_leaving_ends_tls_properly() -> None:
    """Without TLS's good-bye, the client could not tell the end from an attacker's cut."""

    async def run() -> None:
        async with Deployment(LabSettings()) as deployment:
            server = deployment.server("proxy", "tls")
            client = await asyncio.to_thread(connect_by_tls, deployment, server)
        with client:
            await asyncio.to_thread(read_to_the_end, client)

    asyncio.run(run())


def connect_by_tls(deployment: Deployment, server: RunningServer) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=deployment.ca_file)
    plain = socket.create_connection((server.address, server.port), timeout=LIMIT)
    client = context.wrap_socket(plain, server_hostname=server.host, suppress_ragged_eofs=False)
    client.sendall(register(1))
    client.recv(1)
    return client


def read_to_the_end(client: ssl.SSLSocket) -> None:
    while client.recv(65_536):  # raises ssl.SSLEOFError for an end without a good-bye
        pass


async def challenged(deployment: Deployment, server: RunningServer) -> None:
    """One exchange over a connection of its own."""
    context = ssl.create_default_context(cafile=deployment.ca_file) if server.transport == "tls" else None
    host = server.host if context else None
    reader, writer = await asyncio.open_connection(server.address, server.port, ssl=context, server_hostname=host)
    writer.write(register(1))
    assert (await reader.readline()).startswith(b"SIP/2.0 401")
    writer.close()
