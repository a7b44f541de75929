"""The program as a whole: version, help, catalogue, lab."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sipauthctl import __version__
from sipauthctl.findings import catalogue
from sipauthctl.lab.faults import FAULTS
from tests.cli.program import PROGRAM, environment, sipauthctl
from tests.report.schemas import validate


def test_version() -> None:
    result = sipauthctl("--version")
    assert (result.code, result.out) == (0, f"sipauthctl {__version__}\n")


def test_help_names_every_command_without_loading_it() -> None:
    code = "import sys; from sipauthctl.cli.main import main; main(['--help']); print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, encoding="utf-8", check=True
    )
    for command in ("register", "lab", "explain"):
        assert command in done.stdout
    for module in ("rich", "spnego", "dns", "asyncio", "trustme"):
        assert f"'{module}'" not in done.stdout


def test_explain_lists_and_explains() -> None:
    listed = sipauthctl("explain").out
    for id_ in catalogue():
        assert id_ in listed
    explained = sipauthctl("explain", "clock-skew").out
    assert "What it means" in explained
    assert "      w32tm /resync /rediscover" in explained.splitlines()


@pytest.mark.parametrize("code", ["1013", "0x80090324", "-2146893020", "SEC_E_TIME_SKEW", "ntstatus:0xC0000133"])
def test_explain_says_which_finding_a_code_leads_to(code: str) -> None:
    explained = sipauthctl("explain", code)
    assert (explained.code, explained.err) == (0, "")
    assert "    clock-skew  The clocks of this computer and the server differ too much" in explained.out.splitlines()


def test_explain_names_the_candidates_of_a_code_that_proves_nothing() -> None:
    lines = sipauthctl("explain", "0x80090302").out.splitlines()
    assert "  Possible findings:" in lines
    assert [line.split()[0] for line in lines if line.startswith("    ntlm-")] == [
        "ntlm-key-strength-mismatch",
        "ntlm-blocked",
    ]


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("clock-skwe", "Did you mean clock-skew"), ("0x12345678", "certutil -error"), ("-5", "certutil -error")],
)
def test_explain_of_something_unknown_is_a_usage_error_with_a_hint(typed: str, hint: str) -> None:
    unknown = sipauthctl("explain", typed)
    assert (unknown.code, unknown.out) == (2, "")
    assert hint in " ".join(unknown.err.split())


def test_every_fault_is_explained() -> None:
    listed = sipauthctl("lab", "--list-faults").out
    for name, fault in FAULTS.items():
        assert name in listed
        assert fault.explanation.split()[0] in listed
    assert "refresh-answer=STATUS[:ID]" in listed.splitlines()
    assert "restart=60" in listed.splitlines()


def test_an_unexpected_error_is_one_sentence() -> None:
    code = (
        "import sipauthctl.cli.main as m, sys\n"
        "m.cli.get_command = lambda *a: (_ for _ in ()).throw(RuntimeError('secret words'))\n"
        "sys.exit(m.main(['register']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 3
    assert re.search(r"failed unexpectedly \(version [0-9.]+, <string>:2\)", done.stderr)
    assert "RuntimeError" not in done.stderr
    assert "secret words" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["explain"], ["explain", "clock-skew"], ["--version"]], ids=" ".join)
def test_a_full_disk_is_told_as_what_it_is(command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, *command],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            check=False,
        )
    assert done.returncode == 3
    assert done.stderr == "Error: the output cannot be written: No space left on device.\n"


def test_a_reader_that_goes_away_is_no_error_worth_a_word() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        done = subprocess.run(
            [*PROGRAM, "explain"],
            env=environment(),
            stdout=nobody,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            check=False,
        )
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [[], ["--challenge", "407", "--sipae-version", "3"], ["--no-redirect", "--no-ess"]]
)
def test_a_lab_in_its_own_process_takes_registrations(options: list[str]) -> None:
    lab = subprocess.Popen(
        [*PROGRAM, "lab", "--json", "--port", "0", *options],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert lab.stdout is not None
        text = ""
        for line in lab.stdout:
            text += line
            if line == "}\n":
                break
        document = json.loads(text)
        validate(document, "lab")
        account = document["accounts"][0]
        result = sipauthctl(
            "register",
            account["sip_uri"],
            "--username",
            f"{account['domain']}\\{account['username']}",
            "--nameserver",
            document["nameserver"],
            "--ca-file",
            document["ca_file"],
            SIPAUTHCTL_PASSWORD=account["password"],
        )
        assert result.code == 0, result.out
    finally:
        lab.send_signal(signal.SIGINT)
        _, log = lab.communicate(timeout=30)
    assert lab.returncode == 0
    assert "de-registered" in log


def test_a_lab_on_a_taken_port_says_so() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = sipauthctl("lab", "--port", str(taken.getsockname()[1]))
    assert result.code == 3
    assert "The lab cannot start" in result.err
