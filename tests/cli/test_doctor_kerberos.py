"""`sipauthctl doctor` with Kerberos: the user of the current tickets, a KDC by option, and no secret anywhere."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import PROGRAM, Result, environment, sipauthctl
from tests.external import needs_kdc

pytestmark = [pytest.mark.external, needs_kdc]

PASSWORD = "Litware-Ned-1"


@pytest.fixture(scope="module")
def lab() -> Iterator[dict[str, Any]]:
    command = [*PROGRAM, "lab", "--json", "--port", "0"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, encoding="utf-8")
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            break
    try:
        yield json.loads(text)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        process.stdout.close()


def doctor(lab: dict[str, Any], *options: str, **variables: str) -> tuple[Result, dict[str, Any]]:
    target = ("--nameserver", lab["nameserver"], "--ca-file", lab["ca_file"], "--json")
    result = sipauthctl("doctor", *target, *options, **{"KRB5_CONFIG": lab["krb5_config"], **variables})
    return result, json.loads(result.out)


def test_the_current_kerberos_principal_is_examined_with_its_tickets(lab: dict[str, Any], tmp_path: Path) -> None:
    cache = f"FILE:{tmp_path}/cache"
    variables = {"KRB5_CONFIG": lab["krb5_config"]}
    subprocess.run(
        ["kinit", "-c", cache, "ned"], input=PASSWORD, env=environment(**variables), encoding="utf-8", check=True
    )
    result, found = doctor(lab, KRB5CCNAME=cache)
    assert result.code == 0, result.out
    assert found["user"] == "sip:ned@litwareinc.com"
    assert found["user_from"] == "the current Kerberos principal ned@LITWAREINC.COM"
    assert found["registered"] is True
    sign_in = next(check for check in found["checks"] if check["id"] == "sign-in")
    assert sign_in["detail"] == "Kerberos as ned@litwareinc.com: registered"


def test_the_domain_of_this_computer_is_the_last_resort(lab: dict[str, Any], tmp_path: Path) -> None:
    _, found = doctor(lab, "--only", "name", KRB5CCNAME=f"FILE:{tmp_path}/none")
    assert found["user"].endswith("@litwareinc.com")
    assert found["user_from"] == "your login name and the domain of this computer"


def test_a_kdc_can_be_named(lab: dict[str, Any]) -> None:
    kdc = re.search(r"\skdc = (\S+)", Path(lab["krb5_config"]).read_text("utf-8"))
    assert kdc is not None
    options = ("ned@litwareinc.com", "--kdc", kdc[1], "--auth", "kerberos")
    result, found = doctor(lab, *options, KRB5_CONFIG="/dev/null", SIPAUTHCTL_PASSWORD=PASSWORD)
    assert result.code == 0, result.out
    assert found["registered"] is True


def test_no_secret_is_left_anywhere(lab: dict[str, Any], tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    result, _ = doctor(lab, "ned@litwareinc.com", "--trace", str(trace), SIPAUTHCTL_PASSWORD=PASSWORD)
    assert result.code == 0, result.out
    shown = result.out + result.err + trace.read_text("utf-8", "surrogateescape")
    assert PASSWORD not in shown
    assert "TlRMTVNTUAACA" in shown  # the server's challenge, which is no secret
    assert "TlRMTVNTUAADA" not in shown  # an AUTHENTICATE
    assert 'gssapi-data="YI' not in shown  # an AP-REQ in its frame
