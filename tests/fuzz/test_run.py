"""The runner under atheris."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
from tests.fuzz.registry import Target
from tests.fuzz.run import run_one

def broken(data: bytes) -> None:
    assert data[:1] != b"!"

print(run_one(Target("broken", broken, (b"abc", b"!abc")), 5, Path(sys.argv[1])).crash)
"""


@pytest.mark.slow
def test_an_input_that_breaks_a_target_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=TOP, capture_output=True, text=True, check=True, timeout=60
    )
    crash = Path(done.stdout.splitlines()[-1])
    assert crash.read_bytes().startswith(b"!")
    assert "AssertionError" in Path(f"{crash}.log").read_text("utf-8")
