"""How the program ends: signals, readers that go away, closed streams, full disks, lost connections."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.analysis.sessions import session
from tests.cli.peer import PASSWORD, after_the_handshake, serving
from tests.cli.program import PROGRAM, environment, sipauthctl
from tests.lab.lab_process import LabProcess, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    with running("--schemes", "ntlm", "--no-redirect") as process:
        yield process


def register(lab: LabProcess, *more: str) -> list[str]:
    return sign_in("register", lab, *more)


def sign_in(command: str, lab: LabProcess, *more: str) -> list[str]:
    document = lab.document
    args = [command, "ned@litwareinc.com", "--username", r"LITWAREINC\ned", "--auth", "ntlm"]
    return [*PROGRAM, *args, "--nameserver", document["nameserver"], "--ca-file", document["ca_file"], *more]


def env() -> dict[str, str]:
    return environment(SIPAUTHCTL_PASSWORD=PASSWORD)


def registrations(lab: LabProcess, before: str) -> tuple[int, int]:
    """How many were made and taken back since the log was as it was before."""
    since = lab.log[len(before) :]
    return since.count(" registered") + since.count(" refreshed"), since.count(" de-registered")


@pytest.mark.parametrize("lines", [1, 5, 7, 8, 9, 11])
@pytest.mark.parametrize("both", [True, False], ids=["both streams", "stderr"])
def test_a_reader_that_goes_away_leaves_nothing_registered(lab: LabProcess, lines: int, both: bool) -> None:
    before = lab.log
    process = subprocess.Popen(
        register(lab, "--refresh", "3"),
        env=env(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if both else subprocess.PIPE,
        encoding="utf-8",
    )
    shown = process.stdout if both else process.stderr
    assert shown is not None and process.stdout is not None
    for _ in itertools.islice(shown, lines):
        pass
    shown.close()
    result = "" if both else process.stdout.read()
    process.stdout.close()
    assert process.wait(timeout=60) == 3
    made, taken_back = registrations(lab, before)
    assert bool(made) == bool(taken_back)
    assert "registration-left" not in result


@pytest.mark.parametrize("kilobytes", [3, 4, 5, 6])
def test_a_disk_that_is_full_for_the_trace_leaves_nothing_registered(
    lab: LabProcess, kilobytes: int, tmp_path: Path
) -> None:
    before = lab.log
    args = ["bash", "-c", f'ulimit -f {kilobytes}; exec "$@"', "bash", *register(lab, "--trace", str(tmp_path / "t"))]
    done = subprocess.run(args, env=env(), capture_output=True, encoding="utf-8", check=False, timeout=60)
    assert done.stdout.startswith("REGISTERED  ")
    assert done.stderr.endswith(f"Error: Cannot write the trace {tmp_path / 't'}: File too large.\n")
    assert done.returncode == 3
    assert registrations(lab, before) == (1, 1)


@pytest.mark.parametrize("disk", ["/dev/full", "limit"])
def test_a_disk_that_is_full_for_the_trace_of_the_doctor(lab: LabProcess, disk: str, tmp_path: Path) -> None:
    before = lab.log
    trace = disk if disk == "/dev/full" else str(tmp_path / "t")
    limit = "" if disk == "/dev/full" else "ulimit -f 3; "
    command = sign_in("doctor", lab, "--only", "sign-in", "--trace", trace, "--json")
    args = ["bash", "-c", f'{limit}exec "$@"', "bash", *command]
    done = subprocess.run(args, env=env(), capture_output=True, encoding="utf-8", check=False, timeout=60)
    assert json.loads(done.stdout)["registered"] is True
    assert f"Error: Cannot write the trace {trace}: " in done.stderr
    assert done.returncode == 3
    made, taken_back = registrations(lab, before)
    assert made and taken_back == 1


@pytest.mark.parametrize("command", ["register", "doctor", "analyze"])
def test_a_document_that_the_disk_does_not_hold(command: str, lab: LabProcess, tmp_path: Path) -> None:
    before = lab.log
    (tmp_path / "x.log").write_bytes(b"".join(record.raw for record in session()))
    quick = ["--only", "sign-in"] if command == "doctor" else []
    analyze = [*PROGRAM, "analyze", str(tmp_path / "x.log"), "--json"]
    run = analyze if command == "analyze" else sign_in(command, lab, *quick, "--json")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            run, env=env(), stdout=full, stderr=subprocess.PIPE, encoding="utf-8", check=False, timeout=60
        )
    assert done.stderr.endswith("Error: the output cannot be written: No space left on device.\n")
    assert done.returncode == 3
    made, taken_back = registrations(lab, before)
    assert bool(made) == bool(taken_back) == (command != "analyze")


REDIRECTIONS = [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&1"]


@pytest.mark.parametrize("redirection", REDIRECTIONS)
def test_streams_that_are_closed_or_full(lab: LabProcess, redirection: str) -> None:
    before = lab.log
    args = ["bash", "-c", f'exec "$@" {redirection}', "bash", *register(lab)]
    done = subprocess.run(args, env=env(), capture_output=True, encoding="utf-8", check=False, timeout=60)
    full = redirection.startswith(">/dev/full")
    assert done.returncode == (3 if full else 0)
    assert done.stdout.startswith("REGISTERED  ") is not redirection.startswith(">") or "<&- >" in redirection
    assert "unexpectedly" not in done.stderr
    if redirection == ">/dev/full":
        assert done.stderr.endswith("Error: the output cannot be written: No space left on device.\n")
    assert registrations(lab, before) == (1, 1)


@pytest.mark.parametrize("command", [["explain"], ["analyze", "-"], ["doctor", "--list"], ["lab", "--list-faults"]])
@pytest.mark.parametrize("redirection", ["<&- >&- 2>&-", ">/dev/full", "2>/dev/full"])
def test_no_command_fails_unexpectedly(command: list[str], redirection: str) -> None:
    args = ["bash", "-c", f'exec "$@" {redirection}', "bash", *PROGRAM, *command]
    done = subprocess.run(
        args, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=False
    )
    assert "unexpectedly" not in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == (3 if redirection == ">/dev/full" or "-" in command else 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("command", ["analyze", "doctor"])
def test_a_signal_is_the_exit_code_and_leaves_no_file(command: str, number: signal.Signals, tmp_path: Path) -> None:
    fifo, page = tmp_path / "fifo", tmp_path / "page.html"
    os.mkfifo(fifo)
    quiet = ["env", "--default-signal=HUP,INT", *PROGRAM]
    if command == "analyze":
        process = subprocess.Popen([*quiet, "analyze", str(fifo), "--html", str(page)], env=environment())
        with fifo.open("w") as writer:  # opens when the other end does, and gives nothing
            process.send_signal(number)
            assert process.wait(timeout=60) == 128 + number
            writer.close()
        assert [path.name for path in tmp_path.iterdir()] == ["fifo"]
        return

    asked: list[subprocess.Popen[bytes]] = []

    def interrupting(head: str, token: str) -> bytes:
        asked[0].send_signal(number)
        return b""

    with serving(after_the_handshake(interrupting)) as there:
        asked.append(subprocess.Popen([*quiet, "doctor", *there], env=env(), stderr=subprocess.PIPE))
        _, err = asked[0].communicate(timeout=60)
    assert asked[0].returncode == 128 + number
    assert b"Interrupted." in err


def test_a_registration_that_cannot_be_taken_back_is_reported(tmp_path: Path) -> None:
    """The connection breaks in the midst of the handshake, and the next one knows nothing of the association."""
    with serving(after_the_handshake(lambda head, token: b"")) as there:
        result = sipauthctl("register", *there, "--json", SIPAUTHCTL_PASSWORD=PASSWORD)
    document = json.loads(result.out)
    (left,) = [found for found in document["findings"] if found["id"] == "registration-left"]
    assert "127.0.0.1 answered the de-registration with 401" in left["detail"]
    assert result.code == 1
