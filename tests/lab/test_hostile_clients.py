"""Clients that flood, drip, stall or stay silent: what they cost is theirs, and the others are served."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.server import ServerAuthenticator
from sipauthctl.lab.accounts import ACCOUNTS, Directory
from sipauthctl.lab.behaviour import Behaviour
from sipauthctl.lab.connection import Connection
from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.dns import ServiceRecord, Zone
from sipauthctl.lab.kdc_impostor import SkewedKdc
from sipauthctl.lab.listener import Listener, Room, most_connections
from sipauthctl.lab.names import DomainNames
from sipauthctl.lab.registrar import Peer, Registrar
from sipauthctl.lab.server import LIMITS, Patience, SipServer
from sipauthctl.lab.settings import LabSettings
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.framer import StreamFramer
from sipauthctl.sip.message import Request
from tests.lab.lab_log import LabLog
from tests.lab.lab_process import LabProcess, running
from tests.lab.test_connection import LIMIT, connect_by_tls, register

HOST = "hs1.litwareinc.com"
PATIENT, IMPATIENT = Patience(), Patience(message=0.05, unauthenticated=0.05)
UNFINISHED = register(1).replace(b"Content-Length: 0", b"Content-Length: 5000")


class OpenHouse(Registrar):
    """Accepts every request, as if its sender had signed in."""

    def answer(self, request: Request, peer: Peer):  # type: ignore[no-untyped-def]
        return self._respond(request, peer, 200, ())


def registrar(log: LabLog, kind: type[Registrar] = Registrar) -> Registrar:
    authenticator = ServerAuthenticator(
        family=HeaderFamily.USER_AGENT,
        realm="SIP Communications Service",
        targetnames={Scheme.NTLM: HOST},
        version=4,
        acceptors={},
        token_bytes=secrets.token_bytes,
    )
    return kind(
        HOST,
        authenticator,
        Directory(ACCOUNTS, "litwareinc.com", DomainNames()),
        Behaviour(),
        redirect=None,
        now=lambda: datetime.now(UTC),
        token_bytes=secrets.token_bytes,
        log=log,
    )


class House:
    """One server by TCP and what its clients see."""

    def __init__(self, room: Room, patience: Patience, kind: type[Registrar]) -> None:
        self.log, self.room = LabLog(), room
        self.server = SipServer(
            registrar(self.log, kind),
            Behaviour(),
            now=lambda: datetime.now(UTC),
            log=self.log,
            room=room,
            patience=patience,
        )
        self.port = 0

    async def connect(self, data: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        return reader, writer

    async def dropped(self, number: int) -> None:
        await self.log.until(lambda log: len(log.of("dropped")) >= number, LIMIT)


@asynccontextmanager
async def house(
    room: Room | None = None, patience: Patience = PATIENT, kind: type[Registrar] = Registrar
) -> AsyncIterator[House]:
    one = House(Room(100) if room is None else room, patience, kind)
    one.port = one.server.listen("127.0.0.1", 0, None)
    try:
        yield one
    finally:
        await one.server.stop()


async def status(reader: asyncio.StreamReader) -> int:
    async with asyncio.timeout(LIMIT):
        line = await reader.readline()
        while (await reader.readline()).strip():
            pass
    return int(line.split()[1])


def call_ids(log: LabLog) -> list[str]:
    return [event.request.call_id for event in log.of("challenge") if event.request is not None]


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_client_that_floods_waits_for_its_turn(transport: str) -> None:
    flood, other = register(1) * 1000, register(1).replace(b"Call-ID: x", b"Call-ID: other")

    async def run() -> LabLog:
        log = LabLog()
        async with Deployment(LabSettings(), log=log) as deployment:
            server = deployment.server("proxy", transport)
            if transport == "tls":
                flooder, victim = [await asyncio.to_thread(connect_by_tls, deployment, server) for _ in range(2)]
            else:
                flooder, victim = [socket.create_connection((server.address, server.port)) for _ in range(2)]
            with flooder, victim:
                sending = asyncio.create_task(asyncio.to_thread(flooder.sendall, flood))
                reading = asyncio.create_task(asyncio.to_thread(_read_all, flooder))
                await log.until(lambda log: len(log.of("challenge")) > 10, LIMIT)
                await asyncio.to_thread(victim.sendall, other)
                await log.until(lambda log: "other" in call_ids(log), LIMIT)
                flooder.shutdown(socket.SHUT_RDWR)
                await asyncio.gather(sending, reading, return_exceptions=True)
        return log

    # The victim's request takes a few turns of the loop and a thread to get here; the flood has a thousand.
    assert call_ids(asyncio.run(run())).index("other") < 500


def _read_all(client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while client.recv(1 << 16):
            pass


def test_a_connection_flood_ends_idle_connections_and_nobody_who_signed_in() -> None:
    async def run() -> tuple[int, int, int]:
        async with house(Room(8), kind=OpenHouse) as lab:
            client, to_client = await lab.connect(register(1))
            assert await status(client) == 200
            flood = [await lab.connect() for _ in range(30)]
            await lab.dropped(30 + 1 - 8)
            newcomer, to_newcomer = await lab.connect(register(2))
            statuses = [await status(newcomer)]
            to_client.write(register(3))
            statuses.append(await status(client))
            most = lab.room.taken
            for writer in (to_client, to_newcomer, *(writer for _, writer in flood)):
                writer.close()
            return statuses[0], statuses[1], most

    assert asyncio.run(run()) == (200, 200, 8)


def test_unfinished_messages_hold_a_bounded_number_of_bytes() -> None:
    bound = 10_000

    async def run() -> tuple[list[str], int]:
        async with house(Room(100, bound)) as lab:
            modest = await lab.connect(register(1)[:-2])
            greedy = [await lab.connect(UNFINISHED + b"x" * 2000) for _ in range(20)]
            await lab.dropped(20 - bound // (len(UNFINISHED) + 2000))
            held = lab.room.buffered
            modest[1].write(b"\r\n")
            assert await status(modest[0]) == 401
            for _, writer in (modest, *greedy):
                writer.close()
            return [event.detail for event in lab.log.of("dropped")], held

    reasons, held = asyncio.run(run())
    assert held <= bound
    assert all("incomplete messages" in reason for reason in reasons)


def test_one_message_holds_a_bounded_number_of_bytes() -> None:
    async def run() -> list[str]:
        async with house() as lab:
            head = register(1).replace(b"Content-Length: 0", b"Content-Length: %d" % (LIMITS.body + 1))
            reader, writer = await lab.connect(head)
            assert await reader.read() == b""
            writer.close()
            return [event.detail for event in lab.log.of("dropped")]

    (reason,) = asyncio.run(run())
    assert f"more than {LIMITS.body}" in reason


@pytest.mark.parametrize(
    "data", [b"", b"\r\n\r\n", register(1)[:-2], UNFINISHED], ids=["silent", "ping", "head", "body"]
)
def test_a_client_with_nothing_to_say_is_let_go(data: bytes) -> None:
    async def run() -> bytes:
        async with house(patience=IMPATIENT) as lab:
            reader, writer = await lab.connect(data)
            rest = await reader.read()
            writer.close()
            return rest

    assert asyncio.run(asyncio.wait_for(run(), LIMIT)).strip() == b""


def test_bytes_that_drip_do_not_prolong_a_message() -> None:
    """A client that sends a byte from time to time would otherwise hold its place for good."""

    async def run() -> None:
        async with house(patience=Patience(message=0.2)) as lab:
            reader, writer = await lab.connect(register(1)[:-40])
            ended = asyncio.create_task(reader.read())
            while not ended.done():
                writer.write(b"x")
                await asyncio.wait({ended}, timeout=0.02)
            writer.close()
            assert [event.what for event in lab.log.events] == ["dropped"]

    asyncio.run(asyncio.wait_for(run(), LIMIT))


def test_a_client_that_signed_in_may_be_silent() -> None:
    async def run() -> int:
        async with house(patience=IMPATIENT, kind=OpenHouse) as lab:
            client, to_client = await lab.connect(register(1))
            assert await status(client) == 200
            idle, to_idle = await lab.connect()
            assert await idle.read() == b""  # so its time limit has passed
            to_client.write(register(2))
            answer = await status(client)
            to_client.close()
            to_idle.close()
            return answer

    assert asyncio.run(asyncio.wait_for(run(), LIMIT)) == 200


def test_a_tls_handshake_that_never_ends_is_broken_off() -> None:
    async def run() -> bytes:
        deployment = Deployment(LabSettings())
        context = deployment.authority.server_context(HOST)
        log = LabLog()
        server = SipServer(
            registrar(log), Behaviour(), now=lambda: datetime.now(UTC), log=log, room=Room(1), patience=IMPATIENT
        )
        port = server.listen("127.0.0.1", 0, context)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(bytes.fromhex("160301020001"))  # the beginning of a ClientHello
        rest = await reader.read()
        writer.close()
        await server.stop()
        return rest

    asyncio.run(asyncio.wait_for(run(), LIMIT))


def test_a_client_that_does_not_read_is_let_go() -> None:
    async def run() -> str:
        async with house(patience=Patience(message=0.05)) as lab:
            with socket.create_connection(("127.0.0.1", lab.port)) as client:
                sending = asyncio.create_task(asyncio.to_thread(_send_until_refused, client))
                await lab.dropped(1)
                await sending
            return lab.log.of("dropped")[0].detail

    assert "too slow" in asyncio.run(asyncio.wait_for(run(), 6 * LIMIT))


def _send_until_refused(client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            client.sendall(register(1) * 100)


def test_two_who_write_to_one_client_do_not_mix_their_bytes() -> None:
    """An answer and a request of the server may be due at once."""
    size = 1 << 20

    async def run() -> bytes:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            theirs.setblocking(False)
            connection = Connection(ours, None)
            writing = [asyncio.create_task(connection.write(letter * size)) for letter in (b"a", b"b")]
            received = b""
            while len(received) < 2 * size:
                received += await asyncio.get_running_loop().sock_recv(theirs, 1 << 16)
            await asyncio.gather(*writing)
        return received

    assert asyncio.run(asyncio.wait_for(run(), LIMIT)) == b"a" * size + b"b" * size


def test_without_a_free_descriptor_the_loop_does_not_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def exhausted(self: socket.socket) -> None:
        nonlocal calls
        calls += 1
        raise OSError(errno.EMFILE, "Too many open files")

    async def run() -> int:
        async with house() as lab:
            with monkeypatch.context() as patch:
                patch.setattr(socket.socket, "accept", exhausted)
                reader, writer = await lab.connect(register(1))
                for _ in range(100):
                    await asyncio.sleep(0)
            answer = await status(reader)  # afterwards it goes on
            writer.close()
            return answer

    assert asyncio.run(run()) == 401
    assert calls == 1


def test_connections_are_fewer_than_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda what: (40, 40))
    assert most_connections() == 20
    monkeypatch.setattr(resource, "getrlimit", lambda what: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert most_connections() == 512


@pytest.mark.slow
def test_five_hundred_clients_at_once() -> None:
    def asked(lab: LabProcess) -> list[bytes]:
        server = lab.server("proxy", "tcp")
        with contextlib.ExitStack() as stack:
            clients = [
                stack.enter_context(socket.create_connection((server.address, server.port), timeout=LIMIT))
                for _ in range(500)
            ]
            for client in clients:
                client.sendall(register(1))
            return [client.recv(11) for client in clients]

    with running("--schemes", "ntlm") as lab:
        assert asked(lab) == [b"SIP/2.0 401"] * 500


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1"])
def test_nothing_is_listened_on_outside_of_loopback(address: str) -> None:
    async def listen() -> None:
        listener = Listener(Room(1))
        listener.listen(address, 0, lambda accepted: asyncio.sleep(0))

    async def deploy() -> None:
        async with Deployment(LabSettings(address=address)):
            pass

    for work in (listen, deploy):
        with pytest.raises(ValueError, match="loopback only"):
            asyncio.run(work())


ZONE = Zone((ServiceRecord("_sip._tls.litwareinc.com", HOST, 5061),), ((HOST, "127.0.0.1"),))
QUERY = bytes.fromhex("000101000001000000000000037369700a6c697477617265696e6303636f6d0000010001")


@given(st.one_of(st.binary(max_size=600), st.builds(lambda tail: QUERY[:-8] + tail, st.binary(max_size=40))))
def test_no_query_breaks_the_name_server(query: bytes) -> None:
    answer = ZONE.answer(query)
    assert answer is None or answer[:2] == query[:2]


def test_a_query_whose_names_take_long_to_follow_is_not_read() -> None:
    assert ZONE.answer(QUERY + bytes(512)) is None


def test_a_server_of_frames_takes_no_more_than_it_reads() -> None:
    """What a client announces is not waited for, and not kept."""

    async def ask(port: int, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        answer = await reader.read(4)
        writer.close()
        return answer

    async def run() -> list[bytes]:
        kdc = SkewedKdc("LITWAREINC.COM")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        await kdc.start("127.0.0.1", port)
        try:
            return [await ask(port, data) for data in (b"\x7f\xff\xff\xff", b"\0\0\0\1x")]
        finally:
            await kdc.stop()

    refused, answered = asyncio.run(asyncio.wait_for(run(), LIMIT))
    assert (refused, answered[:3]) == (b"", bytes(3))


VALUES = st.one_of(
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=60),
    st.sampled_from(
        [
            "<sip:ned@litwareinc.com>;tag=1;epid=2",
            "sip:@;;",
            "<sip:ned@litwareinc.com:99999>",
            "1 REGISTER",
            "99999999999999999999 REGISTER",
            'NTLM qop="auth", realm="SIP Communications Service", targetname="hs1.litwareinc.com", gssapi-data=""',
            'NTLM realm="SIP Communications Service", targetname="hs1.litwareinc.com", opaque="0", response="zz"',
        ]
    ),
)
HEADERS = st.sampled_from(["From", "To", "Via", "Contact", "Expires", "Authorization", "CSeq", "Call-ID", "Route"])


@pytest.mark.slow
@given(st.lists(st.tuples(HEADERS, VALUES), max_size=6), st.sampled_from(["REGISTER", "INVITE", "CANCEL", "ACK"]))
def test_no_request_breaks_the_registrar(fields: list[tuple[str, str]], method: str) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    framer = StreamFramer()
    framer.feed(f"{method} sip:litwareinc.com SIP/2.0\r\n{lines}Content-Length: 0\r\n\r\n".encode("latin-1"))
    request = framer.next()
    assert isinstance(request, Request)
    with contextlib.suppress(SipError):  # there is nothing to answer
        response = registrar(LabLog()).answer(request, Peer("127.0.0.1", 1, "tcp"))
        assert response is None or response.to_bytes().startswith(b"SIP/2.0 ")
