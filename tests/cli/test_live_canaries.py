"""Secrets of sign-ins that succeed, with each source of credentials, are in no output and no file that stays."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipauthctl.mechanisms.ntlm.keys import NtlmSecret, check_response, exported_session_key
from sipauthctl.mechanisms.ntlm.messages import read_authenticate
from tests.cli.peer import PASSWORD, after_the_handshake, answer, serving
from tests.cli.program import PROGRAM, environment
from tests.cli.test_canaries import writings
from tests.external import needs_kdc
from tests.lab.lab_process import LabProcess, running

_KEY_IN_KEYTAB = re.compile(rb"\x00\x12\x00\x20(.{32})", re.DOTALL)  # AES-256 is type 18
_KEY_IN_CACHE = re.compile(rb"\x00\x12\x00\x00\x00\x20(.{32})", re.DOTALL)


def shown(secrets: list[bytes], *texts: bytes) -> list[bytes]:
    """The secrets that stand in one of the texts, in any writing."""
    forms = [(secret, form) for secret in secrets for form in writings(secret)]
    return [secret for secret, form in forms if any(form in text for text in texts)]


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    with running("--schemes", "ntlm,kerberos,tls-dsk") as process:
        yield process


@pytest.fixture(scope="module")
def given(lab: LabProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of credentials as files."""
    folder = tmp_path_factory.mktemp("given")
    (folder / "password").write_text(PASSWORD, "utf-8")
    env = {**lab.environment(folder), "KRB5CCNAME": f"FILE:{folder / 'ccache'}"}
    words = f"addent -password -p ned@LITWAREINC.COM -k 1 -e aes256-cts-hmac-sha1-96\n{PASSWORD}\n"
    ktutil = f"{words}wkt {folder / 'keytab'}\nquit\n"
    for command, text in ((["kinit", "ned"], f"{PASSWORD}\n"), (["ktutil"], ktutil)):
        subprocess.run(command, input=text, env=env, text=True, check=True, stdout=subprocess.DEVNULL)
    for file in folder.iterdir():
        file.chmod(0o600)
    return folder


@pytest.mark.slow
@pytest.mark.external
@needs_kdc
@pytest.mark.parametrize(
    ("command", "auth", "source"),
    [
        ("register", "ntlm", "password"),
        ("register", "kerberos", "keytab"),
        ("register", "kerberos", "ccache"),
        ("doctor", "auto", "password"),
        ("doctor", "kerberos", "keytab"),
        ("doctor", "kerberos", "ccache"),
    ],
)
def test_a_sign_in_that_succeeds(
    command: str, auth: str, source: str, lab: LabProcess, given: Path, tmp_path: Path
) -> None:
    document = lab.document
    certificate = Path(document["accounts"][0]["certificate"]).read_text("utf-8")
    der = base64.b64decode("".join(certificate.split("PRIVATE KEY-----")[1].splitlines()[1:-1]))
    secrets = [PASSWORD.encode(), PASSWORD.encode("utf-16-le"), NtlmSecret.from_password(PASSWORD).rc4_key]
    secrets += [der[at : at + 24] for at in range(40, 80, 8)]
    secrets += _KEY_IN_KEYTAB.findall((given / "keytab").read_bytes())
    secrets += _KEY_IN_CACHE.findall((given / "ccache").read_bytes())
    assert len(secrets) == 3 + 5 + 1 + 1
    trace, temporary = tmp_path / "trace", tmp_path / "tmp"
    temporary.mkdir()
    option = {"password": "--password-file", "keytab": "--keytab", "ccache": "--ccache"}[source]
    target = ["--nameserver", document["nameserver"], "--ca-file", document["ca_file"], "--auth", auth]
    args = ["-v", command, "ned@litwareinc.com", *target, option, str(given / source), "--trace", str(trace)]
    more = ["--from", str(tmp_path / "evidence")] if command == "doctor" else []
    (tmp_path / "evidence").write_bytes(b"REGISTER sip:litwareinc.com SIP/2.0\r\n\r\n")
    env = environment(TMPDIR=str(temporary), KRB5_CONFIG=document["krb5_config"], KRB5CCNAME="FILE:/nonexistent")
    outputs = []
    for mode in ([], ["--json"]):
        done = subprocess.run([*PROGRAM, *args, *more, *mode], env=env, capture_output=True, timeout=100, check=False)
        outputs += [done.stdout, done.stderr, trace.read_bytes()]
        assert b"registered" in done.stdout.lower(), done.stderr
        if command == "doctor":  # the trace of this run is the evidence of the next
            (tmp_path / "evidence").write_bytes(trace.read_bytes())
    assert json.loads(outputs[3])["registered" if command == "doctor" else "outcome"] in (True, "registered")
    left = [file.read_bytes() for file in temporary.rglob("*") if file.is_file()]
    assert shown(secrets, *outputs, *left) == []


@pytest.mark.slow
@pytest.mark.parametrize("mode", [[], ["--json"]], ids=["console", "json"])
def test_the_session_key_of_ntlm(mode: list[str], tmp_path: Path) -> None:
    tokens: list[str] = []

    def refusing(head: str, token: str) -> bytes:
        tokens.append(token)
        return answer(head, "403 Forbidden")

    with serving(after_the_handshake(refusing)) as there:
        args = ["-v", "register", *there, *mode, "--trace", str(tmp_path / "trace")]
        env = environment(SIPAUTHCTL_PASSWORD=PASSWORD)
        done = subprocess.run([*PROGRAM, *args], env=env, capture_output=True, timeout=60, check=False)
    authenticate = read_authenticate(base64.b64decode(tokens[0]))
    base = check_response(NtlmSecret.from_password(PASSWORD), b"\x11" * 8, authenticate)
    assert base is not None
    secrets = [base, exported_session_key(base, authenticate), authenticate.nt_response[:24]]
    assert shown(secrets, done.stdout, done.stderr, (tmp_path / "trace").read_bytes()) == []


def test_a_secret_that_is_shown_is_found() -> None:
    key = bytes(range(0x30, 0x50))
    assert shown([key, b"other-secret"], b"x" + base64.b64encode(b"yy" + key)) == [key]
