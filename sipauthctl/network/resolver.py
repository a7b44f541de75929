"""DNS questions with their answers kept as evidence."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from dataclasses import dataclass
from enum import Enum

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.IN.SRV import SRV

DNS_PORT = 53
SHORT_SECONDS = 0.3
"""How long a question waits where the name server was silent: enough for /etc/hosts, and for one that is there."""
_NO_ANSWER = (socket.EAI_AGAIN, socket.EAI_FAIL)
MAX_ADDRESSES = 10
"""How many addresses of one host are worth trying."""


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
    """Asks one name server, or those of the system. Its questions can be asked at the same time.

    A name server that leaves a question unanswered and has answered none before counts as dead: until it answers,
    further questions wait only for `SHORT_SECONDS`, so that it costs the limit once in a run.

    Args:
        nameserver: `HOST[:PORT]` with an IP address, None for the system's.
        seconds: limit for each question, all repetitions included.

    Raises:
        ValueError: `nameserver` is not of that form.
    """

    def __init__(self, nameserver: str | None, seconds: float) -> None:
        self._given = nameserver is not None
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=nameserver is None)
        except dns.resolver.NoResolverConfiguration:
            self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._limit = seconds
        self._answered = self._dead = False
        if nameserver is not None:
            host, port = host_and_port(nameserver)
            self._resolver.port = port  # before the name servers, which take it over
            self._resolver.nameservers = [host]
        self.queries: list[Query] = []
        """All questions so far, in the order of asking."""

    async def services(self, name: str) -> tuple[ServiceTarget, ...]:
        """The SRV records of `name`; none where there are none, for whatever reason (see `queries`)."""
        answer = await self._ask(name, "SRV")
        records = [record for record in answer if isinstance(record, SRV)]
        return tuple(ServiceTarget(str(r.target).rstrip("."), r.port, r.priority, r.weight) for r in records)

    async def alias(self, host: str) -> str | None:
        """What `host` is an alias (CNAME) of, without the final dot; None where it is none."""
        answer = await self._ask(host, "CNAME")
        return next((str(record.target).rstrip(".") for record in answer if isinstance(record, CNAME)), None)

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The first IP addresses of a host, IPv4 first; an address is its own. None where it has none."""
        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            pass
        if not self._given:
            return await self._system_addresses(host)
        found = await asyncio.gather(self._ask(host, "A"), self._ask(host, "AAAA"))
        return tuple(str(record) for records in found for record in records)[:MAX_ADDRESSES]

    async def _system_addresses(self, host: str) -> tuple[str, ...]:
        """As every other program on this computer finds it, /etc/hosts included."""
        position = self._note(host, "A, AAAA")
        try:
            async with asyncio.timeout(self._seconds):
                found, outcome = await _system_lookup(host), QueryOutcome.ANSWERED
        except TimeoutError:
            found, outcome = (), QueryOutcome.TIMEOUT
        except (OSError, ValueError) as error:
            unanswered = isinstance(error, socket.gaierror) and error.errno in _NO_ANSWER
            found, outcome = (), QueryOutcome.FAILED if unanswered else QueryOutcome.NO_SUCH_NAME
        self._learn(position, Query(host, "A, AAAA", outcome, found))
        return found[:MAX_ADDRESSES]

    async def _ask(self, name: str, record_type: str) -> list[object]:
        position = self._note(name, record_type)
        outcome, records = QueryOutcome.ANSWERED, []
        try:
            answer = await self._resolver.resolve(name, record_type, search=False, lifetime=self._seconds)
            records = list(answer)
        except dns.resolver.NXDOMAIN:
            outcome = QueryOutcome.NO_SUCH_NAME
        except dns.resolver.NoAnswer:
            outcome = QueryOutcome.NO_DATA
        except dns.exception.Timeout:
            outcome = QueryOutcome.TIMEOUT
        except (dns.exception.DNSException, OSError, ValueError):
            outcome = QueryOutcome.FAILED
        self._answered |= outcome is not QueryOutcome.TIMEOUT  # unlike /etc/hosts, this proves that it is there
        self._learn(position, Query(name, record_type, outcome, tuple(str(record) for record in records)))
        return records

    @property
    def _seconds(self) -> float:
        return min(self._limit, SHORT_SECONDS) if self._dead else self._limit

    def _learn(self, position: int, query: Query) -> None:
        self.queries[position] = query
        self._dead = query.outcome is QueryOutcome.TIMEOUT and not self._answered

    def _note(self, name: str, record_type: str) -> int:
        """Takes the place of a question in the list before it is answered, since answers come in any order."""
        self.queries.append(Query(name, record_type, QueryOutcome.TIMEOUT))
        return len(self.queries) - 1


async def _system_lookup(host: str) -> tuple[str, ...]:
    """getaddrinfo in a thread of its own.

    The event loop's own threads are waited for when a program ends, and a lookup with a silent name server takes long.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def settle(found: tuple[str, ...], error: Exception | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(found)

    def look_up() -> None:
        found: tuple[str, ...] = ()
        problem: Exception | None = None
        try:
            infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            found = tuple(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, ValueError) as error:
            problem = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, found, problem)

    threading.Thread(target=look_up, name="getaddrinfo", daemon=True).start()
    return await result


class RememberingResolver(Resolver):
    """Asks each question once, for a run in which several ask the same; what is asked at the same time, too."""

    def __init__(self, nameserver: str | None, seconds: float) -> None:
        super().__init__(nameserver, seconds)
        self._services: dict[str, asyncio.Task[tuple[ServiceTarget, ...]]] = {}
        self._addresses: dict[str, asyncio.Task[tuple[str, ...]]] = {}

    async def services(self, name: str) -> tuple[ServiceTarget, ...]:
        """As in the class above."""
        if name not in self._services:
            self._services[name] = asyncio.create_task(super().services(name))
        return await asyncio.shield(self._services[name])

    async def addresses(self, host: str) -> tuple[str, ...]:
        """As in the class above."""
        if host not in self._addresses:
            self._addresses[host] = asyncio.create_task(super().addresses(host))
        return await asyncio.shield(self._addresses[host])


def host_and_port(text: str) -> tuple[str, int]:
    """Address and port of a name server that was given as `HOST[:PORT]`.

    Raises:
        ValueError: `text` is not of that form.
    """
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
