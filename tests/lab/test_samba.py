"""`lab --directory samba` as other programs see it: MIT's Kerberos, pidgin-sipe, ldap3, nmblookup."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ldap3
import pytest

from tests.external import DEMANDED, needs_samba
from tests.interop import sipe
from tests.lab.lab_process import LabProcess, running, until_ended

pytestmark = [pytest.mark.external, needs_samba, pytest.mark.filterwarnings("ignore:ssl.match_hostname")]
needs_sipe = pytest.mark.skipif(
    sipe.unavailable_reason() is not None and not DEMANDED, reason=str(sipe.unavailable_reason())
)

# user, what MIT's kinit says to whoever knows the password, the reason of a refused simple bind by LDAP (a Win32 error
# of [MS-ERREF] 2.2 in hexadecimal), the NTSTATUS of [MS-ERREF] 2.3.1
_REVOKED, _EXPIRED = "credentials have been revoked", "Password expired"
STATES = [
    ("dora", _REVOKED, "533", "0xC0000072"),  # disabled
    ("luis", _REVOKED, "775", "0xC0000234"),  # locked out
    ("edda", _REVOKED, "701", "0xC0000193"),  # expired
    ("petra", _EXPIRED, "532", "0xC0000071"),  # its password has expired
    ("mona", _EXPIRED, "773", "0xC0000224"),  # must change its password
    ("hugo", _REVOKED, "530", "0xC000006F"),  # not at this hour
    ("wanda", "", "531", "0xC0000070"),  # not on this computer, which kinit does not name to the KDC
]
REFUSED = "refused"


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    with running("--directory", "samba") as started:
        yield started


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sipe.build(tmp_path_factory.mktemp("sipe"))


def password(user: str) -> str:
    return f"Litware-{user.title()}-1"


def kerberos(lab: LabProcess, folder: Path, *command: str, secret: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=secret + "\n", env=lab.environment(folder), capture_output=True, text=True, check=False
    )


@contextmanager
def bound(lab: LabProcess, name: str, secret: str) -> Iterator[ldap3.Connection]:
    """A simple bind by TLS; what came of it is in `result`."""
    directory = lab.document["directory"]
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=lab.document["ca_file"], valid_names=[directory["host"]])
    server = ldap3.Server(directory["address"], directory["ldaps_port"], use_ssl=True, tls=tls)
    connection = ldap3.Connection(server, f"{name}@litwareinc.com", secret)
    connection.bind()
    try:
        yield connection
    finally:
        connection.unbind()


def sign_in(lab: LabProcess, program: Path, folder: Path, account: sipe.SipeAccount) -> tuple[list[str], str]:
    """What SIPE says, and what the lab logs meanwhile."""
    before = len(lab.log)

    async def work() -> list[str]:
        async with sipe.sipe(program, folder, lab, lab.server("proxy", "tls"), account) as client:
            reached = await client.until(("connected", "error: "))
            if reached == "connected":
                assert await client.quit() == 0
            else:
                assert await client.ended() == 1
            return client.said

    return asyncio.run(work()), lab.log[before:]


def by_ntlm(user: str, secret: str | None = None, login: str | None = None) -> sipe.SipeAccount:
    login = login or f"LITWAREINC\\{user}"
    return sipe.SipeAccount(f"{user}@litwareinc.com", login, password(user) if secret is None else secret)


def test_its_kdc_gives_tickets_for_the_sip_servers_and_for_nothing_else(lab: LabProcess, tmp_path: Path) -> None:
    assert kerberos(lab, tmp_path, "kinit", "ned", secret=password("ned")).returncode == 0
    for host in ("hs1", "hs2"):
        ticket = kerberos(lab, tmp_path, "kvno", f"sip/{host}.litwareinc.com")
        assert ticket.returncode == 0, ticket.stderr
    unknown = kerberos(lab, tmp_path, "kvno", "sip/hs3.litwareinc.com")
    assert "Server not found in Kerberos database" in unknown.stderr


@pytest.mark.parametrize(
    ("user", "secret", "words"),
    [("ned", "Litware-Ned-2", "Password incorrect"), ("zoe", "Litware-Zoe-1", "not found in Kerberos database")],
)
def test_its_kdc_refuses_strangers(lab: LabProcess, tmp_path: Path, user: str, secret: str, words: str) -> None:
    refused = kerberos(lab, tmp_path, "kinit", user, secret=secret)
    assert refused.returncode == 1
    assert words in refused.stderr


@pytest.mark.parametrize(("user", "words"), [(user, words) for user, words, *_ in STATES])
def test_the_kdc_shows_the_states_of_the_accounts(lab: LabProcess, tmp_path: Path, user: str, words: str) -> None:
    done = kerberos(lab, tmp_path, "kinit", user, secret=password(user))
    assert (done.returncode == 0) is not bool(words)
    assert words in done.stdout + done.stderr


@pytest.mark.parametrize(("user", "reason"), [(user, reason) for user, _, reason, _ in STATES])
def test_ldap_shows_the_states_of_the_accounts(lab: LabProcess, user: str, reason: str) -> None:
    with bound(lab, user, password(user)) as connection:
        refused = connection.result
    assert refused["description"] == "invalidCredentials"
    assert f", data {reason}," in refused["message"]


def test_ldap_tells_who_is_enabled_for_sip(lab: LabProcess) -> None:
    administrator = lab.document["directory"]["administrator"]
    with bound(lab, administrator["username"], administrator["password"]) as connection:
        assert connection.result["description"] == "success"
        connection.search(
            lab.document["directory"]["base_dn"],
            "(msRTCSIP-UserEnabled=*)",
            attributes=["sAMAccountName", "msRTCSIP-UserEnabled", "msRTCSIP-PrimaryUserAddress"],
        )
        found = {
            entry["sAMAccountName"].value: (
                entry["msRTCSIP-UserEnabled"].value,
                entry["msRTCSIP-PrimaryUserAddress"].value,
            )
            for entry in connection.entries
        }
    users = ["ned", "nina", *(user for user, *_ in STATES)]
    assert found == {**{user: (True, f"sip:{user}@litwareinc.com") for user in users}, "olaf": (False, None)}


def test_netbios_tells_the_domain(lab: LabProcess) -> None:
    address = lab.document["directory"]["address"]
    asked = subprocess.run(["nmblookup", "-A", address], capture_output=True, text=True, check=True)
    names = {tuple(line.split()[:2]) for line in asked.stdout.splitlines() if "<ACTIVE>" in line}
    assert names == {
        ("DC1", "<00>"),
        ("DC1", "<20>"),
        ("LITWAREINC", "<00>"),
        ("LITWAREINC", "<1b>"),
        ("LITWAREINC", "<1c>"),
    }


@needs_sipe
@pytest.mark.parametrize("login", ["LITWAREINC\\ned", "ned@litwareinc.com"])
def test_sipe_signs_in_by_ntlm(lab: LabProcess, program: Path, tmp_path: Path, login: str) -> None:
    said, log = sign_in(lab, program, tmp_path, by_ntlm("ned", login=login))
    assert "connected" in said
    assert "registered sip:ned@litwareinc.com" in log
    assert REFUSED not in log


@needs_sipe
def test_sipe_signs_in_by_ntlm_under_another_principal_name(lab: LabProcess, program: Path, tmp_path: Path) -> None:
    administrator = lab.document["directory"]["administrator"]
    with bound(lab, administrator["username"], administrator["password"]) as connection:
        dn = f"CN=nina,CN=Users,{lab.document['directory']['base_dn']}"
        connection.modify(dn, {"userPrincipalName": [(ldap3.MODIFY_REPLACE, ["n.vale@contoso.com"])]})
        assert connection.result["description"] == "success"
    said, log = sign_in(lab, program, tmp_path, by_ntlm("nina", login="N.Vale@contoso.com"))
    assert "connected" in said
    assert "registered sip:nina@litwareinc.com" in log
    other = tmp_path / "other"
    other.mkdir()
    _, of_another = sign_in(lab, program, other, by_ntlm("ned", password("nina"), login="n.vale@contoso.com"))
    assert "registered sip:ned" not in of_another
    assert "403" in of_another


@needs_sipe
def test_sipe_signs_in_by_kerberos(lab: LabProcess, program: Path, tmp_path: Path) -> None:
    assert kerberos(lab, tmp_path, "kinit", "nina", secret=password("nina")).returncode == 0
    account = sipe.SipeAccount("nina@litwareinc.com", "", "", "krb5", lab.environment(tmp_path))
    said, log = sign_in(lab, program, tmp_path, account)
    assert "connected" in said
    assert "authenticated nina@LITWAREINC.COM" in log


@needs_sipe
@pytest.mark.parametrize(
    ("user", "secret", "status"),
    [
        *((user, password(user), status) for user, *_, status in STATES),
        ("ned", "Litware-Ned-2", "0xC000006A"),
        ("zoe", "Litware-Zoe-1", "0xC0000064"),
    ],
)
def test_sipe_is_refused_by_ntlm_for_the_directorys_reason(
    lab: LabProcess, program: Path, tmp_path: Path, user: str, secret: str, status: str
) -> None:
    said, log = sign_in(lab, program, tmp_path, by_ntlm(user, secret))
    assert "connected" not in said
    (line,) = [line for line in log.splitlines() if REFUSED in line]
    assert status in line
    assert f"registered sip:{user}@" not in log  # the client of the test before may still take leave of the lab


def test_it_ends_in_order_whatever_comes_meanwhile_and_nothing_is_left(lab: LabProcess) -> None:
    """The last of this module: it ends the lab that they all share."""
    directory = lab.document["directory"]
    processes = lab.processes()
    assert len(processes) > 2  # the lab, Samba, winbindd
    assert len(lab.files()) == 2  # the lab's folder and the domain's
    assert not lab.mounts()
    spaces = {Path(f"/proc/{process}/ns/net").readlink() for process in processes}
    assert spaces == {Path("/proc/self/ns/net").readlink()}  # so no interface of its own
    assert lab.end(signal.SIGTERM, again=True) in (0, 130)  # the last may come when all is done
    until_ended(processes)
    assert (lab.processes(), lab.files(), lab.mounts()) == (set(), [], [])
    for address, port in [
        *((server.address, server.port) for server in lab.servers),
        *((directory["address"], directory[port]) for port in ("ldap_port", "ldaps_port", "kdc_port")),
    ]:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, port))
