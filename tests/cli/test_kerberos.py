"""`sipauthctl register` by Kerberos from outside: each source of credentials, and what is left behind."""

from __future__ import annotations

import base64
import json
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import PROGRAM, Result, environment, sipauthctl
from tests.external import needs_kdc

pytestmark = [pytest.mark.external, needs_kdc]

PASSWORD = "Litware-Ned-1"


class Lab:
    """A lab in its own process."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.configuration = Path(document["krb5_config"])
        found = re.search(r"\skdc = (\S+)", self.configuration.read_text("utf-8"))
        assert found is not None
        self.kdc = found[1]

    @property
    def target(self) -> tuple[str, ...]:
        return ("--nameserver", self.document["nameserver"], "--ca-file", self.document["ca_file"])

    def register(self, *options: str, **variables: str) -> Result:
        return sipauthctl("register", "ned@litwareinc.com", *self.target, "--auth", "kerberos", *options, **variables)

    def kinit(self, cache: Path, user: str = "ned") -> dict[str, str]:
        """Gets tickets; gives the environment in which they are the user's default ones."""
        variables = {"KRB5_CONFIG": str(self.configuration), "KRB5CCNAME": f"FILE:{cache}"}
        subprocess.run(
            ["kinit", user],
            input=PASSWORD.replace("Ned", user.title()),
            env=environment(**variables),
            encoding="utf-8",
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return variables


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    command = [*PROGRAM, "lab", "--json", "--port", "0"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, encoding="utf-8")
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            break
    try:
        yield Lab(json.loads(text))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        process.stdout.close()


def test_by_password_with_a_krb5_conf(lab: Lab) -> None:
    result = lab.register(KRB5_CONFIG=str(lab.configuration), SIPAUTHCTL_PASSWORD=PASSWORD)
    assert result.code == 0, result.out
    assert "by Kerberos at hs2.litwareinc.com" in result.out


def test_by_password_with_a_kdc_and_no_krb5_conf(lab: Lab) -> None:
    result = lab.register("--kdc", lab.kdc, KRB5_CONFIG="/dev/null", SIPAUTHCTL_PASSWORD=PASSWORD)
    assert result.code == 0, result.out


def test_by_a_credential_cache_that_stays_as_it_was(lab: Lab, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    lab.kinit(cache)
    before = cache.read_bytes()
    result = lab.register("--ccache", str(cache), KRB5_CONFIG=str(lab.configuration))
    assert result.code == 0, result.out
    assert cache.read_bytes() == before


@pytest.mark.parametrize("auth", ["kerberos", "auto"])
def test_after_kinit_the_address_is_enough(lab: Lab, tmp_path: Path, auth: str) -> None:
    variables = lab.kinit(tmp_path / "cache")
    result = sipauthctl("register", "ned@litwareinc.com", *lab.target, "--auth", auth, **variables)
    assert result.code == 0, result.err
    assert "by Kerberos at hs2.litwareinc.com" in result.out
    assert "Using the Kerberos tickets of ned@LITWAREINC.COM." in result.err


def test_after_kinit_not_even_the_address_is_needed(lab: Lab, tmp_path: Path) -> None:
    result = sipauthctl("register", *lab.target, **lab.kinit(tmp_path / "cache"))
    assert result.code == 0, result.err
    assert "REGISTERED  sip:ned@litwareinc.com by Kerberos" in result.out
    assert "from the current Kerberos principal ned@LITWAREINC.COM" in " ".join(result.err.split())


def test_the_commands_that_the_lab_prints_sign_in_after_kinit() -> None:
    command = [*PROGRAM, "lab", "--port", "0"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, encoding="utf-8")
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line)
        if line.startswith("The outbound proxy of a client"):
            break
    try:
        exports = next(line for line in printed if line.startswith("  export "))
        kinit = next(line for line in printed if line.startswith("  kinit "))
        variables = dict(word.split("=", 1) for word in shlex.split(exports)[1:])
        subprocess.run(
            shlex.split(kinit),
            input=PASSWORD,
            env=environment(**variables),
            encoding="utf-8",
            check=True,
            stdout=subprocess.DEVNULL,
        )
        register = next(line for line in printed if line.startswith("  sipauthctl") and "--auth kerberos" in line)
        result = sipauthctl(*shlex.split(register)[1:], **variables)
        assert result.code == 0, result.err
        assert "REGISTERED  sip:ned@litwareinc.com by Kerberos at hs2.litwareinc.com" in result.out
        assert "Using the Kerberos tickets of ned@LITWAREINC.COM." in result.err
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        process.stdout.close()
    assert not Path(variables["SIPAUTHCTL_CONFIG"]).parent.exists()


@pytest.mark.parametrize("source", ["tickets", "password"])
@pytest.mark.parametrize("command", ["register", "doctor"])
def test_the_name_server_of_the_run_finds_the_kdc(
    lab: Lab, tmp_path: Path, command: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libkrb5 would ask the name servers of this computer, which do not know it."""
    monkeypatch.delenv("KRB5_CONFIG", raising=False)
    cache = lab.kinit(tmp_path / "cache")["KRB5CCNAME"]
    given = {"KRB5CCNAME": cache} if source == "tickets" else {"SIPAUTHCTL_PASSWORD": PASSWORD}
    result = sipauthctl(command, "ned@litwareinc.com", *lab.target, "--auth", "kerberos", "--json", **given)
    assert result.code == 0, result.out
    document = json.loads(result.out)
    assert document["outcome"] == "registered" if command == "register" else document["registered"]


def test_a_given_password_goes_before_the_tickets(lab: Lab, tmp_path: Path) -> None:
    result = lab.register("--json", SIPAUTHCTL_PASSWORD="wrong", **lab.kinit(tmp_path / "cache"))
    assert [finding["id"] for finding in json.loads(result.out)["findings"]] == ["wrong-password"]


def test_tickets_of_somebody_else_are_not_used(lab: Lab, tmp_path: Path) -> None:
    result = lab.register(**lab.kinit(tmp_path / "cache", "nina"))
    assert result.code == 2
    assert "No password" in result.err


def test_the_realm_of_an_unedited_krb5_conf_is_neither_used_nor_contacted(lab: Lab, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as athena:
        athena.bind(("127.0.0.1", 0))
        kdc = f"127.0.0.1:{athena.getsockname()[1]}"
        stub = tmp_path / "krb5.conf"
        stub.write_text(
            f"[libdefaults]\n default_realm = ATHENA.MIT.EDU\n[realms]\n ATHENA.MIT.EDU = {{\n  kdc = {kdc}\n }}\n"
        )
        result = lab.register("--username", "ned", KRB5_CONFIG=str(stub), SIPAUTHCTL_PASSWORD=PASSWORD)
        assert result.code == 0, result.out
        with pytest.raises(BlockingIOError):
            athena.recv(1, socket.MSG_DONTWAIT)


@pytest.mark.parametrize(("auth", "severity"), [("auto", "info"), ("kerberos", "error")])
def test_a_netbios_domain_whose_realm_is_not_known_is_told(lab: Lab, auth: str, severity: str) -> None:
    options = ("--username", "FABRIKAM\\ned", "--auth", auth, "--json")
    result = lab.register(*options, KRB5_CONFIG=str(lab.configuration), SIPAUTHCTL_PASSWORD=PASSWORD)
    found = {finding["id"]: finding for finding in json.loads(result.out)["findings"]}
    assert found["kdc-not-found"]["severity"] == severity
    assert "realm of FABRIKAM is not known" in found["kdc-not-found"]["detail"]
    assert result.code == 1  # the lab refuses NTLM of another domain, too


def test_by_a_keytab(lab: Lab, tmp_path: Path) -> None:
    keytab = tmp_path / "ned.keytab"
    variables = {"KRB5_CONFIG": str(lab.configuration)}
    words = f"addent -password -p ned@LITWAREINC.COM -k 1 -e aes256-cts-hmac-sha1-96\n{PASSWORD}\nwkt {keytab}\nquit\n"
    subprocess.run(
        ["ktutil"], input=words, env=environment(**variables), encoding="utf-8", check=True, stdout=subprocess.DEVNULL
    )
    result = lab.register("--keytab", str(keytab), **variables)
    assert result.code == 0, result.out


def test_auto_takes_kerberos(lab: Lab) -> None:
    result = lab.register("--auth", "auto", KRB5_CONFIG=str(lab.configuration), SIPAUTHCTL_PASSWORD=PASSWORD)
    assert "by Kerberos" in result.out


def test_auto_without_a_kdc_takes_ntlm_and_says_why(lab: Lab) -> None:
    result = lab.register("--auth", "auto", "--kdc", "127.0.0.1:1", SIPAUTHCTL_PASSWORD=PASSWORD)
    assert result.code == 0, result.out
    assert "by NTLM" in result.out
    assert "INFO  kdc-unreachable" in result.out


@pytest.mark.parametrize(
    ("content", "option"), [(None, "--ccache"), (b"garbage", "--ccache"), (b"", "--ccache"), (b"garbage", "--keytab")]
)
def test_a_source_that_cannot_be_used_is_one_finding(
    lab: Lab, tmp_path: Path, content: bytes | None, option: str
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    result = lab.register(option, str(file), "--json", KRB5_CONFIG=str(lab.configuration))
    assert result.code == 1
    (finding,) = json.loads(result.out)["findings"]
    assert finding["id"] == "no-ticket"
    assert str(file) in finding["detail"]
    assert ("klist -k" in finding["remedy"]) is (option == "--keytab")
    assert result.err == ""


def test_a_kdc_that_stays_silent_costs_no_more_than_the_time_limit(lab: Lab) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, socket.socket() as tcp:
        silent.bind(("127.0.0.1", 0))
        tcp.bind(("127.0.0.1", silent.getsockname()[1]))
        tcp.listen()
        kdc = f"127.0.0.1:{silent.getsockname()[1]}"
        result = lab.register("--kdc", kdc, "--timeout", "0.5", "--json", SIPAUTHCTL_PASSWORD=PASSWORD)
    assert result.code == 1
    (finding,) = json.loads(result.out)["findings"]
    assert finding["id"] == "kdc-unreachable"
    assert "no answer within 0.5 s" in finding["detail"]


def test_no_ticket_key_or_password_is_left_anywhere(lab: Lab, tmp_path: Path) -> None:
    home, trace = tmp_path / "home", tmp_path / "trace"
    (home / "tmp").mkdir(parents=True)
    variables = {"HOME": str(home), "TMPDIR": str(home / "tmp"), "SIPAUTHCTL_PASSWORD": PASSWORD}
    result = lab.register("--kdc", lab.kdc, "--trace", str(trace), "--json", **variables)
    assert result.code == 0
    assert [path for path in home.rglob("*") if path.is_file()] == []
    text = trace.read_text("utf-8")
    assert text.count(" bytes removed)") == 2
    for shown in (result.out, result.err, text):
        assert PASSWORD not in shown
        # A GSS token of Kerberos begins with the application tag, a length and the mechanism's OID.
        for token in re.findall(r"[A-Za-z0-9+/]{200,}={0,2}", shown):
            assert b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02" not in base64.b64decode(token + "==")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--ccache", "a", "--keytab", "/dev/null"], "not both"),
        (["--auth", "ntlm", "--kdc", "kdc1"], "for Kerberos"),
    ],
)
def test_wrong_usage(lab: Lab, options: list[str], words: str) -> None:
    result = lab.register(*options)
    assert result.code == 2
    assert words in result.err
