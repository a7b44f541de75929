"""Programs that a lab starts: they end with it, also where it is killed and cannot tell them."""

from __future__ import annotations

import os
import shutil

_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # Debian's; not in the PATH of most users
_SETPRIV = "setpriv"  # of util-linux; prctl(2) is not to be had in the standard library


def child_environment(**more: str) -> dict[str, str]:
    """All that a program finds in its environment: where programs are, and `more`; so none of the user's secrets."""
    folders = (os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS)
    return {"PATH": os.pathsep.join(folders), **more}


def find(program: str) -> str | None:
    """The path of a program, None when it is not installed."""
    return shutil.which(program, path=child_environment()["PATH"])


def bound(program: str, *arguments: str) -> tuple[str, ...]:
    """The command for a program that the kernel sends SIGTERM when the lab ends, prctl(2) PR_SET_PDEATHSIG.

    It keeps its process id, so that it can be ended as any other. Where there is no setpriv, it is the command alone.
    """
    setpriv = shutil.which(_SETPRIV)
    if setpriv is None:
        return program, *arguments
    return setpriv, "--pdeathsig", "TERM", "--", program, *arguments
