"""Runs a program within a limit of time, and measures its memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# Linux counts the memory of the process that calls exec as the program's own. So a small process starts the program.
_LAUNCHER = """
import os, sys
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)))
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Run:
    """How a program ended: exit code, output, the most resident memory in bytes; `hung` programs were killed."""

    code: int
    out: str
    err: str
    memory: int
    hung: bool


def run(command: list[str], folder: Path, limit: float, environment: dict[str, str]) -> Run:
    """Runs it to its end, at most for `limit` seconds. It works in `folder`, which also takes its output."""
    memory = folder / "memory"
    memory.write_text("0")
    with (folder / "out").open("w+b") as out, (folder / "err").open("w+b") as err:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(memory), *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=folder,
            start_new_session=True,
        )
        hung = False
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            hung = True
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return Run(process.returncode, texts[0], texts[1], int(memory.read_text()), hung)
