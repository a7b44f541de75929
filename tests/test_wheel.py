"""The wheel is the same wherever and whenever it is built."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "sipauthctl", "man", "completions")


def build(folder: Path, umask: int, time: int) -> Path:
    """A wheel from a copy of the sources whose files have other modes and times."""
    source, wheels = folder / "source", folder / "wheels"
    source.mkdir(parents=True)
    for name in BUILT_FROM:
        path = TOP / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source / name)
    for path in (source, *source.rglob("*")):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)
        os.utime(path, (time, time))
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run(command, cwd=source, env=environment, umask=umask, check=True, capture_output=True)
    (wheel,) = wheels.iterdir()
    return wheel


@pytest.mark.slow
def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    first = build(tmp_path / "here", 0o022, 1_600_000_000)
    second = build(tmp_path / "some" / "other" / "place", 0o077, 1_700_000_001)
    assert first.name == second.name
    names = [zipfile.ZipFile(wheel).namelist() for wheel in (first, second)]
    assert names[0] == names[1]
    assert "sipauthctl/cli/main.py" in names[0]
    digests = [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in (first, second)]
    assert digests[0] == digests[1]
