"""Drives pidgin-sipe, a client of other authors, through the small program sipe_client.c."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sipauthctl.lab.deployment import RunningServer

SECONDS = 45.0  # far more than a sign-in takes
HOSTS_WRAPPER = "libnss_wrapper.so"
SOURCE = Path(__file__).with_name("sipe_client.c")
_DEBUG_LINES = 40


@functools.cache
def unavailable_reason() -> str | None:
    """What is missing on this machine, with the command that installs it; None when everything is there."""
    missing = [program for program in ("cc", "pkg-config") if shutil.which(program) is None]
    if not missing:
        if subprocess.run(["pkg-config", "--exists", "purple"], check=False).returncode:
            missing.append("libpurple's headers")
        elif not _has_sipe():
            missing.append("pidgin-sipe")
        preload = {**os.environ, "LD_PRELOAD": HOSTS_WRAPPER}
        if subprocess.run(["true"], env=preload, check=False, capture_output=True).stderr:
            missing.append("libnss-wrapper")
    if not missing:
        return None
    packages = "gcc libc6-dev pkg-config libpurple-dev pidgin-sipe libnss-wrapper"
    return f"pidgin-sipe cannot be driven without {', '.join(missing)}: apt-get install {packages}"


def _has_sipe() -> bool:
    """Debian's libpurple looks in both folders for plug-ins, its pkg-config file tells only of the second."""
    patterns = ("purple-2/libsipe.so", "*/purple-2/libsipe.so")
    return any(True for pattern in patterns for _ in Path("/usr/lib").glob(pattern))


def build(folder: Path) -> Path:
    """Compiles the program into `folder`."""
    asked = ["pkg-config", "--cflags", "--libs", "purple"]
    flags = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()
    program = folder / "sipe_client"
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-o", program, SOURCE, *flags], check=True)
    return program


@dataclass(frozen=True)
class SipeAccount:
    """What SIPE is to sign in with. `login` is empty, `DOMAIN\\user` or a UPN."""

    address: str
    login: str
    password: str = field(repr=False)
    authentication: str = "ntlm"
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def username(self) -> str:
        return f"{self.address},{self.login}"


class Lab(Protocol):
    """What SIPE must know of a lab, in this process or in another."""

    @property
    def servers(self) -> tuple[RunningServer, ...]: ...

    def certificate_pem(self, host: str) -> bytes: ...


class SipeClient:
    """A running SIPE. `said` has its events so far, one line each."""

    def __init__(self, process: asyncio.subprocess.Process, debug_log: Path) -> None:
        self.said: list[str] = []
        self._process = process
        self._debug_log = debug_log

    async def until(self, event: str | tuple[str, ...]) -> str:
        """Waits for the next line that begins with `event`, or one of them, and gives it.

        Raises:
            AssertionError: SIPE ended or was silent for too long before; the text tells what it said.
        """
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(SECONDS):
                while line := (await self._process.stdout.readline()).decode(errors="replace").rstrip("\n"):
                    self.said.append(line)
                    if line.startswith(event):
                        return line
        except TimeoutError:
            pass
        debug = "\n".join(self._debug_log.read_text(errors="replace").splitlines()[-_DEBUG_LINES:])
        raise AssertionError(f"SIPE did not come to {event!r}; it said {self.said}, its debug log ends:\n{debug}")

    async def tell(self, line: str) -> None:
        """Sends one line to the program."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()

    async def quit(self) -> int:
        """Signs out and gives the exit status."""
        await self.tell("quit")
        await self.until("disconnected")
        return await self.ended()

    async def ended(self) -> int:
        """Waits for the end of the program and gives its exit status."""
        async with asyncio.timeout(SECONDS):
            return await self._process.wait()


@asynccontextmanager
async def sipe(
    program: Path, folder: Path, lab: Lab, server: RunningServer, account: SipeAccount
) -> AsyncIterator[SipeClient]:
    """Starts SIPE against one port of a lab, with its files in `folder`; it is ended on leaving.

    The names of the lab's servers lead to the lab, and their certificates are in SIPE's store.
    """
    hosts = {running.host for running in lab.servers}
    _write_hosts(folder / "hosts", hosts, server.address)
    _pin_certificates(folder, hosts, lab)
    arguments = {
        "user-dir": str(folder),
        "username": account.username,
        "server": f"{server.host}:{server.port}",
        "transport": server.transport,
        "authentication": account.authentication,
        "time-out": str(round(2 * SECONDS)),
    }
    environment = {
        **os.environ,
        "HOME": str(folder),
        "LD_PRELOAD": HOSTS_WRAPPER,
        "NSS_WRAPPER_HOSTS": str(folder / "hosts"),
        **account.environment,
    }
    debug_log = folder / "debug.log"
    with debug_log.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            *(f"--{name}={value}" for name, value in arguments.items()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=environment,
        )
    client = SipeClient(process, debug_log)
    try:
        await client.tell(account.password)
        yield client
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def _write_hosts(path: Path, hosts: Iterable[str], address: str) -> None:
    path.write_text("".join(f"{address} {host}\n" for host in sorted(hosts)))


def _pin_certificates(folder: Path, hosts: Iterable[str], lab: Lab) -> None:
    store = folder / "certificates" / "x509" / "tls_peers"
    store.mkdir(parents=True)
    for host in hosts:
        (store / host).write_bytes(lab.certificate_pem(host))
