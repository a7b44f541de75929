"""`sipauthctl lab` in a process of its own, as a user starts it, and what is left of it when it has ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sipauthctl.lab.deployment import RunningServer
from tests.cli.program import PROGRAM, environment
from tests.lab.test_connection import register

SECONDS = 30.0  # far more than anything here takes
_POLL_INTERVAL = 0.02


_OWN_SIGNALS = ("env", "--default-signal=HUP,INT")  # whatever the tests themselves were started with


def _ignoring(name: str | None) -> tuple[str, ...]:
    return ("sh", "-c", f'trap "" {name}; exec "$@"', "sh") if name else ()


class LabProcess:
    """One command of the program that starts a lab.

    All its files lie in `folder`, and so do those of every program that it starts; that is how both are found.
    `ignored` is a signal that the program finds ignored, as nohup and the background of scripts have it. `variables`
    are of its environment.
    """

    def __init__(self, folder: Path, *command: str, ignored: str | None = None, **variables: str) -> None:
        self.folder = folder / "of-the-lab"
        self.folder.mkdir()
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*_OWN_SIGNALS, *_ignoring(ignored), *PROGRAM, *command],
                env=environment(TMPDIR=str(self.folder), **variables),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
            )
        self.document: dict[str, Any] = {}

    def until_ready(self) -> None:
        """Waits for the JSON document of `lab --json`."""
        assert self.process.stdout is not None
        text = ""
        for line in self.process.stdout:
            text += line
            if line == "}\n":
                break
        assert text, self.log
        self.document = json.loads(text)

    def until_there(self, pattern: str) -> None:
        """Waits until a file of this name is in the folder; nothing tells of that."""
        end = time.monotonic() + SECONDS
        while not any(self.folder.glob(pattern)):
            assert self.process.poll() is None and time.monotonic() < end, self.log
            time.sleep(_POLL_INTERVAL)

    @property
    def log(self) -> str:
        """What it has written to stderr."""
        return self._log.read_text("utf-8")

    @property
    def servers(self) -> tuple[RunningServer, ...]:
        return tuple(RunningServer(**server) for server in self.document["servers"])

    def server(self, role: str, transport: str) -> RunningServer:
        return next(server for server in self.servers if (server.role, server.transport) == (role, transport))

    def certificate_pem(self, host: str) -> bytes:
        """As the server shows it."""
        server = next(server for server in self.servers if (server.host, server.transport) == (host, "tls"))
        return ssl.get_server_certificate((server.address, server.port)).encode()

    def sip_status(self) -> bytes:
        """How the first server's answer to a request without credentials begins."""
        server = self.server("proxy", "tcp")
        with socket.create_connection((server.address, server.port), timeout=SECONDS) as client:
            client.sendall(register(1))
            return client.recv(11)

    def environment(self, folder: Path) -> dict[str, str]:
        """For MIT's Kerberos programs, with their tickets in `folder`."""
        return {
            **os.environ,
            "LC_ALL": "C",
            "KRB5_CONFIG": self.document["krb5_config"],
            "KRB5CCNAME": f"FILE:{folder / 'tickets'}",
        }

    def processes(self) -> set[int]:
        """Those that have the folder in their command line or environment, or work in it."""
        mark = str(self.folder).encode()
        found = set()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                known = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
                if mark in known or mark in os.fsencode((process / "cwd").readlink()):
                    found.add(int(process.name))
        return found

    def mounts(self) -> list[str]:
        """What of the folder is mounted outside of the lab's own namespaces."""
        return [
            line for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines() if str(self.folder) in line
        ]

    def files(self) -> list[str]:
        return sorted(entry.name for entry in self.folder.iterdir())

    def end(self, number: signal.Signals, *, again: bool = False) -> int:
        """Sends a signal, waits for the end, and gives the exit status.

        With `again` it is sent again and again while the lab tidies up.
        """
        self.process.send_signal(number)
        while again and self.files() and self.process.poll() is None:
            self.process.send_signal(number)
            time.sleep(_POLL_INTERVAL)
        self.process.communicate(timeout=SECONDS)
        return self.process.returncode


@contextmanager
def starting(*command: str, ignored: str | None = None, **variables: str) -> Iterator[LabProcess]:
    """Starts a lab, and kills it in the end if it still runs.

    Its folder is none of pytest's, whose paths can be too long for the sockets in it.
    """
    with TemporaryDirectory(prefix="lab-") as folder:
        lab = LabProcess(Path(folder), *command, ignored=ignored, **variables)
        try:
            yield lab
        finally:
            if lab.process.poll() is None:
                lab.process.kill()
            lab.process.communicate()


@contextmanager
def running(*options: str, ignored: str | None = None, **variables: str) -> Iterator[LabProcess]:
    """The same, when it is ready for use."""
    with starting("lab", "--json", "--port", "0", *options, ignored=ignored, **variables) as lab:
        lab.until_ready()
        yield lab


def until_ended(processes: set[int]) -> None:
    """Waits for the end of processes of others.

    Raises:
        AssertionError: one still runs after `SECONDS`.
    """
    for number in processes:
        with contextlib.suppress(ProcessLookupError):
            watched = os.pidfd_open(number)
            try:
                ended, _, _ = select.select([watched], [], [], SECONDS)
            finally:
                os.close(watched)
            assert ended, f"process {number} still runs"
