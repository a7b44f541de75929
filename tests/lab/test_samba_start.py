"""A lab with Samba that is interrupted while it starts, or that cannot start at all."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.program import PROGRAM, environment
from tests.external import needs_samba
from tests.lab.lab_process import starting, until_ended

pytestmark = pytest.mark.external
INSTALL = "needs Samba: apt install samba winbind samba-dsdb-modules samba-vfs-modules."
REGISTER = ("register", "--lab", "--auth", "kerberos", "--fault", "spn-duplicate")
LAB = ("lab", "--port", "0", "--directory", "samba")


@needs_samba
@pytest.mark.parametrize(
    ("command", "number", "ignored", "code"),
    [
        (LAB, signal.SIGINT, None, 0),
        (LAB, signal.SIGTERM, None, 0),
        (REGISTER, signal.SIGTERM, None, 143),
        (REGISTER, signal.SIGTERM, "INT", 143),
    ],
    ids=["lab, Ctrl-C", "lab", "register", "register in the background of a script"],
)
def test_an_interrupted_start_leaves_nothing(
    command: tuple[str, ...], number: signal.Signals, ignored: str | None, code: int
) -> None:
    with starting(*command, ignored=ignored) as lab:
        lab.until_there("sipauthctl-samba-*/empty.conf")
        processes = lab.processes()
        assert lab.end(number) == code, lab.log
        until_ended(processes)
        assert (lab.processes(), lab.files(), lab.mounts()) == (set(), [], [])
        assert lab.log == ("\nInterrupted.\n" if code else "")


READS_ALL = "+dac_read_search"  # the files of the tests may lie where only root looks
NOBODY = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *(f"--inh-caps={READS_ALL}", f"--ambient-caps={READS_ALL}", "--"),
)


def refusal(*command: str, before: tuple[str, ...] = (), **changes: str) -> str:
    """What the program says when it cannot be done."""
    done = subprocess.run(
        [*before, *PROGRAM, *command], env=environment(**changes), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, "")
    return done.stderr


@pytest.mark.parametrize(
    "command",
    [
        LAB,
        ("lab", "--port", "0", "--fault", "spn-duplicate"),
        REGISTER,
        ("doctor", "--lab", "--fault", "directory-slow"),
    ],
    ids=lambda command: " ".join(command),
)
def test_without_samba_it_says_what_to_install(command: tuple[str, ...]) -> None:
    assert refusal(*command, PATH="/nonexistent") == f"Error: The lab's domain controller {INSTALL}\n"


@needs_samba
def test_another_user_than_root_is_told_why_that_is_not_enough() -> None:
    text = refusal(*LAB, before=NOBODY if os.geteuid() == 0 else ())
    reason = "needs the ports of a real one (88, 389, 636), so it has to run as root."
    assert text == f"Error: The lab's domain controller {reason}\n"


@needs_samba
def test_a_root_that_may_not_mount_is_told_so() -> None:
    text = refusal(*LAB, before=("setpriv", "--bounding-set=-sys_admin"))
    reason = "needs a mount namespace of its own, which this computer does not allow."
    assert text == f"Error: The lab's domain controller {reason}\n"


@needs_samba
def test_a_folder_too_long_for_samba_is_told_before_it_starts(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 80)
    folder.mkdir()
    text = refusal(*LAB, TMPDIR=str(folder))
    assert text.startswith("Error: The paths of Samba's sockets in ")
    assert text.endswith(" would be too long; set TMPDIR to a shorter one.\n")
    assert list(folder.iterdir()) == []
