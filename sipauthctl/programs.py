"""Programs that this one starts: where they are found, and what they get to know of its environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

_PASSED_ON = ("HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "TMPDIR", "TZ")
_LOCALE = "LC_"


def find_program(name: str, folders: Sequence[str] = ()) -> str | None:
    """The absolute path of a program, None where it is not installed.

    Args:
        name: without a folder.
        folders: where to look besides PATH, after it.
    """
    return shutil.which(name, path=os.pathsep.join([*_path(), *folders]))


def child_environment(**changes: str) -> dict[str, str]:
    """The environment for a program: what it needs to run, and no variable that may hold a secret."""
    kept = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(_LOCALE)}
    return {**kept, "PATH": os.pathsep.join(_path()), **changes}


def _path() -> list[str]:
    """PATH without empty and relative entries: the current folder may hold anybody's files."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return [folder for folder in folders if Path(folder).is_absolute()]
