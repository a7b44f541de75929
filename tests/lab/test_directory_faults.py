"""The faults of the domain controller as other programs see them: ldap3, MIT's Kerberos, nmblookup."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import ldap3
import pytest
from ldap3.core.exceptions import LDAPException, LDAPSessionTerminatedByServerError, LDAPSocketReceiveError

from tests.external import needs_samba
from tests.lab.lab_process import LabProcess, running, until_ended

pytestmark = [pytest.mark.external, needs_samba]
LDAP_PORTS = (389, 636, 3268)
DELAY = 0.5  # seconds
SLOW = f"directory-slow={DELAY}"
BROKEN_OFF = (LDAPSessionTerminatedByServerError, LDAPSocketReceiveError)


@contextmanager
def with_faults(*faults: str) -> Iterator[LabProcess]:
    """A lab with all of these, and what makes it a domain."""
    with running(*(option for fault in faults for option in ("--fault", fault))) as started:
        yield started


def kinit(lab: LabProcess, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["kinit", "ned"],
        input="Litware-Ned-1\n",
        env=lab.environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )


def netbios_names(lab: LabProcess) -> list[list[str]]:
    """Name, type and flags of each line."""
    command = ["nmblookup", "-A", lab.document["directory"]["address"]]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.replace(" - ", " ").split() for line in lines if "<ACTIVE>" in line]


@contextmanager
def ldap(lab: LabProcess, **logon: str) -> Iterator[ldap3.Connection]:
    """A connection, not bound."""
    server = ldap3.Server(lab.document["directory"]["address"], 389, get_info=ldap3.NONE)
    connection = ldap3.Connection(server, **logon)
    connection.open(read_server_info=False)
    try:
        yield connection
    finally:
        with suppress(LDAPException):
            connection.unbind()


def naming_context(connection: ldap3.Connection) -> str:
    """What the directory says of itself without a logon."""
    connection.search("", "(objectClass=*)", ldap3.BASE, attributes=["defaultNamingContext"])
    return str(connection.entries[0]["defaultNamingContext"].value)


def listens(address: str, port: int) -> bool:
    with suppress(ConnectionRefusedError), socket.create_connection((address, port)):
        return True
    return False


@pytest.fixture(scope="module")
def unreachable() -> Iterator[LabProcess]:
    """Kerberos alone answers, and late."""
    with with_faults("directory-unreachable", SLOW, "netbios-wrong-domain") as started:
        yield started


def test_nothing_listens_on_the_ports_of_ldap(unreachable: LabProcess) -> None:
    address = unreachable.document["directory"]["address"]
    assert [port for port in (88, *LDAP_PORTS) if listens(address, port)] == [88]


def test_kerberos_answers_and_late(unreachable: LabProcess, tmp_path: Path) -> None:
    began = monotonic()
    done = kinit(unreachable, tmp_path)
    assert done.returncode == 0, done.stderr
    assert monotonic() - began > 2 * DELAY  # of two answers: the demand for pre-authentication, and the ticket


def test_netbios_names_another_domain(unreachable: LabProcess) -> None:
    names = netbios_names(unreachable)
    assert ["FABRIKAM", "<1c>", "<GROUP>"] in [name[:3] for name in names]
    assert "LITWAREINC" not in [name[0] for name in names]


def test_killing_the_lab_ends_all_its_processes(unreachable: LabProcess) -> None:
    """The last of these: it ends the lab. Nobody is left to remove the files."""
    processes = unreachable.processes()
    assert len(processes) > 2  # the lab, Samba, winbindd
    assert unreachable.end(signal.SIGKILL) == -signal.SIGKILL
    until_ended(processes)
    assert (unreachable.processes(), unreachable.mounts()) == (set(), [])


@pytest.fixture(scope="module")
def down() -> Iterator[LabProcess]:
    """It answers LDAP late, and dies when somebody begins to log on."""
    with with_faults("directory-down", SLOW, "netbios-conflict") as started:
        yield started


def test_ldap_answers_those_who_wait(down: LabProcess) -> None:
    with ldap(down) as connection:
        connection.socket.settimeout(DELAY / 2)
        with pytest.raises(LDAPSocketReceiveError):
            naming_context(connection)
    with ldap(down) as connection:
        assert naming_context(connection) == "DC=litwareinc,DC=com"


def test_netbios_names_are_in_conflict(down: LabProcess) -> None:
    flags = {name: rest for name, kind, *rest in netbios_names(down) if kind == "<00>"}
    assert "<CONFLICT>" in flags["DC1"]
    assert "<CONFLICT>" not in flags["LITWAREINC"]  # a group belongs to many


def test_a_logon_to_ldap_is_its_end(down: LabProcess, tmp_path: Path) -> None:
    address = down.document["directory"]["address"]
    assert kinit(down, tmp_path).returncode == 0
    assert [port for port in (88, *LDAP_PORTS) if listens(address, port)] == [88, *LDAP_PORTS]
    with ldap(down, user="ned@litwareinc.com", password="Litware-Ned-1") as connection:
        naming_context(connection)
        with pytest.raises(BROKEN_OFF):
            connection.bind()
    assert [port for port in (88, *LDAP_PORTS) if listens(address, port)] == []
    assert "Cannot contact any KDC" in kinit(down, tmp_path).stderr
    assert down.sip_status() == b"SIP/2.0 401"


def test_a_terminal_that_is_closed_leaves_nothing(down: LabProcess) -> None:
    """The last of these: it ends the lab."""
    assert down.files()
    processes = down.processes()
    assert down.end(signal.SIGHUP) == 0
    until_ended(processes)
    assert (down.processes(), down.files(), down.mounts()) == (set(), [], [])
