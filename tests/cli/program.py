"""Runs the program as a user does: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROGRAM = [sys.executable, "-m", "sipauthctl"]
TOP = Path(__file__).parent.parent.parent


@dataclass
class Result:
    code: int
    out: str
    err: str


def environment(**changes: str) -> dict[str, str]:
    # Without bytecode on disk, each of the many processes would compile the program anew.
    left_out = (
        "SIPAUTHCTL_PASSWORD",
        "SIPAUTHCTL_CONFIG",
        "NO_COLOR",
        "PYTHONUNBUFFERED",
        "PYTHONDONTWRITEBYTECODE",
    )
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "PYTHONPATH": str(TOP), "PYTHONUTF8": "1", "COLUMNS": "80", **changes}


def sipauthctl(*args: str, stdin: str | None = None, **changes: str) -> Result:
    """Runs to the end, without a terminal."""
    done = subprocess.run(
        [*PROGRAM, *args],
        env=environment(**changes),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)
