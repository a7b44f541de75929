"""DNS questions with their answers kept as evidence."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from enum import Enum

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
from dns.rdtypes.IN.SRV import SRV

DNS_PORT = 53


class QueryOutcome(Enum):
    """How a name server answered."""

    ANSWERED = "answered"
    NO_SUCH_NAME = "no such name"
    NO_DATA = "no record of this type"
    TIMEOUT = "no answer"
    FAILED = "the name server failed"


@dataclass(frozen=True, slots=True)
class Query:
    """One question and what came of it; `answers` as text, one record each."""

    name: str
    record_type: str
    outcome: QueryOutcome
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceTarget:
    """One SRV record, RFC 2782. The target has no final dot; it is empty where the service is not offered."""

    target: str
    port: int
    priority: int
    weight: int


class Resolver:
    """Asks one name server, or those of the system.

    Args:
        nameserver: `HOST[:PORT]` with an IP address, None for the system's.
        seconds: limit for each question.

    Raises:
        ValueError: `nameserver` is not of that form, or the system has no name server.
    """

    def __init__(self, nameserver: str | None, seconds: float) -> None:
        self._given = nameserver is not None
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=nameserver is None)
        except dns.resolver.NoResolverConfiguration:
            self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.lifetime = seconds
        if nameserver is not None:
            host, port = _host_and_port(nameserver)
            self._resolver.port = port  # before the name servers, which take it over
            self._resolver.nameservers = [host]
        self.queries: list[Query] = []
        """All questions so far, in order."""

    @property
    def silent(self) -> bool:
        """Whether the last question got no answer at all: asking the same name server on would only cost time."""
        return bool(self.queries) and self.queries[-1].outcome is QueryOutcome.TIMEOUT

    async def services(self, name: str) -> tuple[ServiceTarget, ...]:
        """The SRV records of `name`; none where there are none, for whatever reason (see `queries`)."""
        answer = await self._ask(name, "SRV")
        records = [record for record in answer if isinstance(record, SRV)]
        return tuple(ServiceTarget(str(r.target).rstrip("."), r.port, r.priority, r.weight) for r in records)

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The IP addresses of a host, IPv4 first; an address is its own. None where it has none."""
        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            pass
        if not self._given:
            return await self._system_addresses(host)
        found = []
        for record_type in ("A", "AAAA"):
            found += [str(record) for record in await self._ask(host, record_type)]
        return tuple(found)

    async def _system_addresses(self, host: str) -> tuple[str, ...]:
        """As every other program on this computer finds it, /etc/hosts included."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._resolver.lifetime):
                infos = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except TimeoutError:
            self.queries.append(Query(host, "A", QueryOutcome.TIMEOUT))
            return ()
        except (OSError, UnicodeError):
            self.queries.append(Query(host, "A", QueryOutcome.NO_SUCH_NAME))
            return ()
        addresses = tuple(dict.fromkeys(str(info[4][0]) for info in infos))
        self.queries.append(Query(host, "A", QueryOutcome.ANSWERED, addresses))
        return addresses

    async def _ask(self, name: str, record_type: str) -> list[object]:
        outcome, records = QueryOutcome.ANSWERED, []
        try:
            answer = await self._resolver.resolve(name, record_type, search=False)
            records = list(answer)
        except dns.resolver.NXDOMAIN:
            outcome = QueryOutcome.NO_SUCH_NAME
        except dns.resolver.NoAnswer:
            outcome = QueryOutcome.NO_DATA
        except dns.exception.Timeout:
            outcome = QueryOutcome.TIMEOUT
        except (dns.exception.DNSException, OSError, ValueError):
            outcome = QueryOutcome.FAILED
        self.queries.append(Query(name, record_type, outcome, tuple(str(record) for record in records)))
        return records


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":") if text.count(":") == 1 or text.startswith("[") else (text, "", "")
    if not colon or text.endswith("]"):
        host, port = text, str(DNS_PORT)
    host = host.strip("[]")
    try:
        ipaddress.ip_address(host)
        number = int(port)
    except ValueError:
        raise ValueError(f"a name server is an IP address and perhaps a port, not {text!a}") from None
    if not 0 < number < 65_536:
        raise ValueError(f"not a port of a name server: {text!a}")
    return host, number
