"""A lab's processes are reached from this computer alone, and know nothing of the user's secrets."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest

from tests.external import needs_kdc, needs_samba
from tests.lab.lab_process import LabProcess, running

SECRET = "Hush-Hush-1"
_TABLES = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}  # with the state of those that wait for others


def listening(processes: set[int]) -> set[IPv4Address | IPv6Address]:
    """Where sockets of these processes wait for others, as the kernel has it."""
    owned = set()
    for number in processes:
        for descriptor in Path(f"/proc/{number}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
                owned.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table, waiting in _TABLES.items():
        for number in processes:  # each may have a network namespace of its own
            for line in Path(f"/proc/{number}/net/{table}").read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if fields[9] in owned and fields[3] == waiting:
                    found.add(_address(fields[1].partition(":")[0]))
    return found


def _address(text: str) -> IPv4Address | IPv6Address:
    """Words of four bytes in the order of this machine, as proc(5) has them."""
    words = [int(text[index : index + 8], 16) for index in range(0, len(text), 8)]
    return ip_address(struct.pack(f"={len(words)}I", *words))


def confined(lab: LabProcess, fewest: int) -> None:
    processes = lab.processes()
    assert len(processes) >= fewest
    found = listening(processes)
    assert found
    assert [address for address in found if not address.is_loopback] == []
    children = processes - {lab.process.pid}
    assert not any(SECRET.encode() in Path(f"/proc/{number}/environ").read_bytes() for number in children)


def test_a_socket_that_is_open_to_others_would_be_found() -> None:
    with socket.create_server(("0.0.0.0", 0)):
        assert IPv4Address("0.0.0.0") in listening({os.getpid()})


def test_without_a_domain() -> None:
    with running("--schemes", "ntlm") as lab:
        confined(lab, 1)


@pytest.mark.external
@needs_kdc
def test_with_a_kdc() -> None:
    with running(SIPAUTHCTL_PASSWORD=SECRET) as lab:
        confined(lab, 2)


@pytest.mark.external
@pytest.mark.slow
@needs_samba
def test_with_a_domain_controller() -> None:
    with running("--directory", "samba", SIPAUTHCTL_PASSWORD=SECRET) as lab:
        confined(lab, 3)
