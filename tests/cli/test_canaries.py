"""Secrets that are recognised anywhere: in no output, no file that stays, and no argument or variable of a child."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipauthctl.mechanisms.ntlm.keys import NtlmSecret, check_response, exported_session_key
from sipauthctl.mechanisms.ntlm.messages import read_authenticate, read_challenge
from tests.analysis.sessions import PASSWORD as OF_THE_SESSION
from tests.analysis.sessions import session
from tests.cli.peer import after_the_handshake, answer, serving
from tests.cli.program import PROGRAM, environment, sipauthctl
from tests.lab.lab_process import running, starting
from tests.mechanisms.kerberos.recorded import Entry, written

pytestmark = pytest.mark.slow

PASSWORD = "Canary-7391-zwitschert"
NT_HASH = NtlmSecret.from_password(PASSWORD).rc4_key
KEY = bytes(range(0x61, 0x81))  # of a keytab and a TLS key log


def writings(secret: bytes) -> Iterator[bytes]:
    """Plain, hexadecimal, base64 wherever it begins, and each of these in UTF-16."""
    plain = [secret, secret.hex().encode(), secret.hex().upper().encode()]
    for before in range(3):
        whole = base64.b64encode(bytes(before) + secret)
        plain.append(whole[(8 * before + 5) // 6 : 8 * (before + len(secret)) // 6])
    for text in plain:
        yield text
        yield text.decode("latin-1").encode("utf-16-le")


EVERY = [
    form for secret in (PASSWORD.encode(), PASSWORD.encode("utf-16-le"), NT_HASH, KEY) for form in writings(secret)
]


def shows_secret(*texts: bytes | str) -> bool:
    """Whether a canary is in one of them."""
    return any(form in (text.encode() if isinstance(text, str) else text) for text in texts for form in EVERY)


def in_files(folder: Path, *but: str) -> bool:
    return shows_secret(*(file.read_bytes() for file in folder.rglob("*") if file.is_file() and file.name not in but))


def test_a_canary_is_found() -> None:
    assert shows_secret(f"x{PASSWORD}y", b"")
    assert shows_secret(base64.b64encode(b"z" + NT_HASH))
    assert not shows_secret("Litware-Ned-1")


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """The secrets as files, and a capture; what else is found in the folder was left behind."""
    folder = tmp_path / "given"
    folder.mkdir(mode=0o700)
    (folder / "password").write_text(f"{PASSWORD}\n", "utf-8")
    (folder / "hash").write_text(f"{NT_HASH.hex()}\n", "utf-8")
    (folder / "keylog").write_text(f"CLIENT_RANDOM {'00' * 32} {(KEY + KEY[:16]).hex()}\n", "utf-8")
    (folder / "keytab").write_bytes(written(Entry("sip/hs1.litwareinc.com@LITWAREINC.COM", 1, 18, KEY)))
    for file in folder.iterdir():
        file.chmod(0o600)
    (folder / "capture").write_bytes(b"\r\n".join(record.raw for record in session()))
    return folder


def sign_in(given: Path, args: list[str], **more: str) -> tuple[int, bytes]:
    """The exit code, and everything that the command wrote."""
    temporary = given.parent / "tmp"
    temporary.mkdir(exist_ok=True)
    env = environment(TMPDIR=str(temporary), **more)
    done = subprocess.run([*PROGRAM, *args], env=env, capture_output=True, timeout=100, check=False)
    assert not in_files(temporary)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("mode", [[], ["--json"]], ids=["console", "json"])
@pytest.mark.parametrize("command", ["register", "doctor"])
def test_a_sign_in(command: str, mode: list[str], given: Path) -> None:
    args = ["-v", command, "--lab", "--auth", "ntlm", "--trace", str(given.parent / "trace"), *mode]
    for password in ([], ["--password-file", str(given / "password")]):
        more = {} if password else {"SIPAUTHCTL_PASSWORD": PASSWORD}
        code, output = sign_in(given, [*args, *password], **more)
        assert (code, shows_secret(output)) == (1, False)
        assert not shows_secret((given.parent / "trace").read_bytes())


def test_a_server_that_knows_the_password_and_says_it(given: Path) -> None:
    said = base64.b64encode(f"ned:{PASSWORD}".encode()).decode()
    diagnostics = f'ms-diagnostics: 4003;reason="{PASSWORD} {NT_HASH.hex()} {said}";source="hs1"'
    with serving(after_the_handshake(lambda head, token: answer(head, f"403 {PASSWORD}", diagnostics))) as there:
        for mode in ([], ["--json"], ["--trace", str(given.parent / "trace")]):
            code, output = sign_in(given, ["register", *there, *mode], SIPAUTHCTL_PASSWORD=PASSWORD)
            assert (code, shows_secret(output)) == (1, False)
    assert not shows_secret((given.parent / "trace").read_bytes())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption(number: signal.Signals, given: Path) -> None:
    processes: list[subprocess.Popen[bytes]] = []

    def interrupting(head: str, token: str) -> bytes:
        processes[0].send_signal(number)
        return b""

    trace = given.parent / "trace"
    with serving(after_the_handshake(interrupting)) as there:
        args = ["env", "--default-signal=HUP,INT", *PROGRAM, "register", *there, "--trace", str(trace)]
        env = environment(SIPAUTHCTL_PASSWORD=PASSWORD)
        processes.append(subprocess.Popen(args, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
        output, _ = processes[0].communicate(timeout=60)
    assert processes[0].returncode == 128 + number
    assert not shows_secret(output, trace.read_bytes())


@pytest.mark.parametrize("place", ["sipauthctl.report.ladder.Ladder.__call__", "sipauthctl.probe.run.Probe.run"])
def test_a_crash(place: str, given: Path) -> None:
    module, kind, method = place.rsplit(".", 2)
    crash = (
        f"import sys, {module}\n"
        f"def crash(*args): raise RuntimeError({PASSWORD!r}, args)\n"
        f"{module}.{kind}.{method} = crash\n"
        "from sipauthctl.cli.main import main\n"
        "sys.exit(main(['register', '--lab', '--auth', 'ntlm']))\n"
    )
    env = environment(SIPAUTHCTL_PASSWORD=PASSWORD)
    done = subprocess.run([sys.executable, "-c", crash], env=env, capture_output=True, timeout=100, check=False)
    assert done.returncode == 3
    assert b"failed unexpectedly" in done.stderr
    assert b"Traceback" not in done.stderr
    assert not shows_secret(done.stdout, done.stderr)


@pytest.mark.parametrize("mode", [[], ["--json"], ["--html", "page"]], ids=" ".join)
@pytest.mark.parametrize(
    "option", ["--password-file password", "--nt-hash-file hash", "--keytab keytab", "--keylog keylog"]
)
def test_an_analysis(option: str, mode: list[str], given: Path) -> None:
    name, file = option.split()
    page = given.parent / "page"
    mode = [str(page) if word == "page" else word for word in mode]
    result = sipauthctl("analyze", str(given / "capture"), name, str(given / file), *mode)
    assert result.code in (0, 1), result.err
    assert not shows_secret(result.out, result.err, page.read_bytes() if page.exists() else b"")


@pytest.mark.parametrize("mode", [[], ["--json"], ["--html", "page"]], ids=" ".join)
def test_the_keys_of_the_sessions_that_are_verified(mode: list[str], given: Path) -> None:
    text = (given / "capture").read_text("latin-1")
    tokens = [base64.b64decode(found) for found in re.findall(r'gssapi-data="(TlRM[^"]+)"', text)]
    challenge, authenticate = read_challenge(tokens[0]), read_authenticate(tokens[1])
    base = check_response(NtlmSecret.from_password(OF_THE_SESSION), challenge.server_challenge, authenticate)
    assert base is not None
    keys = (base, exported_session_key(base, authenticate))
    (given / "password").write_text(OF_THE_SESSION, "utf-8")
    page = given.parent / "page"
    mode = [str(page) if word == "page" else word for word in mode]
    result = sipauthctl("analyze", str(given / "capture"), "--password-file", str(given / "password"), *mode)
    shown = (result.out + (page.read_text("utf-8") if page.exists() else "")).encode()
    assert b"valid" in shown
    assert not any(form in shown for key in keys for form in writings(key))


@pytest.mark.parametrize("option", ["--password-file", "--nt-hash-file", "--keytab", "--keylog"])
def test_a_file_of_another_kind(option: str, given: Path) -> None:
    """An error names the file, and quotes nothing of it."""
    for file in given.iterdir():
        result = sipauthctl("analyze", str(given / "capture"), option, str(file))
        assert not shows_secret(result.out, result.err)


RECORDER = """#!/bin/sh
{ echo "$0 $*"; env; } >> "$(dirname "$0")/../seen"
exit 1
"""


def test_children_are_given_no_secret(given: Path) -> None:
    programs = given.parent / "bin"
    programs.mkdir()
    for name in ("tshark", "realm", "krb5kdc", "kdb5_util", "kadmin.local", "samba", "samba-tool", "unshare"):
        (programs / name).write_text(RECORDER, "utf-8")
        (programs / name).chmod(0o755)
    capture = given.parent / "capture.pcap"
    capture.write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000") + bytes(16))
    env = {"SIPAUTHCTL_PASSWORD": PASSWORD, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    for args in (
        ["analyze", str(capture), "--password-file", str(given / "password"), "--keylog", str(given / "keylog")],
        ["doctor", "ned@litwareinc.com", "--server", "127.0.0.1:9", "--only", "machine"],
        ["register", "--lab", "--auth", "kerberos"],
    ):
        sipauthctl(*args, **env)
    seen = (given.parent / "seen").read_bytes()
    assert b"/tshark " in seen
    assert not shows_secret(seen)
    assert b"SIPAUTHCTL_PASSWORD" not in seen


def test_a_lab_leaves_nothing_and_shows_no_key_of_a_certificate() -> None:
    with running("--schemes", "ntlm,tls-dsk") as lab:
        pem = Path(lab.document["accounts"][0]["certificate"]).read_text("utf-8")
        key = base64.b64decode("".join(pem.split("PRIVATE KEY-----")[1].splitlines()[1:-1]))
        output = json.dumps(lab.document) + lab.log
        assert not any(part in output.encode() for at in range(40, 80, 8) for part in writings(key[at : at + 24]))
        assert lab.end(signal.SIGINT) == 0
        assert lab.files() == []


@pytest.mark.external
def test_the_programs_of_a_lab_are_given_no_secret() -> None:
    with starting("lab", "--json", "--port", "0", password=PASSWORD) as lab:
        lab.until_ready()
        children = lab.processes() - {lab.process.pid}
        assert children
        for child in children:
            process = Path("/proc", str(child))
            assert not shows_secret((process / "environ").read_bytes(), (process / "cmdline").read_bytes())
            assert b"SIPAUTHCTL_PASSWORD" not in (process / "environ").read_bytes()
