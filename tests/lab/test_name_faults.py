"""The faults of DNS and NetBIOS as dnspython and packets written by hand see them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.faults import behaviour_with
from sipauthctl.lab.settings import LabSettings
from sipauthctl.mechanisms.base import Scheme
from tests.external import needs_kdc

T = TypeVar("T")
LIMIT = 10.0
SHORT = 0.2  # seconds, for what does not come
SIP_SERVICES = ("_sipinternaltls._tcp.litwareinc.com", "_sipinternal._tcp.litwareinc.com", "_sip._tls.litwareinc.com")
BOTH = (Scheme.KERBEROS, Scheme.NTLM)


def with_lab(work: Callable[[Deployment], Awaitable[T]], *faults: str, **settings: Any) -> T:
    async def main() -> T:
        async with Deployment(LabSettings(behaviour=behaviour_with(faults), **settings)) as deployment:
            return await work(deployment)

    return asyncio.run(main())


@dataclass
class Answer:
    """An answer: the response code, and the records of the answer section, each as its type and text."""

    code: str
    records: list[str]


async def ask(deployment: Deployment, name: str, kind: str, *, tcp: bool = False, limit: float = LIMIT) -> Answer:
    """One question to the lab's name server; records without their time to live."""
    host, port = deployment.nameserver.split(":")
    question = dns.message.make_query(name, kind)
    by = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    message = await by(question, host, limit, int(port))
    records = [f"{dns.rdatatype.to_text(r.rdtype)} {entry.to_text()}" for r in message.answer for entry in r]
    return Answer(dns.rcode.to_text(message.rcode()), records)


def asking(
    *questions: tuple[str, str], tcp: bool = False
) -> Callable[[Deployment], Coroutine[Any, Any, list[Answer]]]:
    async def work(deployment: Deployment) -> list[Answer]:
        return [await ask(deployment, name, kind, tcp=tcp) for name, kind in questions]

    return work


def ports(deployment: Deployment) -> list[int]:
    """Of the proxy, in the order of `SIP_SERVICES`."""
    tls, tcp = deployment.server("proxy", "tls").port, deployment.server("proxy", "tcp").port
    return [tls, tcp, tls]


async def listens(port: int) -> bool:
    with suppress(ConnectionRefusedError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.transport.abort()
        return True
    return False


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_a_healthy_name_server_leads_to_the_proxy(tcp: bool) -> None:
    async def work(deployment: Deployment) -> None:
        for name, port in zip(SIP_SERVICES, ports(deployment), strict=True):
            answer = await ask(deployment, name, "SRV", tcp=tcp)
            assert answer == Answer("NOERROR", [f"SRV 0 0 {port} hs1.litwareinc.com."])
            assert await listens(port)
        assert await ask(deployment, "HS1.LitwareInc.com", "A", tcp=tcp) == Answer("NOERROR", ["A 127.0.0.1"])
        assert await ask(deployment, "hs1.litwareinc.com", "AAAA", tcp=tcp) == Answer("NOERROR", [])
        assert await ask(deployment, "hs9.litwareinc.com", "A", tcp=tcp) == Answer("NXDOMAIN", [])

    with_lab(work)


@pytest.mark.parametrize(
    ("fault", "target", "address"),
    [
        ("srv-unresolvable", "gone.litwareinc.com.", Answer("NXDOMAIN", [])),
        ("srv-foreign-domain", "sip.fabrikam.com.", Answer("NOERROR", ["A 127.0.0.1"])),
        ("srv-alias", "pool.litwareinc.com.", Answer("NOERROR", ["CNAME hs1.litwareinc.com.", "A 127.0.0.1"])),
    ],
)
def test_srv_records_that_name_another_host(fault: str, target: str, address: Answer) -> None:
    async def work(deployment: Deployment) -> None:
        for name, port in zip(SIP_SERVICES, ports(deployment), strict=True):
            assert (await ask(deployment, name, "SRV")).records == [f"SRV 0 0 {port} {target}"]
        assert await ask(deployment, target, "A") == address

    with_lab(work, fault)


def test_a_lab_on_ipv6() -> None:
    async def work(deployment: Deployment) -> None:
        assert deployment.nameserver.startswith("[::1]:")
        port = int(deployment.nameserver.rpartition(":")[2])
        for kind, records in (("AAAA", ["AAAA ::1"]), ("A", [])):
            for by in (dns.asyncquery.tcp, dns.asyncquery.udp):
                message = await by(dns.message.make_query("hs1.litwareinc.com", kind), "::1", LIMIT, port)
                assert [f"AAAA {entry.to_text()}" for r in message.answer for entry in r] == records
        assert {server.address for server in deployment.servers} == {"::1"}
        assert deployment.name_services == ()

    with_lab(work, address="::1")


def test_srv_dead_port() -> None:
    async def work(deployment: Deployment) -> None:
        for name in SIP_SERVICES:
            (record,) = (await ask(deployment, name, "SRV")).records
            _, _, _, port, target = record.split()
            assert target == "hs1.litwareinc.com."
            assert not await listens(int(port))

    with_lab(work, "srv-dead-port")


def test_srv_dead_first() -> None:
    async def work(deployment: Deployment) -> None:
        for name, living in zip(SIP_SERVICES, ports(deployment), strict=True):
            records = [record.split()[1:] for record in (await ask(deployment, name, "SRV")).records]
            first, second = sorted(records, key=lambda record: int(record[0]))
            assert int(first[0]) < int(second[0])  # the lower number is preferred, RFC 2782
            assert not await listens(int(first[2]))
            assert second[2:] == [str(living), "hs1.litwareinc.com."]

    with_lab(work, "srv-dead-first")


@pytest.mark.parametrize(
    ("fault", "host", "discovery"),
    [
        ("no-srv", "NOERROR", "NXDOMAIN"),
        ("lyncdiscover-only", "NOERROR", "NOERROR"),
        ("no-such-domain", "NXDOMAIN", "NXDOMAIN"),
    ],
)
def test_names_that_do_not_exist(fault: str, host: str, discovery: str) -> None:
    services = [(name, "SRV") for name in SIP_SERVICES]
    others = [("hs1.litwareinc.com", "A"), ("lyncdiscover.litwareinc.com", "A")]
    answers = with_lab(asking(*services, *others), fault)
    assert [answer.code for answer in answers] == ["NXDOMAIN"] * 3 + [host, discovery]
    assert [len(answer.records) for answer in answers] == [0] * 3 + [int(c == "NOERROR") for c in (host, discovery)]


@pytest.mark.external
@needs_kdc
@pytest.mark.parametrize("fault", [None, "no-domain-records"])
def test_the_records_of_the_domain(fault: str | None) -> None:
    names = ("_kerberos._udp", "_kerberos._tcp", "_ldap._tcp", "_ldap._tcp.dc._msdcs", "_gc._tcp")
    questions = [(f"{name}.litwareinc.com", "SRV") for name in names]
    answers = with_lab(asking(*questions, (SIP_SERVICES[0], "SRV")), *([fault] if fault else []), schemes=BOTH)
    assert {answer.code for answer in answers[:-1]} == {"NXDOMAIN" if fault else "NOERROR"}
    hosts = {record.split()[-1] for answer in answers[:-1] for record in answer.records}
    assert hosts == (set() if fault else {"dc1.litwareinc.com."})
    assert len(answers[-1].records) == 1


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize(("fault", "code"), [("nameserver-refuses", "REFUSED"), ("nameserver-fails", "SERVFAIL")])
def test_a_name_server_that_tells_nothing(fault: str, code: str, tcp: bool) -> None:
    questions = ((SIP_SERVICES[0], "SRV"), ("hs1.litwareinc.com", "A"), ("example.com", "A"))
    assert with_lab(asking(*questions, tcp=tcp), fault) == [Answer(code, [])] * 3


def test_a_name_server_that_is_silent() -> None:
    async def work(deployment: Deployment) -> None:
        with pytest.raises(dns.exception.Timeout):
            await ask(deployment, SIP_SERVICES[0], "SRV", limit=SHORT)
        with pytest.raises(EOFError):
            await ask(deployment, SIP_SERVICES[0], "SRV", tcp=True)

    with_lab(work, "nameserver-silent")


NB, NBSTAT = 0x20, 0x21
GROUP, CONFLICT, ACTIVE = 0x8000, 0x0800, 0x0400
BROADCAST, RECURSION = 0x0010, 0x0100


def netbios_question(name: str, suffix: int, kind: int, flags: int = 0) -> bytes:
    """RFC 1002 4.2.12 and 4.2.17; the wildcard is padded with zeros, other names with spaces."""
    padded = name.encode().ljust(15, b"\0" if name == "*" else b" ") + bytes([suffix])
    encoded = bytes(ord("A") + half for byte in padded for half in (byte >> 4, byte & 0xF))
    return struct.pack("!6H", 0x5157, flags, 1, 0, 0, 0) + b"\x20" + encoded + b"\0" + struct.pack("!HH", kind, 1)


async def netbios(deployment: Deployment, host: str, question: bytes, limit: float = LIMIT) -> bytes:
    """The answer's packet without its transaction.

    Raises:
        TimeoutError: none comes.
    """
    service = next(service for service in deployment.name_services if service.node.host == host)
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        await loop.sock_connect(client, (service.node.address, service.port))
        await loop.sock_sendall(client, question)
        async with asyncio.timeout(limit):
            answer = await loop.sock_recv(client, 1024)
    assert answer[:2] == question[:2]
    assert answer[2] & 0x80  # a response
    return answer[2:]


async def registered(deployment: Deployment, host: str) -> set[tuple[str, int, int]]:
    """Name, suffix and flags of each name of a computer: the node status response of RFC 1002 4.2.18."""
    answer = await netbios(deployment, host, netbios_question("*", 0, NBSTAT))
    data = answer[10 + 34 + 10 :]  # behind the header, the name and the fields of the record
    entries = [data[1 + 18 * index :][:18] for index in range(data[0])]
    return {
        (entry[:15].decode().rstrip(), entry[15], struct.unpack("!H", entry[16:])[0] & (GROUP | CONFLICT | ACTIVE))
        for entry in entries
    }


@pytest.mark.parametrize(
    ("fault", "domain", "conflict"),
    [
        (None, "LITWAREINC", 0),
        ("netbios-wrong-domain", "FABRIKAM", 0),
        ("workgroup-server", "WORKGROUP", 0),
        ("netbios-conflict", "LITWAREINC", CONFLICT),
    ],
)
@pytest.mark.parametrize("computer", ["hs1", "hs2"])
def test_what_a_computer_says_of_itself(computer: str, fault: str | None, domain: str, conflict: int) -> None:
    async def work(deployment: Deployment) -> set[tuple[str, int, int]]:
        return await registered(deployment, f"{computer}.litwareinc.com")

    assert with_lab(work, *([fault] if fault else [])) == {
        (computer.upper(), 0x00, ACTIVE | conflict),
        (computer.upper(), 0x20, ACTIVE | conflict),
        (domain, 0x00, GROUP | ACTIVE),
    }


def test_a_computer_answers_for_its_own_names() -> None:
    async def work(deployment: Deployment) -> None:
        host = "hs1.litwareinc.com"
        answer = await netbios(deployment, host, netbios_question("HS1", 0x20, NB, RECURSION))
        assert answer[1] & 0xF == 0
        assert answer[-4:] == socket.inet_aton("127.0.0.1")
        answer = await netbios(deployment, host, netbios_question("HS2", 0x20, NB, RECURSION))
        assert answer[1] & 0xF == 3  # a name error, RFC 1002 4.2.14
        with pytest.raises(TimeoutError):  # others may answer a broadcast
            await netbios(deployment, host, netbios_question("HS2", 0x20, NB, RECURSION | BROADCAST), SHORT)

    with_lab(work)


def test_netbios_silent() -> None:
    async def work(deployment: Deployment) -> None:
        for question in (netbios_question("*", 0, NBSTAT), netbios_question("HS1", 0x20, NB, RECURSION)):
            with pytest.raises(TimeoutError):
                await netbios(deployment, "hs1.litwareinc.com", question, SHORT)

    with_lab(work, "netbios-silent")
