"""Questions to a KDC: MIT's, and peers that are silent, closed or hostile."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

import pytest

from sipauthctl.lab.accounts import ACCOUNTS
from sipauthctl.lab.kdc import Kdc, KdcSettings, KeyType
from sipauthctl.lab.kdc_impostor import SkewedKdc
from sipauthctl.mechanisms.kerberos.as_exchange import (
    PREAUTH_REQUIRED,
    RESPONSE_TOO_BIG,
    KdcAnswer,
    as_request,
    read_answer,
    timestamp_kind,
)
from sipauthctl.mechanisms.kerberos.names import KerberosName
from sipauthctl.mechanisms.kerberos.preauth import encrypted_timestamp
from sipauthctl.network import datagrams
from sipauthctl.network import kdc as module
from sipauthctl.network.datagrams import NoAnswer
from tests.cleared import cleared
from tests.external import DEMANDED

_T = TypeVar("_T")
REALM = "LITWAREINC.COM"
NED = as_request(KerberosName("ned", REALM), 1)

needs_mit = pytest.mark.skipif(Kdc.missing() is not None and not DEMANDED, reason=str(Kdc.missing()))


def now() -> datetime:
    return datetime.now(UTC)


def settles(data: bytes) -> bool:
    return read_answer(data).code != RESPONSE_TOO_BIG


async def ask(port: int, request: bytes = NED, seconds: float = 5.0) -> module.Answered:
    return await module.ask("127.0.0.1", port, request, seconds=seconds, now=now, settles=settles)


def beside_mit(work: Callable[[int], Awaitable[_T]], settings: KdcSettings | None = None) -> _T:
    async def main() -> _T:
        async with Kdc(settings or KdcSettings()) as kdc:
            return await work(kdc.port)

    return asyncio.run(main())


@pytest.mark.external
@needs_mit
class TestMit:
    def test_each_account_without_a_password(self) -> None:
        async def work(port: int) -> dict[str, KdcAnswer]:
            users = [*(account.user for account in ACCOUNTS), "nobody"]
            requests = [as_request(KerberosName(user, REALM), 1) for user in users]
            answers = [await ask(port, request) for request in requests]
            assert {answer.by for answer in answers} == {"UDP"}
            return {user: read_answer(answer.data) for user, answer in zip(users, answers, strict=True)}

        answers = beside_mit(work)
        codes = {user: answer.code for user, answer in answers.items()}
        assert codes == {
            "ned": PREAUTH_REQUIRED,
            "nina": PREAUTH_REQUIRED,
            "olaf": PREAUTH_REQUIRED,
            "dora": 18,
            "luis": 18,
            "edda": 1,
            "petra": 23,
            "mona": 23,
            # Only Active Directory knows hours and workstations.
            "hugo": PREAUTH_REQUIRED,
            "wanda": PREAUTH_REQUIRED,
            "nobody": 6,
        }
        assert all(answer.realm == REALM for answer in answers.values())

    def test_its_clock_is_this_computers(self) -> None:
        async def work(port: int) -> tuple[datetime, module.Answered]:
            answered = await ask(port)
            time = read_answer(answered.data).time
            assert time is not None
            return time, answered

        time, answered = beside_mit(work)
        assert answered.sent - timedelta(seconds=1) <= time <= answered.received + timedelta(seconds=1)

    @pytest.mark.parametrize("key_type", list(KeyType))
    def test_it_takes_a_timestamp_made_from_the_password_and_no_other(self, key_type: KeyType) -> None:
        async def work(port: int) -> list[int]:
            name = KerberosName("ned", REALM)
            first = read_answer((await ask(port)).data)
            codes = []
            for password in ("Litware-Ned-1", "Litware-Ned-2"):
                stamp = encrypted_timestamp(
                    first.key_types[0],
                    password,
                    now(),
                    secrets.token_bytes,
                    cleared(timestamp_kind(first.key_types[0].etype)),
                )
                codes.append(read_answer((await ask(port, as_request(name, 2, timestamp=stamp))).data).code)
            return codes

        assert beside_mit(work, KdcSettings(key_type=key_type)) == [0, 24]

    def test_an_account_that_needs_no_proof_shows_the_clock_only_with_an_unknown_service(self) -> None:
        async def main() -> list[KdcAnswer]:
            async with Kdc(KdcSettings()) as kdc:
                await kdc.administer("modify_principal -requires_preauth ned")
                requests = NED, as_request(KerberosName("ned", REALM), 1, service=("krbtgt", "NOWHERE.INVALID"))
                return [read_answer((await ask(kdc.port, request)).data) for request in requests]

        ticket, error = asyncio.run(main())
        assert (ticket.code, ticket.time, ticket.realm) == (0, None, REALM)
        assert error.code == 7 and error.time is not None


def test_a_port_where_nothing_listens_is_told_by_both_ways() -> None:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", tcp.getsockname()[1]))
        port = tcp.getsockname()[1]
    with pytest.raises(NoAnswer) as caught:
        asyncio.run(ask(port))
    assert caught.value.refused
    assert "by UDP: connection refused" in str(caught.value)
    assert f"port {port}: connection refused" in str(caught.value)


def test_a_silent_one_costs_the_limit() -> None:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(("127.0.0.1", tcp.getsockname()[1]))
        with pytest.raises(NoAnswer) as caught:
            asyncio.run(ask(tcp.getsockname()[1], seconds=0.2))
    assert not caught.value.refused
    assert "no answer within" in str(caught.value)


def _tcp_only(answer: bytes) -> bytes | str:
    """What comes of a peer that sends these bytes over TCP, and nothing by UDP."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(answer)
        writer.close()

    async def main() -> bytes | str:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            try:
                return (await ask(server.sockets[0].getsockname()[1])).data
            except NoAnswer as error:
                return str(error)

    return asyncio.run(main())


def test_tcp_takes_over_where_udp_is_closed() -> None:
    assert _tcp_only(b"\0\0\0\3abc") == b"abc"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "without an answer"),
        (b"\0\0\0\7abc", "without an answer"),
        (b"\x7f\xff\xff\xff", "2147483647 bytes"),
    ],
)
def test_a_hostile_peer_ends_in_one_sentence(answer: bytes, words: str) -> None:
    told = _tcp_only(answer)
    assert isinstance(told, str) and words in told


def test_an_answer_that_is_too_big_for_udp_comes_by_tcp() -> None:
    class TooBig(SkewedKdc):
        """Says so by UDP (and TCP): code 52 in the place of 37."""

        def answer(self) -> bytes:
            return super().answer().replace(b"\xa6\x03\x02\x01\x25", b"\xa6\x03\x02\x01\x34")

    async def main() -> module.Answered:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        kdc = TooBig(REALM)
        await kdc.start("127.0.0.1", port)
        try:
            return await ask(port)
        finally:
            await kdc.stop()

    answered = asyncio.run(main())
    assert answered.by == "TCP"
    assert read_answer(answered.data).code == RESPONSE_TOO_BIG


def test_answers_of_others_and_late_ones_are_passed_over() -> None:
    async def main() -> bytes:
        loop = asyncio.get_running_loop()

        class Twice(asyncio.DatagramProtocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport = cast(asyncio.DatagramTransport, transport)

            def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
                for answer in (b"old", b"new", b"newer"):
                    self.transport.sendto(answer, address)

        transport, _ = await loop.create_datagram_endpoint(Twice, local_addr=("127.0.0.1", 0))
        try:
            port = transport.get_extra_info("sockname")[1]
            return await datagrams.ask("127.0.0.1", port, b"?", 5, lambda data: data.startswith(b"new"))
        finally:
            transport.close()

    assert asyncio.run(main()) == b"new"
