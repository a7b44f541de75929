"""Which servers are found for a SIP domain, and in which order they are tried."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.network.discovery import MAX_TARGETS, Candidate, Discovery, discover, order
from sipauthctl.network.evidence import Endpoint, Transport
from sipauthctl.network.resolver import QueryOutcome, Resolver, ServiceTarget
from tests.network.peers import NameServer, run

DOMAIN = "litwareinc.com"
HS1 = "hs1.litwareinc.com. 60 IN A 192.0.2.1\n"
SRV = {
    "_sipinternaltls._tcp": "_sipinternaltls._tcp.litwareinc.com. 60 IN SRV 0 0 5061 hs1.litwareinc.com.\n",
    "_sipinternal._tcp": "_sipinternal._tcp.litwareinc.com. 60 IN SRV 0 0 5060 hs1.litwareinc.com.\n",
    "_sip._tls": "_sip._tls.litwareinc.com. 60 IN SRV 0 0 443 hs1.litwareinc.com.\n",
}
HOSTS = {
    "sipinternal": "sipinternal.litwareinc.com. 60 IN A 192.0.2.11\n",
    "sip": "sip.litwareinc.com. 60 IN A 192.0.2.12\n",
    "sipexternal": "sipexternal.litwareinc.com. 60 IN A 192.0.2.13\n",
}


async def found(server: NameServer, transport: Transport, seconds: float = 5) -> tuple[Discovery | None, Resolver]:
    resolver = Resolver(server.address, seconds)
    return await discover(DOMAIN, transport, resolver, random.Random(0)), resolver


@pytest.mark.parametrize(
    ("zone", "transport", "source", "port"),
    [
        ([*SRV.values(), *HOSTS.values()], Transport.TLS, "_sipinternaltls._tcp", 5061),
        ([SRV["_sip._tls"], SRV["_sipinternal._tcp"], *HOSTS.values()], Transport.TLS, "_sip._tls", 443),
        ([*SRV.values(), *HOSTS.values()], Transport.TCP, "_sipinternal._tcp", 5060),
        ([*HOSTS.values()], Transport.TLS, "sipinternal", 5061),
        ([*HOSTS.values(), SRV["_sipinternal._tcp"]], Transport.TLS, "sipinternal", 5061),
        ([HOSTS["sip"], HOSTS["sipexternal"]], Transport.TLS, "sip", 5061),
        ([HOSTS["sipexternal"]], Transport.TLS, "sipexternal", 5061),
        ([HOSTS["sip"], SRV["_sip._tls"]], Transport.TCP, "sip", 5060),
    ],
)
def test_the_first_name_in_the_clients_order_counts(
    zone: list[str], transport: Transport, source: str, port: int
) -> None:
    async def scenario() -> None:
        async with NameServer(HS1 + "".join(zone)).running() as server:
            discovery, _ = await found(server, transport)
        assert discovery is not None
        assert discovery.source == f"{source}.{DOMAIN}"
        assert discovery.by_srv == source.startswith("_")
        (candidate,) = discovery.candidates
        assert candidate.server.port == port
        assert candidate.server.transport is transport
        assert candidate.server.host == (f"hs1.{DOMAIN}" if discovery.by_srv else discovery.source)
        assert candidate.addresses

    run(scenario())


def test_a_domain_without_any_server_is_nothing_and_every_question_is_kept() -> None:
    async def scenario() -> None:
        async with NameServer(HS1).running() as server:
            discovery, resolver = await found(server, Transport.TLS)
        assert discovery is None
        assert [(query.name, query.record_type) for query in resolver.queries] == [
            (f"_sipinternaltls._tcp.{DOMAIN}", "SRV"),
            (f"_sip._tls.{DOMAIN}", "SRV"),
            (f"sipinternal.{DOMAIN}", "A"),
            (f"sipinternal.{DOMAIN}", "AAAA"),
            (f"sip.{DOMAIN}", "A"),
            (f"sip.{DOMAIN}", "AAAA"),
            (f"sipexternal.{DOMAIN}", "A"),
            (f"sipexternal.{DOMAIN}", "AAAA"),
            (f"lyncdiscoverinternal.{DOMAIN}", "A"),
            (f"lyncdiscoverinternal.{DOMAIN}", "AAAA"),
            (f"lyncdiscover.{DOMAIN}", "A"),
            (f"lyncdiscover.{DOMAIN}", "AAAA"),
        ]
        assert {query.outcome for query in resolver.queries} == {QueryOutcome.NO_SUCH_NAME}

    run(scenario())


def test_a_service_that_is_not_offered_is_passed_over() -> None:
    async def scenario() -> None:
        zone = f"_sipinternaltls._tcp.{DOMAIN}. 60 IN SRV 0 0 0 .\n" + SRV["_sip._tls"] + HS1
        async with NameServer(zone).running() as server:
            discovery, _ = await found(server, Transport.TLS)
        assert discovery is not None
        assert discovery.source == f"_sip._tls.{DOMAIN}"

    run(scenario())


def test_a_target_without_an_address_stays_a_candidate_without_one() -> None:
    async def scenario() -> None:
        zone = (
            f"_sip._tls.{DOMAIN}. 60 IN SRV 10 0 5061 gone.{DOMAIN}.\n"
            f"_sip._tls.{DOMAIN}. 60 IN SRV 20 0 5061 hs1.{DOMAIN}.\n" + HS1
        )
        async with NameServer(zone).running() as server:
            discovery, _ = await found(server, Transport.TLS)
        assert discovery is not None
        assert discovery.candidates == (
            Candidate(Endpoint(f"gone.{DOMAIN}", 5061, Transport.TLS), ()),
            Candidate(Endpoint(f"hs1.{DOMAIN}", 5061, Transport.TLS), ("192.0.2.1",)),
        )

    run(scenario())


def test_a_silent_name_server_costs_its_limit_once_for_each_kind_of_name() -> None:
    """All questions of a kind are out before the first of them is given up, so they share one limit."""

    async def scenario() -> None:
        async with NameServer(silent=("*",)).running() as server:
            discovery, resolver = await found(server, Transport.TLS, 0.2)
            assert discovery is None
            assert len(resolver.queries) == 12
            assert {query.outcome for query in resolver.queries} == {QueryOutcome.TIMEOUT}
            first = [name for name, _, _ in server.asked[:2]]
            assert first == [f"_sipinternaltls._tcp.{DOMAIN}", f"_sip._tls.{DOMAIN}"]

    run(scenario())


def test_a_domain_with_hundreds_of_targets_gives_only_as_many_as_are_worth_trying() -> None:
    async def scenario() -> None:
        zone = "".join(f"_sip._tls.{DOMAIN}. 60 IN SRV 0 1 5061 s{n}.{DOMAIN}.\n" for n in range(300))
        server = NameServer(zone)
        server.truncating = True
        async with server.running():
            discovery, resolver = await found(server, Transport.TLS)
        assert discovery is not None
        assert len(discovery.candidates) == MAX_TARGETS
        assert len(resolver.queries) == 2 + 2 * MAX_TARGETS

    run(scenario())


targets = st.builds(
    ServiceTarget,
    target=st.sampled_from(["a.example", "b.example", "c.example", "d.example"]),
    port=st.integers(1, 65_535),
    priority=st.integers(0, 3),
    weight=st.integers(0, 65_535),
)


@given(st.lists(targets, max_size=12), st.integers())
def test_an_order_has_every_target_once_by_priority(records: list[ServiceTarget], seed: int) -> None:
    ordered = order(records, random.Random(seed))
    assert Counter(ordered) == Counter(records)
    priorities = [target.priority for target in ordered]
    assert priorities == sorted(priorities)


@given(st.lists(targets, max_size=6))
def test_a_root_target_is_never_tried(records: list[ServiceTarget]) -> None:
    assert Counter(order([ServiceTarget("", 0, 0, 0), *records], random.Random(1))) == Counter(records)


def test_weights_decide_how_often_a_target_comes_first() -> None:
    records = [ServiceTarget("small.example", 5061, 0, 10), ServiceTarget("large.example", 5061, 0, 30)]
    rng = random.Random(2782)
    first = Counter(order(records, rng)[0].target for _ in range(4_000))
    # RFC 2782 draws from 0 to the sum inclusive: 11 of 41 draws give the small one; five standard deviations is 140.
    assert abs(first["small.example"] - 4_000 * 11 / 41) < 140


def test_a_target_of_weight_zero_has_a_small_chance_beside_others() -> None:
    records = [ServiceTarget("heavy.example", 5061, 0, 99), ServiceTarget("zero.example", 5061, 0, 0)]
    rng = random.Random(2782)
    first = Counter(order(records, rng)[0].target for _ in range(10_000))
    assert 0 < first["zero.example"] < 200
