"""What Samba's programs need before they can run here."""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
from pathlib import Path

from sipauthctl.programs import child_environment, find_program

RUN_FOLDER = Path("/run/samba")
"""Where libwbclient looks for winbindd; no option changes that."""

_PACKAGES = {"samba": "samba", "samba-tool": "samba", "winbindd": "winbind", "ntlm_auth": "winbind"}
_MODULES = (Path("/usr/share/samba/setup/provision.ldif"), "samba-ad-provision")


def missing() -> str | None:
    """One sentence on why no domain controller can run here; None when nothing stands in the way."""
    wanted = [package for program, package in _PACKAGES.items() if find_program(program) is None]
    if not _MODULES[0].exists():
        wanted.append(_MODULES[1])
    if wanted:
        packages = " ".join(dict.fromkeys(wanted))
        return f"The lab's domain controller needs Samba: apt install {packages} samba-dsdb-modules samba-vfs-modules."
    if find_program("unshare") is None:
        return "The lab's domain controller needs unshare of util-linux: apt install util-linux."
    if os.geteuid() != 0:
        return "The lab's domain controller needs the ports of a real one (88, 389, 636), so it has to run as root."
    if _mount_namespace() is None:
        return "The lab's domain controller needs a mount namespace of its own, which this computer does not allow."
    return None


@functools.cache
def _mount_namespace() -> tuple[str, ...] | None:
    """The command for a mount namespace that nobody else looks into; None without one: containers often forbid it."""
    commands = (
        ("unshare", "--mount"),
        # Below a changed root directory unshare cannot make mounts private; often they are already.
        ("unshare", "--mount", "--propagation", "unchanged"),
    )
    return next(filter(_stays_within, commands), None)


def _stays_within(namespace: tuple[str, ...]) -> bool:
    with tempfile.TemporaryDirectory(prefix="sipauthctl-lab-") as folder:
        mount = (*namespace, "sh", "-c", 'mount --bind "$0" "$0"', folder)
        environment = child_environment()
        allowed = subprocess.run(mount, capture_output=True, check=False, env=environment).returncode == 0  # noqa: S603
        seen = folder in Path("/proc/self/mountinfo").read_text("utf-8")
        if seen:
            subprocess.run(["umount", folder], capture_output=True, check=True, env=environment)  # noqa: S603, S607
    return allowed and not seen


def interpreter() -> str:
    """The Python that Samba's own modules are installed for, which is hardly ever this one."""
    path = find_program("samba-tool")
    if path is None:
        return "python3"
    with Path(path).open("rb") as script:
        first = script.readline().decode("utf-8", "replace")
    return first.removeprefix("#!").strip() or "python3"


def within(folder: Path, *command: str, own_processes: bool = False) -> tuple[str, ...]:
    """The command that runs another one with `folder` in place of `RUN_FOLDER`, in a mount namespace of its own.

    Args:
        folder: it exists.
        command: a program and its arguments.
        own_processes: also in a process namespace, all of whose processes end with the first.
    """
    unshare = list(_mount_namespace() or ("unshare", "--mount"))
    if own_processes:
        unshare += ["--pid", "--fork", "--kill-child", "--mount-proc"]
    return (*unshare, "sh", "-c", f'mount --bind "$0" {RUN_FOLDER} && exec "$@"', str(folder), *command)
