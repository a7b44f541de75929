"""How tshark is found, started and judged; programs of our own stand in its place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pyshark.tshark.tshark import get_process_path

from sipauthctl.capture import pcap_tshark
from sipauthctl.capture.pcap_tshark import TsharkProblem, output
from sipauthctl.capture.record import ReadError
from tests.cli.program import environment
from tests.test_programs import program


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a capture; `bin` beside it is first in PATH."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "x.pcap").write_bytes(b"\xd4\xc3\xb2\xa1")
    monkeypatch.chdir(here)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return here


def run() -> bytes:
    return b"".join(output(Path("x.pcap"), ["-w", "-"], {}, {}))


CONFIGURATIONS = [
    "[tshark]\ntshark_path = ./notes.txt\n[dumpcap]\ndumpcap_path = x\n",
    "[database]\nhost = localhost\n",
    "not an INI file",
]


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_a_configuration_of_pyshark_in_the_current_folder_does_not_count(configuration: str, folder: Path) -> None:
    program(folder.parent / "bin" / "tshark", "printf right")
    program(folder / "notes.txt", "touch owned")
    program(folder / "tshark", "touch owned")
    (folder / "config.ini").write_text(configuration, "utf-8")
    assert run() == b"right"
    assert not (folder / "owned").exists()


def test_pyshark_has_no_configuration(folder: Path) -> None:
    (folder / "config.ini").write_text(CONFIGURATIONS[0], "utf-8")
    program(folder.parent / "bin" / "tshark")
    assert get_process_path() == str(folder.parent / "bin" / "tshark")


def test_a_current_folder_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    code = "import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); import sipauthctl.capture.pcap"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment(), check=True)


def test_tshark_gets_no_secret_and_no_profile_of_the_user(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIPAUTHCTL_PASSWORD", "canary")
    monkeypatch.setenv("WIRESHARK_CONFIG_DIR", str(folder))
    program(folder.parent / "bin" / "tshark", 'env; ls -A; ls -A "$HOME" "$WIRESHARK_CONFIG_DIR" | grep -v :')
    lines = run().decode().split()
    variables = dict(line.split("=", 1) for line in lines if "=" in line)
    assert "SIPAUTHCTL_PASSWORD" not in variables
    assert variables["HOME"] == variables["WIRESHARK_CONFIG_DIR"] != str(folder)
    assert [line for line in lines if "=" not in line] == []
    assert not Path(variables["HOME"]).exists()


def test_without_tshark_the_package_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(folder / "tshark", "touch owned")
    monkeypatch.setenv("PATH", ".")
    with pytest.raises(ReadError, match="apt install tshark"):
        run()


def test_tshark_has_only_so_much_processor_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pcap_tshark, "_BASE_SECONDS", 1)
    program(folder.parent / "bin" / "tshark", "printf begun; while :; do :; done")
    pieces = output(Path("x.pcap"), [], {}, {})
    assert next(pieces) == b"begun"
    with pytest.raises(TsharkProblem, match="more than 1 s of processor time"):
        next(pieces)
