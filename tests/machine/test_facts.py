"""This computer as a whole: joined or not, and to what."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sipauthctl.machine import windows
from sipauthctl.machine.facts import Machine, Membership, read_machine
from tests.machine.test_files import write


class Hive:
    """A registry in a dictionary of (key, name)."""

    def __init__(self, values: dict[tuple[str, str], object]) -> None:
        self._values = values

    def value(self, key: str, name: str) -> object:
        return self._values.get((key, name))

    def subkeys(self, key: str) -> tuple[str, ...]:
        below = [path[len(key) + 1 :] for path, _ in self._values if path.startswith(f"{key}\\")]
        return tuple(dict.fromkeys(path.split("\\")[0] for path in below))


def adapters(*options: int) -> dict[tuple[str, str], object]:
    return {
        (rf"{windows.NETBT_INTERFACES}\Tcpip_{{{number}}}", "NetbiosOptions"): option
        for number, option in enumerate(options)
    }


def registry(values: dict[tuple[str, str], object]) -> Machine:
    return read_machine(Path("/nonexistent"), {}, Hive(values))


def test_a_bare_computer_is_in_no_domain(tmp_path: Path) -> None:
    machine = read_machine(tmp_path, {}, None)
    assert (machine.memberships, machine.looked_at, machine.netbios_disabled) == ((), (), "")


def test_a_default_realm_alone_is_no_membership(tmp_path: Path) -> None:
    write(tmp_path, "etc/krb5.conf", "[libdefaults]\ndefault_realm = LITWAREINC.COM\n")
    machine = read_machine(tmp_path, {}, None)
    assert machine.memberships == () and machine.krb5.default_realm == "LITWAREINC.COM"


def test_each_source_of_a_linux_member(tmp_path: Path) -> None:
    write(tmp_path, "etc/sssd/sssd.conf", "[domain/litwareinc.com]\nid_provider = ad\n")
    write(
        tmp_path,
        "etc/samba/smb.conf",
        "[global]\nsecurity = ads\nrealm = LITWAREINC.COM\nworkgroup = litware\ndisable netbios = yes\n",
    )
    machine = read_machine(tmp_path, {}, None)
    assert machine.memberships == (
        Membership("litwareinc.com", "", "/etc/sssd/sssd.conf"),
        Membership("litwareinc.com", "LITWARE", "/etc/samba/smb.conf"),
    )
    assert machine.looked_at == ("/etc/sssd/sssd.conf", "/etc/samba/smb.conf")
    assert machine.netbios_disabled == "/etc/samba/smb.conf: disable netbios = yes"


AS_AN_ORDINARY_USER = """
import os, sys
from pathlib import Path
from sipauthctl.machine.facts import read_machine
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
machine = read_machine(Path(sys.argv[1]), {}, None)
print(machine.memberships, machine.looked_at, machine.unread, machine.in_workgroup)
"""


@pytest.fixture
def root_for_all() -> Iterator[Path]:
    """A folder that another user can enter, unlike those of pytest."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        yield root


@pytest.mark.parametrize("folder", [0o000, 0o711])
def test_settings_that_are_not_ours_to_read_leave_it_open(root_for_all: Path, folder: int) -> None:
    write(root_for_all, "etc/sssd/sssd.conf", "[domain/litwareinc.com]\nid_provider = ad\n")
    (root_for_all / "etc").chmod(0o755)
    (root_for_all / "etc/sssd/sssd.conf").chmod(0)
    (root_for_all / "etc/sssd").chmod(folder)
    command = [sys.executable, "-c", AS_AN_ORDINARY_USER, str(root_for_all)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    (root_for_all / "etc/sssd").chmod(0o700)
    assert result.stdout == "() () ('/etc/sssd/sssd.conf',) None\n"


def test_a_windows_member() -> None:
    machine = registry(
        {
            (windows.VERSION, "ProductName"): "Windows 10 Enterprise",
            (windows.POLICY_HISTORY, "MachineDomain"): "litwareinc.com",
            (windows.WINLOGON, "CachePrimaryDomain"): "LITWAREINC",
            **adapters(0, 2),
        }
    )
    assert machine.memberships == (Membership("litwareinc.com", "LITWAREINC", "registry"),)
    assert machine.netbios_disabled == "" and machine.xp_home == ""


def test_netbios_is_disabled_only_where_no_adapter_has_it() -> None:
    assert "NetbiosOptions" in registry(adapters(2, 2)).netbios_disabled
    assert registry(adapters()).netbios_disabled == ""


def test_windows_xp_home() -> None:
    product = {(windows.VERSION, "ProductName"): "Microsoft Windows XP", (windows.VERSION, "CurrentVersion"): "5.1"}
    assert registry({**product, (windows.PRODUCT, "ProductSuite"): ["Personal"]}).xp_home == "Microsoft Windows XP"
    assert registry({**product, (windows.PRODUCT, "ProductSuite"): []}).xp_home == ""


def test_home_editions_after_xp_are_not_meant() -> None:
    vista = {(windows.VERSION, "CurrentVersion"): "6.0", (windows.PRODUCT, "ProductSuite"): ["Personal"]}
    assert registry(vista).xp_home == ""
