"""Whose a user principal name is: the domain may have others than the lab gave."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sipauthctl.lab.samba.programs import interpreter
from sipauthctl.programs import child_environment

TIME_LIMIT = 10.0  # seconds


def principal_owner(configuration: Path, name: str) -> str:
    """The account that has the name, empty where none has it; about half a second.

    Args:
        configuration: the domain's smb.conf.
        name: a user principal name.
    """
    script = Path(__file__).with_name("principal_owner.py")
    try:
        done = subprocess.run(  # noqa: S603 - the name goes through standard input
            (interpreter(), "-I", str(script), str(configuration)),
            input=name.encode("utf-8", "replace"),
            capture_output=True,
            timeout=TIME_LIMIT,
            check=False,
            env=child_environment(),
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.decode("utf-8", "replace").strip()
