"""Messages over a connection, and the ways in which a server can fail to give one."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from sipauthctl.network.errors import (
    AnswerTimeout,
    ConnectionClosed,
    ConnectionRefused,
    ConnectTimeout,
    ProtocolError,
)
from sipauthctl.network.evidence import Endpoint, Transport
from sipauthctl.network.tls import TlsPolicy
from sipauthctl.network.transport import Connection, Timeouts, connect
from sipauthctl.sip.limits import DEFAULT_LIMITS
from sipauthctl.sip.message import Response
from tests.network.peers import (
    HOST,
    LIMITS,
    LOOPBACK,
    OK,
    connected,
    refusal,
    run,
    sending,
    sending_then_closing,
    serving,
    tcp_endpoint,
)


def test_plain_tcp_proves_nothing() -> None:
    async def scenario() -> None:
        async with serving(sending(OK)) as port, connected(tcp_endpoint(port)) as connection:
            assert connection.tls is None
            assert not connection.proven
            assert connection.peer == (LOOPBACK, port)

    run(scenario())


def test_what_is_sent_arrives_and_local_is_what_the_server_sees() -> None:
    async def scenario() -> None:
        seen: asyncio.Queue[tuple[object, bytes]] = asyncio.Queue()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.put_nowait((writer.get_extra_info("peername"), await reader.readexactly(5)))

        async with serving(serve) as port, connected(tcp_endpoint(port)) as connection:
            await connection.send(b"HELLO")
            assert await seen.get() == (connection.local, b"HELLO")

    run(scenario())


def test_messages_in_one_segment_come_one_by_one() -> None:
    async def scenario() -> None:
        second = OK.replace(b"body", b"more")
        async with serving(sending(OK + second)) as port, connected(tcp_endpoint(port)) as connection:
            first, then = await connection.receive(5), await connection.receive(5)
            assert (first.to_bytes(), then.to_bytes()) == (OK, second)

    run(scenario())


def test_messages_in_one_segment_leave_timers_and_signals_their_turn() -> None:
    async def scenario() -> None:
        async with serving(sending(OK * 50)) as port, connected(tcp_endpoint(port)) as connection:
            turns = 0

            async def count() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            await connection.receive(5)  # now all of them are there
            counting = asyncio.create_task(count())
            for _ in range(49):
                await connection.receive(5)
            counting.cancel()
            assert turns >= 49

    run(scenario())


def test_a_message_in_single_bytes_is_one_message() -> None:
    async def scenario() -> None:
        async with (
            serving(sending(*(bytes([byte]) for byte in OK))) as port,
            connected(tcp_endpoint(port)) as connection,
        ):
            assert (await connection.receive(5)).to_bytes() == OK

    run(scenario())


def test_a_keep_alive_ping_is_answered_and_passed_over() -> None:
    async def scenario() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"\r\n"
            writer.write(OK)
            await reader.read()

        async with serving(serve) as port, connected(tcp_endpoint(port)) as connection:
            message = await connection.receive(5)
            assert isinstance(message, Response) and message.status == 200

    run(scenario())


def test_a_port_where_nothing_listens_is_refused() -> None:
    async def scenario() -> None:
        with socket.socket() as bound:  # bound and not listening: nobody else gets the port meanwhile
            bound.bind((LOOPBACK, 0))
            error = await refusal(tcp_endpoint(bound.getsockname()[1]))
        assert isinstance(error, ConnectionRefused)
        assert "connection refused" in str(error)

    run(scenario())


@pytest.mark.parametrize("address", ["255.255.255.255", "ff02::1%255"])
def test_an_address_that_cannot_be_reached_is_refused(address: str) -> None:
    async def scenario() -> None:
        with pytest.raises(ConnectionRefused, match=address.split("%")[0]):
            await connect(Endpoint(HOST, 5060, Transport.TCP), address, TlsPolicy(), LIMITS)

    run(scenario())


def test_a_host_that_does_not_answer_is_a_time_out() -> None:
    """A full backlog drops further connections, as a firewall does."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as full, socket.socket() as first, socket.socket() as second:
            full.bind((LOOPBACK, 0))
            full.listen(0)
            fillers = []
            for filler in (first, second):
                filler.setblocking(False)
                fillers.append(asyncio.create_task(loop.sock_connect(filler, full.getsockname())))
            await fillers[0]
            error = await refusal(tcp_endpoint(full.getsockname()[1]), timeouts=Timeouts(0.2, 5, 5))
            for task in fillers:
                task.cancel()
            await asyncio.gather(*fillers, return_exceptions=True)
        assert isinstance(error, ConnectTimeout)
        assert "0.2 s" in str(error)

    run(scenario())


def test_a_silent_server_is_a_time_out() -> None:
    async def scenario() -> None:
        async with serving(sending()) as port, connected(tcp_endpoint(port)) as connection:
            with pytest.raises(AnswerTimeout, match=r"0\.2 s"):
                await connection.receive(0.2)

    run(scenario())


def test_a_slow_drip_does_not_extend_the_time_for_an_answer() -> None:
    """Each byte comes well within the limit and the message never ends."""

    async def scenario() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"SIP/2.0 200 OK\r\nSubject: ")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)

        async with serving(serve) as port, connected(tcp_endpoint(port)) as connection:
            with pytest.raises(AnswerTimeout):
                await connection.receive(0.3)

    run(scenario())


def test_pings_without_end_do_not_extend_the_time_for_an_answer() -> None:
    async def scenario() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                writer.write(b"\r\n\r\n")
                await reader.readexactly(2)

        async with serving(serve) as port, connected(tcp_endpoint(port)) as connection:
            with pytest.raises(AnswerTimeout):
                await connection.receive(0.3)

    run(scenario())


def test_an_answer_after_a_time_out_is_still_whole() -> None:
    async def scenario() -> None:
        go_on = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(OK[:20])
            await go_on.wait()
            writer.write(OK[20:])
            await reader.read()

        async with serving(serve) as port, connected(tcp_endpoint(port)) as connection:
            with pytest.raises(AnswerTimeout):
                await connection.receive(0.2)
            go_on.set()
            assert (await connection.receive(5)).to_bytes() == OK

    run(scenario())


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "without an answer"), (OK[:-2], "in the middle"), (OK[:30], "in the middle")],
)
def test_a_close_is_told_with_its_place(data: bytes, words: str) -> None:
    async def scenario() -> None:
        async with serving(sending_then_closing(data)) as port, connected(tcp_endpoint(port)) as connection:
            with pytest.raises(ConnectionClosed, match=words):
                await connection.receive(5)

    run(scenario())


def test_whole_messages_before_the_close_are_given_first() -> None:
    async def scenario() -> None:
        async with serving(sending_then_closing(OK)) as port, connected(tcp_endpoint(port)) as connection:
            assert (await connection.receive(5)).to_bytes() == OK
            with pytest.raises(ConnectionClosed):
                await connection.receive(5)

    run(scenario())


def test_a_reset_right_after_the_connection_is_a_close() -> None:
    async def scenario() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tcp = writer.get_extra_info("socket")
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

        async with serving(serve) as port, connected(tcp_endpoint(port)) as connection:
            with pytest.raises(ConnectionClosed):
                await connection.receive(5)

    run(scenario())


def test_a_reset_before_the_connection_is_noticed_is_a_close_too() -> None:
    async def scenario() -> None:
        with socket.create_server((LOOPBACK, 0)) as listening:
            port = listening.getsockname()[1]
            task = asyncio.create_task(connect(tcp_endpoint(port), LOOPBACK, TlsPolicy(), LIMITS))
            await asyncio.sleep(0)  # it begins, and waits for the event loop
            taken, _ = listening.accept()
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            taken.close()
            connection = await task
            with pytest.raises(ConnectionClosed):
                await connection.receive(5)
            await connection.close()

    run(scenario())


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "http", "HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "tls", "TLS"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "ssh", "SSH"),
        (b"\x00\x01\x02\x03\x04\x05\x06\x07\r\n\r\n", None, "binary data"),
        (b"SIP/2.0 200 OK\r\n\r\n", None, "Content-Length"),
        (b"SIP/2.0 200 OK\r\nContent-Length: -1\r\n\r\n", None, "Content-Length"),
        (b"SIP/2.0 200 OK\r\nContent-Length: 99999999999\r\n\r\n", None, "99999999999"),
    ],
)
def test_what_is_not_sip_is_told_as_what_it_is(data: bytes, kind: str | None, words: str) -> None:
    async def scenario() -> None:
        async with serving(sending(data)) as port, connected(tcp_endpoint(port)) as connection:
            with pytest.raises(ProtocolError, match=words) as caught:
                await connection.receive(5)
            assert caught.value.kind == kind
            assert str(caught.value).isprintable()

    run(scenario())


def test_garbage_after_an_answer_is_not_taken_for_the_kind_of_the_whole() -> None:
    async def scenario() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(OK)
            await reader.readexactly(4)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await reader.read()

        async with serving(serve) as port, connected(tcp_endpoint(port)) as connection:
            await connection.receive(5)
            await connection.send(b"next")
            with pytest.raises(ProtocolError) as caught:
                await connection.receive(5)
            assert caught.value.kind is None

    run(scenario())


def test_an_endless_header_is_cut_off_at_the_limit_of_a_line() -> None:
    """The server may send for ever: what it gets rid of is bounded by the limit and the buffers on the way."""

    async def scenario() -> None:
        taken = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal taken
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
            writer.write(b"SIP/2.0 200 OK\r\nSubject: ")
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
                taken += 65_536

        async with serving(serve) as port, connected(tcp_endpoint(port)) as connection:
            with pytest.raises(ProtocolError, match="line"):
                await connection.receive(5)
            assert taken < DEFAULT_LIMITS.line + 16 * 1_048_576

    run(scenario())


@pytest.mark.slow
def test_a_server_that_takes_no_data_does_not_hold_up_the_sender() -> None:
    async def scenario() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.Event().wait()

        async with (
            serving(serve) as port,
            connected(tcp_endpoint(port), timeouts=Timeouts(5, 5, 0.2)) as connection,
        ):
            with pytest.raises(AnswerTimeout, match="took no data"):
                await connection.send(b"x" * 32_000_000)

    run(scenario())


async def send_often(connection: Connection) -> None:
    """The reset comes back after the first."""
    for _ in range(100):
        await connection.send(b"x")


def test_sending_after_the_server_closed_is_told() -> None:
    async def scenario() -> None:
        async with serving(sending_then_closing(b"")) as port, connected(tcp_endpoint(port)) as connection:
            with pytest.raises(ConnectionClosed):
                await connection.receive(5)
            with pytest.raises(ConnectionClosed):
                await send_often(connection)

    run(scenario())


def test_closing_twice_and_after_an_error_is_no_error() -> None:
    async def scenario() -> None:
        async with serving(sending_then_closing(b"\x00\x00\x00\x00\r\n\r\n")) as port:
            connection = await connect(tcp_endpoint(port), LOOPBACK, TlsPolicy(), LIMITS)
            with pytest.raises(ProtocolError):
                await connection.receive(5)
            await connection.close()
            await connection.close()
            with pytest.raises(ProtocolError):
                await connection.receive(5)

    run(scenario())
