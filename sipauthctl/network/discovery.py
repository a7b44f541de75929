"""Finds the server of a SIP domain as Communicator 2007 R2 does: SRV records, then well-known host names."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from sipauthctl.network.evidence import Endpoint, Transport
from sipauthctl.network.resolver import Resolver, ServiceTarget

SERVICES = (
    ("_sipinternaltls._tcp", Transport.TLS),
    ("_sipinternal._tcp", Transport.TCP),
    ("_sip._tls", Transport.TLS),
)
HOSTS = ("sipinternal", "sip", "sipexternal")
AUTODISCOVER_HOSTS = ("lyncdiscoverinternal", "lyncdiscover")
"""What Lync 2010 and later ask for first, by HTTP."""
MAX_TARGETS = 10
"""How many targets of one SRV name are worth trying."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server to try, with its addresses; none where its name has none."""

    server: Endpoint
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found: the name that led to it, and the candidates in the order of trying."""

    source: str
    candidates: tuple[Candidate, ...]
    by_srv: bool


async def discover(sip_domain: str, transport: Transport, resolver: Resolver, rng: random.Random) -> Discovery | None:
    """The servers of a SIP domain for one transport; None where DNS knows none.

    The first SRV name with a target counts, as for the clients; host names are asked for only without any, together
    with those of Autodiscover, which tell where newer clients go. Names of one kind are asked for at the same time, so
    a silent name server costs its limit twice at most. What was asked stands in `resolver.queries`.
    """
    names = [f"{service}.{sip_domain}" for service, offered in SERVICES if offered is transport]
    for name, records in zip(names, await asyncio.gather(*map(resolver.services, names)), strict=True):
        targets = order(records, rng)[:MAX_TARGETS]
        if targets:
            servers = [Endpoint(target.target, target.port, transport) for target in targets]
            return Discovery(name, await _resolved(servers, resolver), by_srv=True)
    asked = [f"{host}.{sip_domain}" for host in (*HOSTS, *AUTODISCOVER_HOSTS)]
    found = await _resolved([Endpoint(host, transport.port, transport) for host in asked], resolver)
    for candidate in found[: len(HOSTS)]:
        if candidate.addresses:
            return Discovery(candidate.server.host, (candidate,), by_srv=False)
    return None


async def _resolved(servers: Sequence[Endpoint], resolver: Resolver) -> tuple[Candidate, ...]:
    addresses = await asyncio.gather(*(resolver.addresses(server.host) for server in servers))
    return tuple(Candidate(server, found) for server, found in zip(servers, addresses, strict=True))


def order(targets: Sequence[ServiceTarget], rng: random.Random) -> tuple[ServiceTarget, ...]:
    """The targets in the order of trying, RFC 2782: by priority, then drawn by weight.

    A lone target "." says that the service is not offered, and gives nothing.
    """
    left = sorted((t for t in targets if t.target), key=lambda t: (t.priority, t.weight))
    ordered: list[ServiceTarget] = []
    while left:
        group = [t for t in left if t.priority == left[0].priority]
        # Weight 0 stands first and is taken only when the draw is 0, "a very small chance" in the RFC's words.
        draw, total = rng.randint(0, sum(t.weight for t in group)), 0
        for target in group:
            total += target.weight
            if total >= draw:
                break
        ordered.append(target)
        left.remove(target)
    return tuple(ordered)
