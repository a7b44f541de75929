"""Runs Samba's programs, each with its output in a file."""

from __future__ import annotations

import asyncio
import socket
from asyncio.subprocess import PIPE, STDOUT, Process
from pathlib import Path

from sipauthctl.lab.errors import CannotStart
from sipauthctl.lab.starting import bound
from sipauthctl.lab.stopping import stop
from sipauthctl.programs import child_environment, find_program

STEP_TIME_LIMIT = 60.0  # seconds, for each program
_POLL_INTERVAL = 0.05


class Programs:
    """Programs of one domain.

    Args:
        folder: the domain's own.
        kerberos_configuration: path of the krb5.conf that they read.
    """

    def __init__(self, folder: Path, kerberos_configuration: Path) -> None:
        self._folder = folder
        self._output = folder / "output"
        self._environment = child_environment(KRB5_CONFIG=str(kerberos_configuration))

    async def run(self, command: tuple[str, ...], text: str = "") -> None:
        """Runs a program to its end with `text` as its input.

        Raises:
            CannotStart: it fails, or takes too long.
        """
        name = Path(command[0]).name
        process = await self.start(command)
        try:
            async with asyncio.timeout(STEP_TIME_LIMIT):
                await process.communicate(text.encode())
        except TimeoutError:
            raise CannotStart(f"{name} does not end within {STEP_TIME_LIMIT:g} s") from None
        finally:
            await stop(process)
        if process.returncode:
            raise CannotStart(f"{name} fails: {self._last_words()}")

    async def start(self, command: tuple[str, ...]) -> Process:
        """Starts a program with an open standard input: Samba ends with it, so also when this process is killed."""
        with self._output.open("wb") as output:
            return await asyncio.create_subprocess_exec(
                *bound(find_program(command[0]) or command[0], *command[1:]),
                stdin=PIPE,
                stdout=output,
                stderr=STDOUT,
                env=self._environment,
                cwd=self._folder,
                start_new_session=True,  # Ctrl-C is for the lab, which ends it in order
            )

    async def until_listening(self, process: Process, places: list[tuple[str, int] | Path]) -> None:
        """Waits until a daemon takes connections at all of these, as Samba tells nobody when it is ready.

        Raises:
            CannotStart: it ends, or takes too long.
        """
        try:
            async with asyncio.timeout(STEP_TIME_LIMIT):
                for place in places:
                    while not await _listens(place):
                        if process.returncode is not None:
                            raise CannotStart(f"samba does not start: {self._last_words()}")
                        await asyncio.sleep(_POLL_INTERVAL)
        except TimeoutError:
            raise CannotStart(f"samba is not ready after {STEP_TIME_LIMIT:g} s") from None

    def _last_words(self) -> str:
        lines = self._output.read_text("utf-8", "backslashreplace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "it gives no reason")


async def _listens(place: tuple[str, int] | Path) -> bool:
    family = socket.AF_UNIX if isinstance(place, Path) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as attempt:
        attempt.setblocking(False)
        try:
            address = str(place) if isinstance(place, Path) else place
            await asyncio.get_running_loop().sock_connect(attempt, address)
        except OSError:
            return False
    return True
