"""Floods against every port of a lab in a process of its own: a healthy client beside them is served, and neither
memory nor descriptors grow without bound."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dnslib import DNSRecord

from sipauthctl.lab.listener import BUFFERED_BYTES, FEW_CONNECTIONS, MOST_CONNECTIONS
from tests.lab.lab_process import LabProcess, running
from tests.lab.test_connection import LIMIT, register

pytestmark = pytest.mark.slow
FLOOD = MOST_CONNECTIONS + 100
MEMORY_BYTES = BUFFERED_BYTES + (48 << 20)
"""What floods may add: the messages that are not complete, and some tens of kilobytes for each connection."""
UNFINISHED = register(1).replace(b"Content-Length: 0", b"Content-Length: 100000") + b"x" * 60_000
QUESTION = DNSRecord.question("hs1.litwareinc.com")

Address = tuple[str, int]


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    with running("--schemes", "ntlm") as process:
        yield process


def peak(lab: LabProcess) -> int:
    """The most memory that it had resident so far, in bytes."""
    status = Path("/proc", str(lab.process.pid), "status").read_text("ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) << 10


def descriptors(lab: LabProcess) -> int:
    return len(list(Path("/proc", str(lab.process.pid), "fd").iterdir()))


@contextlib.contextmanager
def flood(address: Address, data: bytes = b"") -> Iterator[None]:
    """Connections that stay open; the server may end them."""
    with contextlib.ExitStack() as stack:
        for _ in range(FLOOD):
            client = stack.enter_context(socket.create_connection(address, timeout=LIMIT))
            with contextlib.suppress(OSError):
                client.sendall(data)
        yield


def sip(lab: LabProcess, transport: str) -> tuple[Address, Callable[[], None]]:
    """Where the server is, and what a healthy client does there."""
    server = lab.server("proxy", transport)
    address = server.address, server.port

    def healthy() -> None:
        with socket.create_connection(address, timeout=LIMIT) as plain, contextlib.ExitStack() as stack:
            client: socket.socket = plain
            if transport == "tls":
                context = ssl.create_default_context(cafile=lab.document["ca_file"])
                client = stack.enter_context(context.wrap_socket(plain, server_hostname=server.host))
            client.sendall(register(1))
            assert client.recv(11) == b"SIP/2.0 401"

    return address, healthy


def dns(lab: LabProcess, transport: str) -> tuple[Address, Callable[[], None]]:
    host, _, port = lab.document["nameserver"].rpartition(":")
    address = host, int(port)
    query = bytes(QUESTION.pack())

    def by_tcp() -> None:
        with socket.create_connection(address, timeout=LIMIT) as client:
            client.sendall(len(query).to_bytes(2) + query)
            assert client.recv(4)[2:] == query[:2]

    def by_udp() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.settimeout(1.0)
            for _ in range(10):  # the kernel may drop some of a flood, and what comes with it
                client.sendto(query, address)
                with contextlib.suppress(TimeoutError):
                    assert client.recv(512)[:2] == query[:2]
                    return
        raise AssertionError("no answer")

    return address, by_tcp if transport == "tcp" else by_udp


@pytest.mark.parametrize(
    ("service", "transport", "data"),
    [
        pytest.param(sip, "tls", b"", id="half-open TLS"),
        pytest.param(sip, "tls", bytes.fromhex("160301020001"), id="half a ClientHello"),
        pytest.param(sip, "tcp", UNFINISHED, id="unfinished messages"),
        pytest.param(dns, "tcp", b"\x01\x00x", id="unfinished questions"),
    ],
)
def test_connections_that_stay_open(
    service: Callable[[LabProcess, str], tuple[Address, Callable[[], None]]],
    transport: str,
    data: bytes,
    lab: LabProcess,
) -> None:
    before = peak(lab), descriptors(lab)
    address, healthy = service(lab, transport)
    with flood(address, data):
        healthy()
        assert descriptors(lab) - before[1] <= (MOST_CONNECTIONS if service is sip else FEW_CONNECTIONS) + 8
    assert peak(lab) - before[0] <= MEMORY_BYTES


def test_datagrams_without_end(lab: LabProcess) -> None:
    before = peak(lab), descriptors(lab)
    address, healthy = dns(lab, "udp")
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        for number in range(5000):
            client.sendto(number.to_bytes(2) + bytes(500), address)
        healthy()
    assert descriptors(lab) - before[1] <= 8
    assert peak(lab) - before[0] <= MEMORY_BYTES
