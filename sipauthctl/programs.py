"""Programs that this one starts: where they are found, and what they get to know of its environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # Debian's; not in the PATH of most users


def find_program(name: str, folders: Sequence[Path] | None = None) -> str | None:
    """The absolute path of a program in PATH or in the system's own folders, or in these; None where it is not
    installed."""
    return shutil.which(name, path=_path() if folders is None else os.pathsep.join(map(str, folders)))


def child_environment(**more: str) -> dict[str, str]:
    """All that a program finds in its environment: where programs are, English for its words, and `more`; so none of
    the user's secrets."""
    return {"PATH": _path(), "LC_ALL": "C.UTF-8", **more}


def _path() -> str:
    """PATH without empty and relative entries: the current folder may hold anybody's files."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join([*(folder for folder in folders if Path(folder).is_absolute()), *_SYSTEM_FOLDERS])
