"""DNS questions to a real name server on loopback, and what is kept of them."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import dns.asyncresolver
import pytest

from sipauthctl.network.resolver import (
    MAX_ADDRESSES,
    SHORT_SECONDS,
    Query,
    QueryOutcome,
    Resolver,
    ServiceTarget,
)
from tests.network.peers import LOOPBACK, NameServer, run

ZONE = """
_sip._tls.litwareinc.com.   60 IN SRV 10 60 5061 hs1.litwareinc.com.
_sip._tls.litwareinc.com.   60 IN SRV 20 0 443 Edge.litwareinc.com.
_none._tls.litwareinc.com.  60 IN SRV 0 0 0 .
hs1.litwareinc.com.         60 IN A 192.0.2.1
hs1.litwareinc.com.         60 IN AAAA 2001:db8::1
edge.litwareinc.com.        60 IN A 192.0.2.2
sip.litwareinc.com.         60 IN CNAME pool.litwareinc.com.
pool.litwareinc.com.        60 IN CNAME edge.litwareinc.com.
"""


def test_srv_records_are_read_whole() -> None:
    async def scenario() -> None:
        async with NameServer(ZONE).running() as server:
            resolver = Resolver(server.address, 5)
            assert set(await resolver.services("_sip._tls.litwareinc.com")) == {
                ServiceTarget("hs1.litwareinc.com", 5061, 10, 60),
                ServiceTarget("Edge.litwareinc.com", 443, 20, 0),
            }
            (query,) = resolver.queries
            assert (query.name, query.record_type) == ("_sip._tls.litwareinc.com", "SRV")
            assert query.outcome is QueryOutcome.ANSWERED
            assert "10 60 5061 hs1.litwareinc.com." in query.answers

    run(scenario())


def test_a_service_that_is_not_offered_has_an_empty_target() -> None:
    async def scenario() -> None:
        async with NameServer(ZONE).running() as server:
            (target,) = await Resolver(server.address, 5).services("_none._tls.litwareinc.com")
            assert target.target == ""

    run(scenario())


def test_addresses_of_both_kinds_come_with_ipv4_first() -> None:
    async def scenario() -> None:
        async with NameServer(ZONE).running() as server:
            resolver = Resolver(server.address, 5)
            assert await resolver.addresses("hs1.litwareinc.com") == ("192.0.2.1", "2001:db8::1")
            assert await resolver.addresses("edge.litwareinc.com.") == ("192.0.2.2",)
            assert [query.outcome for query in resolver.queries] == [
                QueryOutcome.ANSWERED,
                QueryOutcome.ANSWERED,
                QueryOutcome.ANSWERED,
                QueryOutcome.NO_DATA,
            ]

    run(scenario())


def test_aliases_are_followed() -> None:
    async def scenario() -> None:
        async with NameServer(ZONE).running() as server:
            assert await Resolver(server.address, 5).addresses("sip.litwareinc.com") == ("192.0.2.2",)

    run(scenario())


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7"])
def test_an_address_is_its_own_and_nobody_is_asked(host: str) -> None:
    async def scenario() -> None:
        resolver = Resolver("127.0.0.1:1", 5)
        assert await resolver.addresses(host) == (host,)
        assert resolver.queries == []

    run(scenario())


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("absent.litwareinc.com", QueryOutcome.NO_SUCH_NAME),
        ("hs1.litwareinc.com", QueryOutcome.NO_DATA),
        ("broken.litwareinc.com", QueryOutcome.FAILED),
        ("silent.litwareinc.com", QueryOutcome.TIMEOUT),
        ("a" * 64 + ".litwareinc.com", QueryOutcome.FAILED),
        ("two..dots", QueryOutcome.FAILED),
        ("\udcff", QueryOutcome.FAILED),
    ],
)
def test_no_answer_is_told_with_its_kind(name: str, outcome: QueryOutcome) -> None:
    async def scenario() -> None:
        server = NameServer(ZONE, failing=("broken.litwareinc.com",), silent=("silent.litwareinc.com",))
        async with server.running():
            resolver = Resolver(server.address, 0.3)
            assert await resolver.services(name) == ()
            assert resolver.queries == [Query(name, "SRV", outcome)]

    run(scenario())


def test_a_port_where_no_name_server_listens_is_no_answer() -> None:
    async def scenario() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
            bound.bind((LOOPBACK, 0))
            port = bound.getsockname()[1]
        resolver = Resolver(f"{LOOPBACK}:{port}", 0.3)
        assert await resolver.addresses("hs1.litwareinc.com") == ()
        assert {query.outcome for query in resolver.queries} <= {QueryOutcome.TIMEOUT, QueryOutcome.FAILED}

    run(scenario())


def test_a_truncated_answer_is_fetched_over_tcp() -> None:
    async def scenario() -> None:
        server = NameServer(ZONE)
        server.truncating = True
        async with server.running():
            targets = await Resolver(server.address, 5).services("_sip._tls.litwareinc.com")
        assert len(targets) == 2
        assert [transport for _, _, transport in server.asked] == ["udp", "tcp"]

    run(scenario())


def test_questions_at_the_same_time_are_kept_in_the_order_of_asking() -> None:
    async def scenario() -> None:
        server = NameServer(ZONE, silent=("silent.litwareinc.com",))
        async with server.running():
            resolver = Resolver(server.address, 0.3)
            await asyncio.gather(*map(resolver.services, ["silent.litwareinc.com", "_sip._tls.litwareinc.com"]))
        assert [(query.name, query.outcome) for query in resolver.queries] == [
            ("silent.litwareinc.com", QueryOutcome.TIMEOUT),
            ("_sip._tls.litwareinc.com", QueryOutcome.ANSWERED),
        ]

    run(scenario())


def test_a_dead_name_server_costs_the_limit_once(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = []
    resolve = dns.asyncresolver.Resolver.resolve

    def watched(self: dns.asyncresolver.Resolver, *args: Any, **more: Any) -> Any:
        limits.append(more["lifetime"])
        return resolve(self, *args, **more)

    monkeypatch.setattr(dns.asyncresolver.Resolver, "resolve", watched)

    async def scenario() -> None:
        server = NameServer(ZONE, silent=("*",))
        async with server.running():
            resolver = Resolver(server.address, 0.5)
            for _ in range(3):
                await asyncio.gather(resolver.services("_sip._tls.litwareinc.com"), resolver.services("a.invalid"))
            server.silent = ("silent.invalid",)
            for name in ("_sip._tls.litwareinc.com", "silent.invalid", "_sip._tls.litwareinc.com"):
                await resolver.services(name)
        assert resolver.queries[-1].outcome is QueryOutcome.ANSWERED

    run(scenario())
    # Once it has answered, a question without an answer says nothing of the others.
    assert limits == [0.5] * 2 + [SHORT_SECONDS] * 5 + [0.5] * 2


def test_no_more_addresses_than_are_worth_trying() -> None:
    async def scenario() -> None:
        zone = "\n".join(f"many.litwareinc.com. 60 IN A 192.0.2.{number}" for number in range(1, 100))
        async with NameServer(zone).running() as server:
            found = await Resolver(server.address, 5).addresses("many.litwareinc.com")
            assert len(found) == len(set(found)) == MAX_ADDRESSES

    run(scenario())


def test_without_a_name_server_the_system_is_asked() -> None:
    async def scenario() -> None:
        resolver = Resolver(None, 5)
        assert LOOPBACK in await resolver.addresses("localhost")
        assert resolver.queries[0].outcome is QueryOutcome.ANSWERED

    run(scenario())


def test_a_name_that_the_system_cannot_look_up_has_no_address() -> None:
    async def scenario() -> None:
        resolver = Resolver(None, 5)
        assert await resolver.addresses("nul\0.invalid") == ()
        assert await resolver.addresses("a" * 300) == ()
        assert {query.outcome for query in resolver.queries} == {QueryOutcome.NO_SUCH_NAME}

    run(scenario())


def test_a_system_lookup_that_hangs_holds_up_neither_the_caller_nor_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver cannot be made silent from here, so it is replaced by one that waits."""
    released = threading.Event()

    def hanging(*_: object, **__: object) -> list[object]:
        released.wait(15)
        return []

    async def scenario() -> None:
        monkeypatch.setattr(socket, "getaddrinfo", hanging)
        resolver = Resolver(None, 0.2)
        assert await resolver.addresses("hs1.litwareinc.com") == ()
        assert resolver.queries[0].outcome is QueryOutcome.TIMEOUT

    run(scenario())
    # asyncio.run has returned although the lookup goes on; it would have waited for one of its own threads.
    lookup = next(thread for thread in threading.enumerate() if thread.name == "getaddrinfo")
    assert lookup.is_alive()
    assert lookup.daemon  # nor does the interpreter wait for it
    released.set()
    lookup.join(5)


@pytest.mark.parametrize(
    "text", ["", "ns.example", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", "[::1", "::1:53:"]
)
def test_a_name_server_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="name server"):
        Resolver(text, 5)


@pytest.mark.parametrize("text", ["::1", "[::1]", "127.0.0.1", "127.0.0.1:5353", "[::1]:5353"])
def test_the_forms_of_a_name_server(text: str) -> None:
    assert Resolver(text, 5).queries == []
