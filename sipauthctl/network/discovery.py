"""Finds the server of a SIP domain as Communicator 2007 R2 does: SRV records, then well-known host names."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from sipauthctl.network.evidence import Endpoint, Transport
from sipauthctl.network.resolver import Resolver, ServiceTarget

_SERVICES = (
    ("_sipinternaltls._tcp", Transport.TLS),
    ("_sipinternal._tcp", Transport.TCP),
    ("_sip._tls", Transport.TLS),
)
_HOSTS = ("sipinternal", "sip", "sipexternal")
_PORTS = {Transport.TLS: 5061, Transport.TCP: 5060}


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

    The first SRV name with a target counts, as for the clients; host names are asked for only without any. What was
    asked stands in `resolver.queries`.
    """
    for service, offered in _SERVICES:
        if offered is not transport:
            continue
        name = f"{service}.{sip_domain}"
        targets = order(await resolver.services(name), rng)
        if targets:
            candidates = [
                Candidate(Endpoint(t.target, t.port, transport), await resolver.addresses(t.target)) for t in targets
            ]
            return Discovery(name, tuple(candidates), by_srv=True)
        if resolver.silent:
            return None
    for host in _HOSTS:
        name = f"{host}.{sip_domain}"
        addresses = await resolver.addresses(name)
        if addresses:
            server = Endpoint(name, _PORTS[transport], transport)
            return Discovery(name, (Candidate(server, addresses),), by_srv=False)
    return None


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


def within_domain(host: str, sip_domain: str) -> bool:
    """Whether a server's name lies in the SIP domain; Communicator's strict naming refuses it otherwise."""
    host, domain = host.rstrip(".").lower(), sip_domain.rstrip(".").lower()
    return host == domain or host.endswith(f".{domain}")
