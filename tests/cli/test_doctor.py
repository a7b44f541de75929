"""`sipauthctl doctor` as a user runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sipauthctl.lab.kdc import Kdc
from tests.cli.program import PROGRAM, Result, environment, sipauthctl
from tests.external import DEMANDED
from tests.lab.lab_process import running
from tests.report.schemas import validate


def document(result: Result) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(result.out)
    validate(loaded, "doctor")
    return loaded


def statuses(loaded: dict[str, Any]) -> dict[str, str]:
    return {check["id"]: check["status"] for check in loaded["checks"]}


def test_a_healthy_lab_is_healthy() -> None:
    result = sipauthctl("doctor", "--lab")
    assert result.code == 0
    assert "HEALTHY  sip:ned@litwareinc.com signs in, and nothing was found wrong." in result.out.splitlines()
    assert "dns: passed" in result.err.splitlines()


@pytest.mark.slow
def test_a_fault_is_the_first_finding_and_says_what_to_type() -> None:
    result = sipauthctl("doctor", "--lab", "--fault", "tls-expired")
    assert result.code == 1
    lines = result.out.splitlines()
    assert "CAUSE  The server's certificate is not valid at this time (tls-expired)." in lines
    words = " ".join(result.out.split())
    assert "skipped offers not believed, as the certificate is not accepted:" in words
    assert "passed clock" in words
    assert "      Request-CsCertificate -New -Type Default -CA <CA server FQDN>\\<CA name>" in lines
    assert all(len(line) <= 80 or line.startswith(("    | ", "      ")) for line in lines)
    assert "\x1b" not in result.out + result.err


@pytest.mark.slow
def test_the_document_names_causes_and_effects() -> None:
    result = sipauthctl("doctor", "--lab", "--fault", "clock-skew", "--json")
    loaded = document(result)
    assert (result.code, result.err) == (1, "")
    assert loaded["root_cause"] == "clock-skew"
    assert loaded["registered"] is True
    assert [(f["id"], f["explained_by"]) for f in loaded["findings"]] == [
        ("clock-skew", None),
        ("ntlm-clock-skew", "clock-skew"),
    ]


@pytest.mark.slow
def test_one_check_brings_what_it_needs_and_shows_itself_alone() -> None:
    loaded = document(sipauthctl("doctor", "--lab", "--only", "offers", "--json"))
    assert statuses(loaded) == {"offers": "passed"}
    failed = document(sipauthctl("doctor", "--lab", "--fault", "no-srv", "--only", "offers", "--json"))
    assert statuses(failed) == {"dns": "failed", "reachability": "skipped", "offers": "skipped"}
    assert failed["root_cause"] == "dns-no-srv"


@pytest.mark.slow
def test_the_checks_are_listed() -> None:
    result = sipauthctl("doctor", "--list")
    listed = [line.split()[0] for line in result.out.splitlines()]
    assert listed[:4] == ["name", "dns", "reachability", "offers"]
    assert {"sign-in", "signatures", "evidence"} <= set(listed)


def test_no_check_of_this_name() -> None:
    result = sipauthctl("doctor", "--lab", "--only", "weather")
    assert result.code == 2
    assert "'weather' is not one of name, dns" in " ".join(result.err.split())


def test_the_evidence_is_no_check_to_choose() -> None:
    result = sipauthctl("doctor", "--lab", "--only", "evidence")
    assert result.code == 2
    assert "--from FILE without SIP_URI takes it alone" in " ".join(result.err.split())


@pytest.fixture
def running_lab() -> Any:
    lab = subprocess.Popen(
        [*PROGRAM, "lab", "--json", "--port", "0", "--schemes", "ntlm"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert lab.stdout is not None
    text = ""
    for line in lab.stdout:
        text += line
        if line == "}\n":
            break
    yield json.loads(text), lab
    lab.terminate()
    lab.communicate(timeout=30)


@pytest.mark.slow
def test_without_credentials_all_else_is_checked(running_lab: Any) -> None:
    lab, _ = running_lab
    reach = ("--nameserver", lab["nameserver"], "--ca-file", lab["ca_file"])
    loaded = document(sipauthctl("doctor", "ned@litwareinc.com", *reach, "--json"))
    found = statuses(loaded)
    assert {found[id_] for id_ in ("name", "dns", "reachability", "offers", "clock", "ntlm")} == {"passed"}
    assert found["sign-in"] == found["signatures"] == "skipped"
    assert loaded["registered"] is None
    reasons = {check["id"]: check["detail"] for check in loaded["checks"]}
    assert reasons["sign-in"] == "no credentials were given"
    assert "litwareinc.com" in reasons["name"]


@pytest.mark.slow
def test_a_wrong_password_is_tried_once(running_lab: Any) -> None:
    lab, process = running_lab
    reach = ("--nameserver", lab["nameserver"], "--ca-file", lab["ca_file"])
    result = sipauthctl("doctor", "ned@litwareinc.com", *reach, "--json", SIPAUTHCTL_PASSWORD="wrong")
    assert (result.code, document(result)["root_cause"]) == (1, "credentials-refused")
    assert "wrong" not in result.err
    process.terminate()
    _, log = process.communicate(timeout=30)
    assert log.count("refused") == 1


@pytest.mark.slow
def test_a_configuration_names_the_user(running_lab: Any, tmp_path: Path) -> None:
    lab, _ = running_lab
    config = tmp_path / "config.toml"
    config.write_text(
        f'[profile.default]\nsip-uri = "nina@litwareinc.com"\nnameserver = "{lab["nameserver"]}"\n'
        f'ca-file = "{lab["ca_file"]}"\n'
    )
    loaded = document(sipauthctl("--config", str(config), "doctor", "--json", SIPAUTHCTL_PASSWORD="Litware-Nina-1"))
    assert (loaded["user"], loaded["user_from"]) == ("sip:nina@litwareinc.com", "the configuration")
    assert loaded["registered"] is True


@pytest.mark.slow
def test_a_log_is_evidence_alone_and_besides_the_server(tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    sipauthctl("register", "--lab", "--fault", "bad-rspauth", "--fault", "malformed-date", "--trace", str(trace))
    alone = document(sipauthctl("doctor", "--from", str(trace), "--json"))
    assert statuses(alone) == {"evidence": "warned"}
    assert (alone["root_cause"], alone["user"]) == ("date-malformed", None)
    both = document(sipauthctl("doctor", "--lab", "--from", str(trace), "ned@litwareinc.com", "--json"))
    assert both["root_cause"] == "date-malformed"
    assert statuses(both)["sign-in"] == "passed"
    in_lab = document(sipauthctl("doctor", "--lab", "--from", str(trace), "--only", "offers", "--json"))
    assert statuses(in_lab) == {"evidence": "warned", "offers": "passed"}
    config = tmp_path / "config.toml"
    config.write_text('[profile.default]\nsip-uri = "nina@litwareinc.com"\n')
    without_address = document(sipauthctl("--config", str(config), "doctor", "--from", str(trace), "--json"))
    assert statuses(without_address) == {"evidence": "warned"}


@pytest.mark.slow
def test_evidence_about_another_user_decides_nothing_but_what_is_the_servers(tmp_path: Path) -> None:
    trace = tmp_path / "nina.txt"
    faults = ("--fault", "credentials-refused", "--fault", "malformed-date")
    sipauthctl("register", "--lab", "nina@litwareinc.com", *faults, "--trace", str(trace))
    of_nina = document(sipauthctl("doctor", "--lab", "nina@litwareinc.com", "--from", str(trace), "--json"))
    assert {"credentials-refused", "date-malformed"} <= {item["id"] for item in of_nina["findings"]}
    result = sipauthctl("doctor", "--lab", "ned@litwareinc.com", "--from", str(trace), "--json")
    of_ned = document(result)
    told = [item["id"] for item in of_ned["findings"] if item["severity"] != "info"]
    assert (result.code, told) == (0, ["date-malformed"])
    evidence = next(check for check in of_ned["checks"] if check["id"] == "evidence")
    assert "none of ned@litwareinc.com" in evidence["detail"]
    assert "about others, and so not counted: credentials-refused of nina@litwareinc.com" in evidence["detail"]
    by_another_spelling = sipauthctl("doctor", "--lab", "Nina@LitwareInc.com", "--from", str(trace), "--json")
    assert document(by_another_spelling)["root_cause"] == "credentials-refused"


@pytest.mark.slow
def test_evidence_that_cannot_be_read(tmp_path: Path) -> None:
    nothing = tmp_path / "empty.log"
    nothing.write_text("")
    result = sipauthctl("doctor", "--from", str(nothing))
    assert (result.code, result.out) == (3, "")
    assert "empty.log is empty." in " ".join(result.err.split())


no_namespaces = (
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode != 0
)


@pytest.mark.external
@pytest.mark.skipif(no_namespaces, reason="needs unshare and the right to make a network namespace")
def test_a_host_without_network_gets_a_clear_report() -> None:
    done = subprocess.run(
        ["unshare", "-n", *PROGRAM, "doctor", "ned@litwareinc.com", "--timeout", "1", "--json"],
        env=environment(SIPAUTHCTL_PASSWORD="Litware-Ned-1"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    loaded = document(Result(done.returncode, done.stdout, done.stderr))
    assert (done.returncode, loaded["root_cause"]) == (1, "dns-server-unreachable")
    assert statuses(loaded)["sign-in"] == "skipped"
    assert all(check["detail"] for check in loaded["checks"])


@pytest.mark.external
@pytest.mark.skipif(Kdc.missing() is not None and not DEMANDED, reason=str(Kdc.missing()))
def test_a_kdc_that_only_the_given_name_server_knows_gives_tickets_too() -> None:
    with running() as lab:
        result = sipauthctl(
            *("doctor", "ned@litwareinc.com", "--username", "LITWAREINC\\ned", "--json"),
            *("--nameserver", lab.document["nameserver"], "--ca-file", lab.document["ca_file"]),
            KRB5_CONFIG="/nonexistent",
            SIPAUTHCTL_PASSWORD="Litware-Ned-1",
        )
    loaded = document(result)
    assert (result.code, loaded["root_cause"]) == (0, None)
    assert (statuses(loaded)["kdc"], statuses(loaded)["spn"]) == ("passed", "passed")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "words"),
    [("netbios-wrong-domain", "hs1.litwareinc.com is in FABRIKAM"), ("netbios-silent", "no answer from hs1")],
)
def test_the_lab_is_asked_by_netbios_on_its_own_ports(fault: str, words: str) -> None:
    result = sipauthctl("doctor", "--lab", "--auth", "ntlm", "--fault", fault, "--only", "netbios")
    assert words in result.out
