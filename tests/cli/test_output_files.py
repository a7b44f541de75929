"""Files that are written: what they never replace, who can read them, and what a full disk does."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.analysis.sessions import session
from tests.cli.program import PROGRAM, environment, sipauthctl

pytestmark = pytest.mark.slow

PAGE = "<title>sipauthctl analyze</title>"


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    file = tmp_path / "in.log"
    file.write_bytes(b"\r\n".join(record.raw for record in session()))
    return file


def only_files(folder: Path, *names: str) -> bool:
    """Whether nothing else was left behind."""
    return sorted(path.name for path in folder.iterdir()) == sorted(names)


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_an_input_is_not_replaced_under_any_name(link: object, capture: Path) -> None:
    before, name = capture.read_bytes(), capture
    if callable(link):
        name = capture.parent / "other"
        link(capture, name)
    result = sipauthctl("analyze", str(capture), "--html", str(name))
    assert result.code == 2
    assert f"this command reads the file {capture}. Choose another name." in " ".join(result.err.split())
    assert capture.read_bytes() == before


@pytest.mark.parametrize("option", ["--password-file", "--nt-hash-file", "--keytab", "--keylog"])
def test_a_secret_is_not_replaced_by_a_page(option: str, capture: Path) -> None:
    secret = capture.parent / "secret"
    secret.write_bytes(b"")  # as nothing else protects it
    result = sipauthctl("analyze", str(capture), option, str(secret), "--html", str(secret))
    assert (result.code, secret.read_bytes()) == (2, b"")


@pytest.mark.parametrize("option", ["--password-file", "--keytab", "--ccache", "--ca-file", "--from"])
def test_a_secret_is_not_replaced_by_a_trace(option: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"")
    args = [option, f"FILE:{secret}" if option == "--ccache" else str(secret), "--trace", str(secret)]
    result = sipauthctl("doctor", "sip:ned@litwareinc.com", *args)
    assert (result.code, secret.read_bytes()) == (2, b"")


def test_standard_input_and_the_configuration_are_inputs_too(capture: Path) -> None:
    before = capture.read_bytes()
    with capture.open() as stdin:
        args = ["analyze", "-", "--html", str(capture)]
        done = subprocess.run([*PROGRAM, *args], env=environment(), stdin=stdin, capture_output=True, check=False)
    assert (done.returncode, capture.read_bytes()) == (2, before)
    config = capture.parent / "config.toml"
    config.write_text("[profile.default]\n", "utf-8")
    result = sipauthctl("--config", str(config), "analyze", str(capture), "--html", str(config))
    assert (result.code, config.read_text("utf-8")) == (2, "[profile.default]\n")


@pytest.mark.parametrize("command", ["trace", "html"])
def test_a_file_of_others_is_not_replaced(command: str, capture: Path) -> None:
    other = capture.parent / "pw"
    other.write_text("Litware-Ned-1\n", "utf-8")
    args = ["register", "--lab", "--trace"] if command == "trace" else ["analyze", str(capture), "--html"]
    result = sipauthctl(*args, str(other))
    assert (result.code, other.read_text("utf-8")) == (3, "Litware-Ned-1\n")
    assert "another file has that name" in " ".join(result.err.split())
    assert only_files(capture.parent, "in.log", "pw")


@pytest.mark.parametrize("command", ["analyze", "register", "doctor"])
def test_no_link_is_followed(command: str, capture: Path) -> None:
    target, link = capture.parent / "target", capture.parent / "out"
    link.symlink_to(target)
    if command == "analyze":
        result = sipauthctl("analyze", str(capture), "--html", str(link))
    else:
        there = ("ned@litwareinc.com", "--server", "127.0.0.1:9", "--trace", str(link))
        result = sipauthctl(command, *there, SIPAUTHCTL_PASSWORD="x")
    assert result.code == 3
    assert "symbolic link" in result.err
    assert not target.exists()


def test_a_page_is_its_owners_alone_and_other_names_of_the_old_one_keep_it(capture: Path) -> None:
    page, copy = capture.parent / "page.html", capture.parent / "copy.html"
    page.write_text(f"old {PAGE}", "utf-8")
    page.chmod(0o644)
    copy.hardlink_to(page)
    assert sipauthctl("analyze", str(capture), "--html", str(page)).code in (0, 1)
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert page.read_text("utf-8").endswith("</html>\n")
    assert copy.read_text("utf-8") == f"old {PAGE}"
    assert only_files(capture.parent, "in.log", "page.html", "copy.html")


def test_a_trace_replaces_an_older_one_and_is_its_owners_alone(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_text(">>> older", "utf-8")
    assert sipauthctl("register", "--lab", "--auth", "ntlm", "--trace", str(trace)).code == 0
    assert stat.S_IMODE(trace.stat().st_mode) == 0o600
    assert "older" not in trace.read_text("utf-8")
    assert only_files(tmp_path, "trace")


def test_a_page_can_go_into_a_pipe(capture: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "analyze", str(capture), "--html", "/dev/stderr"],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert PAGE in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_after_the_result(capture: Path) -> None:
    page = capture.parent / "page.html"
    page.write_text(f"old {PAGE}", "utf-8")
    limited = ["bash", "-c", 'ulimit -f 1; exec "$@"', "bash"]
    for where, before in ((page, f"old {PAGE}"), (Path("/dev/full"), None)):
        args = [*(limited if before else []), *PROGRAM, "analyze", str(capture), "--html", str(where)]
        done = subprocess.run(args, env=environment(), capture_output=True, encoding="utf-8", check=False)
        assert "SUMMARY" in done.stdout
        assert f"Error: Cannot write the HTML file {where}: " in done.stderr
        assert done.returncode == (3 if "ERROR" not in done.stdout else 1)
        assert before is None or page.read_text("utf-8") == before
    assert only_files(capture.parent, "in.log", "page.html")


@pytest.mark.parametrize(("mode", "told"), [(0o644, True), (0o640, True), (0o600, False)])
def test_a_secret_that_others_can_read_is_reported(mode: int, told: bool, capture: Path) -> None:
    secret = capture.parent / "password"
    secret.write_text("Litware-Ned-1\n", "utf-8")
    secret.chmod(mode)
    args = ["analyze", str(capture), "--password-file", str(secret)]
    result = sipauthctl(*args)
    assert result.code == sipauthctl("analyze", str(capture)).code
    assert (f"Note: other users can read {secret} (mode {mode:04o})" in result.err) is told
    assert sipauthctl(*args, "--json").err == ""


def test_a_pipe_has_no_lasting_readers(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("", "utf-8")
    secret.chmod(0o644)
    with secret.open() as stdin:
        done = subprocess.run(
            [*PROGRAM, "register", "ned@litwareinc.com", "--password-file", "-"],
            env=environment(),
            stdin=stdin,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    assert (done.returncode, done.stderr) == (3, "Error: The password file is empty, or its first line is.\n")


def test_the_name_of_a_file_never_acts_on_the_terminal(tmp_path: Path) -> None:
    name = tmp_path / "\x1b[31mred\u202e"
    name.write_text("no output of this program", "utf-8")
    for args in (["register", "--lab", "--trace", str(name)], ["analyze", str(name), "--html", str(name)]):
        result = sipauthctl(*args)
        assert result.code in (2, 3)
        assert "red\\u202e" in "".join(result.err.split())
        assert "\x1b" not in result.err and "\u202e" not in result.err
