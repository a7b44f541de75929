"""The memory, output and end of a measured run are those of the program alone."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.cli.program import environment
from tests.hostile.measured import Run, run

LARGE = 300 << 20


def python(code: str, folder: Path, limit: float = 30.0) -> Run:
    return run([sys.executable, "-c", code], folder, limit, environment())


def test_the_memory_of_whoever_measures_is_not_counted(tmp_path: Path) -> None:
    own = b"x" * LARGE
    assert 0 < python("pass", tmp_path).memory < LARGE / 3
    assert len(own) == LARGE


def test_memory_that_is_free_again_is_counted(tmp_path: Path) -> None:
    assert python(f"b'x' * {LARGE}", tmp_path).memory > LARGE


def test_output_and_exit_code_are_those_of_the_program(tmp_path: Path) -> None:
    done = python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)", tmp_path)
    assert (done.code, done.out, done.err, done.hung) == (3, "out\n", "err\n", False)


def test_a_program_without_end_is_killed(tmp_path: Path) -> None:
    assert python("import threading; threading.Event().wait()", tmp_path, 0.5).hung
