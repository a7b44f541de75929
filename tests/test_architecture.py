"""Imports point downwards: a room knows only the rooms below it."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.sources import syntax_tree

PACKAGE = Path(__file__).parent.parent / "sipauthctl"

BELOW = {
    "machine": {"mechanisms", "programs"},
    "directory": {"mechanisms", "findings"},
    "sip": set[str](),
    "netbios": set[str](),
    "mechanisms": {"codes", "trust"},
    "association": {"sip", "mechanisms"},
    "diagnosis": {"sip", "mechanisms", "association", "findings", "codes", "trust"},
    "network": {"sip", "netbios"},
    "lab": {"sip", "netbios", "mechanisms", "association", "codes", "unexpected", "programs"},
    "capture": {"sip", "programs"},
    "analysis": {"sip", "mechanisms", "association", "capture", "diagnosis", "findings", "codes", "trust"},
    "probe": {"sip", "mechanisms", "association", "network", "machine", "diagnosis", "findings", "trust"},
    "doctor": {
        "sip",
        "mechanisms",
        "association",
        "network",
        "machine",
        "directory",
        "netbios",
        "capture",
        "analysis",
        "diagnosis",
        "probe",
        "findings",
        "codes",
        "trust",
        "unexpected",
    },
    "report": {
        "sip",
        "mechanisms",
        "association",
        "network",
        "capture",
        "analysis",
        "probe",
        "doctor",
        "findings",
        "codes",
    },
    "cli": {
        "sip",
        "mechanisms",
        "association",
        "network",
        "lab",
        "machine",
        "capture",
        "analysis",
        "probe",
        "doctor",
        "report",
        "findings",
        "codes",
        "trust",
        "unexpected",
    },
}
ONLY_IN = {
    # packages that one room keeps to itself
    "spnego": {"mechanisms", "lab"},
    "gssapi": {"mechanisms"},
    "krb5": {"mechanisms"},
    "rich": {"report", "cli"},
    "click": {"cli"},
    "dns": {"network"},
    "dnslib": {"lab"},
    "trustme": {"lab"},
    "socket": {"network", "cli", "lab", "directory"},
    "asyncio": {
        "network",
        "probe",
        "doctor",
        "lab",
        "cli",
        "mechanisms",
        "capture",
    },  # a KDC and tshark are waited for
    "pyshark": {"capture"},
    "pyasn1": {"mechanisms"},
    "ldap3": {"directory"},
}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(syntax_tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{path} has a relative import"
            names.add(node.module)
    return names


def test_a_file_imports_only_from_its_room_and_those_below() -> None:
    wrong = []
    for path in FILES:
        room = path.relative_to(PACKAGE).parts[0]
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "sipauthctl" and len(parts) > 1 and parts[1] not in BELOW[room] | {room}:
                wrong.append(f"{path}: {room} must not import {name}")
            if room not in ONLY_IN.get(parts[0], {room}):
                wrong.append(f"{path}: {parts[0]} belongs to {ONLY_IN[parts[0]]}, not to {room}")
    assert wrong == []


def test_every_room_is_known() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(BELOW)


MAKES_A_SECRET = {
    "compute_response_v2",
    "get_init_creds_keytab",
    "get_init_creds_password",
    "SecurityContext",
    "spnego.client",
    "EncryptedTimestamp",
}
"""What makes something of a password, a key or a ticket that is then sent."""
SIDE_OF_THE_SERVER = {"acceptor.py", "offline.py"}


def called(node: ast.AST) -> set[str]:
    names = [ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)]
    return {name.removeprefix("gssapi.").removeprefix("krb5.") for name in names}


def test_only_the_policy_gives_leave() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.name != "trust.py":
            assert "Clearance" not in called(syntax_tree(path)), path


def test_what_makes_something_of_a_secret_needs_leave() -> None:
    makers = set()
    for path in PACKAGE.rglob("*.py"):
        if path.name in SIDE_OF_THE_SERVER or path.is_relative_to(PACKAGE / "lab"):
            continue
        tree = syntax_tree(path)
        for node in (node for node in tree.body if called(node) & MAKES_A_SECRET):
            makers.add(getattr(node, "name", str(path)))
            asked = called(node) & {"cleared.release", "self._cleared.release", "_key_types"}
            assert asked, f"{path}: {makers} makes something of a secret without leave"
    assert makers == {"NtlmInitiator", "NtlmSasl", "KerberosInitiator", "SaslClient", "encrypted_timestamp", "_ask"}


def test_the_protocol_asks_nobody_for_time_or_randomness() -> None:
    for room in ("sip", "netbios", "association"):
        for path in (PACKAGE / room).glob("*.py"):
            assert not imported(path) & {"time", "random", "secrets", "os"}, path
            assert ".now(" not in path.read_text("utf-8"), path
