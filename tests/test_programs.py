"""Programs that are started: found in PATH alone, and without secrets in their environment."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from sipauthctl.machine.sssd import JoinedDomain, ask_realmd
from sipauthctl.programs import child_environment, find_program
from tests.sources import syntax_tree

PACKAGE = Path(__file__).parent.parent / "sipauthctl"
STARTING = {"subprocess.run", "subprocess.Popen", "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell"}
OTHER_WAYS = {"subprocess.call", "subprocess.check_call", "subprocess.check_output", "os.system", "os.popen"}


def program(path: Path, script: str = "exit 0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("entry", ["", ".", "bin", "./bin", "../here/bin"])
def test_no_program_is_found_through_the_current_folder(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, installed = tmp_path / "here", program(tmp_path / "usr" / "tool")
    program(here / "tool")
    program(here / "bin" / "tool")
    monkeypatch.chdir(here)
    monkeypatch.setenv("PATH", entry)
    assert find_program("tool") is None
    monkeypatch.setenv("PATH", f"{entry}:{installed.parent}")
    assert find_program("tool") == str(installed)
    assert child_environment()["PATH"].split(":")[0] == str(installed.parent)
    assert all(folder.startswith("/") for folder in child_environment()["PATH"].split(":"))


def test_a_program_gets_nothing_of_the_environment_but_path(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SIPAUTHCTL_PASSWORD", "AWS_SECRET_ACCESS_KEY", "SSLKEYLOGFILE", "LD_PRELOAD", "LANG"):
        monkeypatch.setenv(name, "canary")
    assert set(child_environment(HOME="/nowhere")) == {"PATH", "LC_ALL", "HOME"}
    assert "canary" not in child_environment().values()


def test_realmd_gets_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    program(
        tmp_path / "usr" / "sbin" / "realm",
        f"env > {seen}; printf 'litwareinc.com\\n  domain-name: litwareinc.com\\n  configured: kerberos-member\\n"
        "  server-software: active-directory\\n'",
    )
    monkeypatch.setenv("SIPAUTHCTL_PASSWORD", "canary")
    assert ask_realmd(tmp_path) == (JoinedDomain("litwareinc.com"),)
    assert "canary" not in seen.read_text("utf-8")


def test_every_program_gets_an_environment_that_was_made_for_it() -> None:
    calls = 0
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(syntax_tree(path)):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            assert name not in OTHER_WAYS, path
            if name in STARTING:
                calls += 1
                assert "env" in {keyword.arg for keyword in node.keywords}, f"{path}:{node.lineno}"
    assert calls > 5
