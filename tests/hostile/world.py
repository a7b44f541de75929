"""A world under the attacker's control, and the program run in it as a black box."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import random
import re
import subprocess
import sys
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from tests.cli.program import PROGRAM, environment
from tests.hostile.leaks import Kind, Leak, Secret, find_leaks
from tests.hostile.measured import run
from tests.hostile.peers import Directory, Kdc, NameServer, Recorder, Services, Stream, node_status, timestamp_of, web
from tests.hostile.sip_peer import (
    CONNECTIONLESS,
    EVIL_NAMES,
    FLAGS,
    SERVER_CHALLENGE,
    SipPeer,
    Talk,
    challenge,
    ntlm,
    pairs,
)
from tests.hostile.tickets import write_cache
from tests.network.peers import Authority

PASSWORD = "Litware-Ned-1"
EVIL = "fabrikam.com"
COMPUTER = "laptop"
MAX_MEMORY = 200 << 20
"""Bytes of resident memory that a run may take at most; one that fails to connect takes 55 MB."""
_STEPS = {"register": 10, "doctor": 40}
"""How many times --timeout a command may take; each connection, TLS handshake and answer has that limit."""
_STARTUP_SECONDS = 15.0

ZONE = """
hs1.litwareinc.com. 9 IN A {address}
dc1.litwareinc.com. 9 IN A {address}
evil.fabrikam.com. 9 IN A {address}
dc.fabrikam.com. 9 IN A {address}
hs1.fabrikam.com. 9 IN A {address}
"""
DIRECTORY_OF_EVIL = """
_kerberos._tcp.fabrikam.com. 9 IN SRV 0 0 {kdc} dc.fabrikam.com.
_ldap._tcp.dc._msdcs.fabrikam.com. 9 IN SRV 0 0 {ldap} dc.fabrikam.com.
_ldap._tcp.fabrikam.com. 9 IN SRV 0 0 {ldap} dc.fabrikam.com.
"""
MEANT = "sip tls"
OWN_KDC = "own kdc"
TCP = "--server hs1.litwareinc.com:{tcp} --transport tcp"
TLS = "--server hs1.litwareinc.com:{tls}"


@dataclass(frozen=True)
class Scenario:
    """One thing that the attacker does, and what the program may do about it.

    Attributes:
        talk: of the SIP server, once for each connection.
        command: `register` or `doctor`.
        options: of the command; the ports of the world stand in braces.
        tickets: the services that the user has a ticket for; with any, they are the credentials, and no password is.
        zone: more records for the name server.
        certificate: for which host the attacker has one from a trusted authority; empty: from one of its own.
        address: of the user, empty where none is given.
        logon: the user's name.
        kdc: how the attacker's KDC answers.
        own_kdc: how the user's own KDC answers, which is at {own_kdc} and gets what it will.
        bare: what speaks on the SIP ports instead, beneath SIP and TLS.
        tolerated: what the user gives to the TLS server of `certificate` by his own wish, and to no other.
        kdc_tolerated: what the attacker's KDC may have.
        directory_quotes: what the attacker's directory makes of an NTLM response, to be thrown back.
        codes: the exit codes that are right.
        said: what stands in the output.
        system_dns: the attack is on what libraries ask of this computer's own name server; skipped without root.
        reached: the beginning of the name of one of the attacker's places, which is asked; else nothing was shown.
    """

    talk: Talk = ntlm
    command: str = "register"
    options: str = TCP
    tickets: tuple[str, ...] = ()
    zone: str = ""
    certificate: str = "hs1.litwareinc.com"
    address: tuple[str, ...] = ("ned@litwareinc.com",)
    logon: str = "LITWAREINC\\ned"
    kdc: Kdc = field(default_factory=lambda: Kdc("FABRIKAM.COM", etype=23))
    own_kdc: Kdc = field(default_factory=lambda: Kdc("LITWAREINC.COM", etype=23, judgement=24))
    bare: Callable[[Stream], Awaitable[None]] | None = None
    tolerated: frozenset[Kind] = frozenset()
    kdc_tolerated: frozenset[Kind] = frozenset()
    directory_quotes: Callable[[bytes], str] | None = None
    codes: frozenset[int] = frozenset({1})
    said: tuple[str, ...] = ()
    reached: str = "sip"
    timeout: float = 1.0
    system_dns: bool = False


@dataclass
class Outcome:
    """What one run came to. `memory` is the most resident memory in bytes; `proofs` are what a KDC got."""

    code: int
    out: str
    err: str
    memory: int
    hung: bool
    leaks: dict[str, set[Leak]]
    reached: list[str]
    proofs: list[bytes] = field(default_factory=list)

    def judge(self, scenario: Scenario) -> None:
        """Fails where the attacker achieved anything."""
        text = f"{self.out}\n{self.err}"
        allowed = {MEANT: scenario.tolerated, OWN_KDC: frozenset(Kind)}
        allowed |= dict.fromkeys(("kdc udp", "kdc tcp"), scenario.kdc_tolerated)
        got = {
            place: found
            for place, found in self.leaks.items()
            if {one.kind for one in found} - allowed.get(place, frozenset())
        }
        assert not got, f"the attacker got {got}\n{text}"
        assert any(place.startswith(scenario.reached) for place in self.reached), f"{self.reached}\n{text}"
        assert not self.hung, f"hung\n{text}"
        assert "Traceback" not in text and "failed unexpectedly" not in text and "itself failed" not in text, text
        assert self.code in scenario.codes, f"exit code {self.code}\n{text}"
        assert 0 < self.memory <= MAX_MEMORY, f"{self.memory >> 20} MB"
        assert acting_characters(text) == "", text
        assert not find_leaks(text.encode(), Secret(PASSWORD)), text
        advice = re.search(
            rf"(?i)(sign in|signed in|name) (as|in the form) \S*{re.escape(EVIL)}", " ".join(text.split())
        )
        assert advice is None, f"{advice}\n{text}"
        for proof in self.proofs:
            assert not shown(proof, text), text
        for words in scenario.said:
            assert words in " ".join(text.split()), f"{words!r} is not said\n{text}"


def shown(proof: bytes, text: str) -> bool:
    """Whether 12 bytes of it stand in a text, in base64, in hex, or as escapes and characters."""
    plain = re.sub(r"\s", "", text)
    pieces = [proof[start : start + 12] for start in range(0, len(proof) - 12, 3)]
    escaped = (piece.decode("utf-8", "backslashreplace") for piece in pieces)
    spellings = (*(base64.b64encode(piece).decode("ascii") for piece in pieces), *map(bytes.hex, pieces), *escaped)
    return any(spelling in plain for spelling in spellings)


def acting_characters(text: str) -> str:
    """What acts on a terminal rather than being shown: controls, bidirectional overrides, private use."""
    return "".join(
        sorted({char for char in text if char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs")})
    )


def play(scenario: Scenario, authority: Authority, folder: Path, *more: str) -> Outcome:
    """Runs the program in the attacker's world; `more` are further options."""
    if scenario.system_dns and not may_replace_name_server():
        pytest.skip("no name server of its own for the program")
    return asyncio.run(_play(scenario, authority, folder, more))


async def _play(scenario: Scenario, authority: Authority, folder: Path, more: tuple[str, ...]) -> Outcome:
    recorder = Recorder()
    async with _world(scenario, authority, folder, recorder) as names:
        options = scenario.options.format(**names).split()
        args = [scenario.command, *scenario.address, "--username", scenario.logon, *options]
        args += ["--nameserver", f"{names['address']}:{names['dns']}", "--ca-file", str(authority.file)]
        args += ["--timeout", f"{scenario.timeout:g}", *more]
        if scenario.tickets:
            write_cache(folder / "tickets", "ned", *scenario.tickets)
            args += ["--ccache", str(folder / "tickets")]
        limit = _STARTUP_SECONDS + _STEPS[scenario.command] * scenario.timeout
        outcome = await asyncio.to_thread(_run, args, folder, limit, str(names["address"]))
    salts = ((scenario.kdc.salt, scenario.kdc.iterations),)
    secret = Secret(PASSWORD, (SERVER_CHALLENGE,), salts)
    for record in recorder.records:
        outcome.reached.append(record.place)
        proof = timestamp_of(bytes(record.data)) if record.place.startswith("kdc") else None
        outcome.proofs += [proof] if proof is not None else []
        outcome.leaks.setdefault(record.place, set()).update(find_leaks(bytes(record.data), secret))
    return outcome


@contextlib.asynccontextmanager
async def _world(
    scenario: Scenario, authority: Authority, folder: Path, recorder: Recorder
) -> AsyncIterator[dict[str, str | int]]:
    """The servers; gives the names that may stand in braces in options and zones."""
    trusted = scenario.certificate != ""
    issuer = authority if trusted else Authority(folder, "authority of the attacker")
    context = issuer.context(scenario.certificate or "hs1.litwareinc.com")
    evil = authority.context("dc.fabrikam.com", "dc1.litwareinc.com")
    address = f"127.{random.randrange(1, 255)}.{random.randrange(1, 255)}.{random.randrange(2, 255)}"
    services = Services(address, recorder)
    of_directory = challenge(pairs(EVIL_NAMES), flags=FLAGS & ~CONNECTIONLESS)
    directory = Directory(evil, of_directory, scenario.directory_quotes)

    async def sip(stream: Stream) -> None:
        stream.__class__ = SipPeer
        assert isinstance(stream, SipPeer)
        stream.names = names
        await scenario.talk(stream)

    async def elsewhere(stream: Stream) -> None:
        stream.__class__ = SipPeer
        assert isinstance(stream, SipPeer)
        await ntlm(stream)

    names: dict[str, str | int] = {"address": address, "reverse": ".".join(reversed(address.split(".")))}
    try:
        names["evil"] = await services.listen("evil tls", elsewhere, 0, authority.context("evil.fabrikam.com"))
        names["evil_tcp"] = await services.listen("evil tcp", elsewhere)
        names["tcp"] = await services.listen("sip tcp", scenario.bare or sip)
        names["tls"] = await services.listen(MEANT, scenario.bare or sip, 0, None if scenario.bare else context)
        names["ldap"] = await services.listen("ldap", directory.serve)
        names["kdc"] = await services.listen_datagrams("kdc udp", scenario.kdc.answer)
        await services.listen("kdc tcp", scenario.kdc.serve, int(names["kdc"]))
        names["own_kdc"] = await services.listen_datagrams(OWN_KDC, scenario.own_kdc.answer)
        zone = (ZONE + scenario.zone).format(**names)
        names["dns"] = await services.listen_datagrams("dns", NameServer(zone).answer)
        if may_replace_name_server():
            await services.listen_datagrams("dns", NameServer(zone).answer, 53)
        with contextlib.suppress(PermissionError):  # these ports need root; without it less is tried
            await services.listen("ldaps", directory.serve, 636, evil)
            await services.listen("http", web, 80)
            await services.listen("https", web, 443, evil)
            await services.listen_datagrams("netbios", _netbios, 137)
        yield names
    finally:
        await services.stop()
    for mistake in services.mistakes:
        raise mistake


def _netbios(data: bytes) -> list[bytes]:
    return node_status(
        data, [(b"HS1\x1b[31m", 0x00, 0x0400), (b"FABRIKAM\x9b", 0x1C, 0x8400), (b"EVIL\r\n", 0, 0x8400)]
    )


_PREPARED = f'echo {COMPUTER} > /proc/sys/kernel/hostname && mount --bind "$0" /etc/resolv.conf && exec "$@"'
_IN_NAMESPACE = ["unshare", "--mount", "--uts", "sh", "-c", _PREPARED]


@cache
def may_replace_name_server() -> bool:
    """Whether a child can have its own /etc/resolv.conf, so that libraries ask the attacker too, and a name that no
    other file knows; that takes root."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return False
    return subprocess.run([*_IN_NAMESPACE, "/dev/null", "true"], capture_output=True, check=False).returncode == 0


def _run(args: list[str], folder: Path, limit: float, name_server: str) -> Outcome:
    """Runs the program to its end, at most for `limit` seconds."""
    configuration, resolv_conf = folder / "krb5.conf", folder / "resolv.conf"
    configuration.write_text("")
    resolv_conf.write_text(f"nameserver {name_server}\n")
    around = [*_IN_NAMESPACE, str(resolv_conf)] if may_replace_name_server() else []
    changes = {"KRB5_CONFIG": str(configuration), "KRB5CCNAME": str(folder / "none"), "HOME": str(folder)}
    changes |= {"SIPAUTHCTL_PASSWORD": PASSWORD, "COLUMNS": "300"}
    done = run([*around, *PROGRAM, *args], folder, limit, environment(**changes))
    return Outcome(done.code, done.out, done.err, done.memory, done.hung, {}, [])


def shown_as_markup(text: str, word: str) -> list[str]:
    """Where `[bold]WORD[/bold]` was taken for markup: the places at which the word stands without its brackets."""
    return [text[max(0, at.start() - 20) : at.end() + 20] for at in re.finditer(rf"(?<!\[bold\]){word}", text)]
