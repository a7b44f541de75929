"""`sipauthctl register` from outside."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from sipauthctl.cli.main import cli
from sipauthctl.lab.fault import Fault, Need
from sipauthctl.lab.faults import FAULTS
from tests.cli.program import PROGRAM, environment, sipauthctl
from tests.report.schemas import validate

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def test_the_lab_run_registers() -> None:
    result = sipauthctl("register", "--lab")
    assert result.code == 0
    assert result.out.startswith("REGISTERED  sip:ned@litwareinc.com by NTLM at hs2.litwareinc.com")
    assert "3 of 3 server signatures valid" in result.out
    assert "<- 301 Redirect request to Home Server" in result.err
    assert "signed cnum=1" in result.err


@pytest.mark.slow
def test_a_healthy_run_fits_80_columns_and_has_no_colour_in_a_pipe() -> None:
    result = sipauthctl("register", "--lab", "--refresh", "1")
    lines = (result.out + result.err).splitlines()
    assert max(len(line) for line in lines) <= 80
    assert not CONTROL.search(result.out + result.err)


OPTIONS = {
    Need.REFRESH: ("--refresh", "1"),
    Need.SERVER_REQUEST: ("--probe", "subscribe"),
    Need.TCP: ("--transport", "tcp"),
    Need.REFUSAL: ("sip:dora@litwareinc.com",),
}
ELSEWHERE = {Need.KERBEROS, Need.HOLD, Need.DOCTOR}


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [f for f in FAULTS.values() if f.name not in ("slow", "silent") and not ELSEWHERE.intersection(f.needs)],
    ids=lambda fault: fault.name,
)
def test_the_json_document_follows_its_schema_whatever_the_fault(fault: Fault) -> None:
    written = f"{fault.name}=504:1010" if fault.value is not None else fault.name
    options = [option for need in fault.needs for option in OPTIONS.get(need, ())]
    result = CliRunner().invoke(
        cli, ["register", "--lab", "--fault", written, "--json", *options], standalone_mode=False
    )
    document = json.loads(result.stdout)
    validate(document, "register")
    assert result.stderr == ""
    bad = document["outcome"] != "registered" or any(f["severity"] == "error" for f in document["findings"])
    assert result.return_value == int(bad)


@pytest.mark.slow
def test_the_fixed_keys_are_there() -> None:
    document = json.loads(sipauthctl("register", "--lab", "--json").out)
    assert document["schema"] == "sipauthctl/register/1"
    assert (document["outcome"], document["user"], document["scheme"]) == (
        "registered",
        "sip:ned@litwareinc.com",
        "NTLM",
    )
    proxy, home = document["hops"]
    assert proxy["server"]["host"] == "hs1.litwareinc.com"
    assert (proxy["result"], home["result"]) == ("redirected", "registered")
    assert [exchange["status"] for exchange in home["exchanges"]] == [401, 401, 200, 200]
    assert [(s["from"], s["num"], s["verdict"]) for s in home["signatures"]] == [
        ("client", 1, "valid"),
        ("server", 1, "valid"),
        ("client", 2, "valid"),
        ("server", 2, "valid"),
    ]
    assert home["association"]["targetname"] == "hs2.litwareinc.com"
    assert abs(home["clock"]["skew_seconds"]) <= home["clock"]["uncertainty_seconds"] + 1


@pytest.mark.slow
def test_hostile_text_never_acts_on_the_terminal() -> None:
    result = sipauthctl("register", "--lab", "--fault", "terminal-escapes", "--fault", "bad-rspauth")
    assert result.code == 1
    assert "owned" in result.err
    assert not CONTROL.search(result.out + result.err)
    as_json = sipauthctl("register", "--lab", "--fault", "terminal-escapes", "--json").out
    assert "owned" in as_json
    assert not CONTROL.search(as_json)


@pytest.mark.slow
def test_a_trace_holds_every_message_and_no_secret(tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    assert sipauthctl("register", "--lab", "--trace", str(trace)).code == 0
    text = trace.read_text("utf-8")
    assert text.count(">>> ") == 7
    assert text.count("<<< ") == 7
    assert text.count("(NTLM AUTHENTICATE of ") == 2
    assert "TlRMTVNTUAAD" not in text  # base64 of the head of an AUTHENTICATE
    assert "TlRMTVNTUAAC" in text  # a CHALLENGE is no secret
    assert "Litware-Ned-1" not in text


@pytest.mark.slow
def test_the_password_is_in_no_output() -> None:
    result = sipauthctl(
        "-v", "register", "--lab", "--fault", "credentials-refused", SIPAUTHCTL_PASSWORD="s3cr3t-words"
    )
    assert result.code == 1
    assert "s3cr3t-words" not in result.out + result.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["register", "ned"], "is not an address such as"),
        (["register", "sip:ned@litwareinc.com", "--server", "hs1:0"], "is not HOST or HOST:PORT"),
        (["register", "sip:ned@litwareinc.com", "--server", "[::1"], "is not HOST or HOST:PORT"),
        (["register", "--lab", "--trust-domain", ""], "is not the name of a domain"),
        (["register", "--lab", "--trust-domain", "*.fabrikam.com"], "is not the name of a domain"),
        (["register", "--lab", "--trust-domain", "https://fabrikam.com"], "is not the name of a domain"),
        *(
            (["register", "--lab", "--trust-domain", value], "is not the name of a domain")
            for value in ("evil..com", "10.0.0.5", "-fabrikam.com")
        ),
        (["register", "--lab", "--trust-domain", "com"], "'com' is a top-level domain"),
        (["register", "sip:ned@litwareinc.com", "--nameserver", "ns1.invalid"], "has no address"),
        (["register", "sip:ned@litwareinc.com"], "No password"),
        (["register", "--lab", "--trace", "-"], "'-' does not stand for the standard output"),
        (["register", "--lab", "--fault", "clok-skew"], "no fault is called"),
        (["register", "--lab", "--fault", "clock-skew=0"], "the fault clock-skew=0 changes nothing"),
        (["register", "--lab", "--fault", "slow=-1"], "takes a number of seconds from 0 on, not '-1'"),
        (["register", "--lab", "--fault", "restart", "--hold", "3"], "it needs --hold for longer than 60s"),
        (["register", "--lab", "--fault", "clock-skew=soon"], "takes a number of seconds"),
        (
            ["lab", "--fault", "kdc-clock-skew", "--fault", "no-date", "--fault", "spn-not-registered"],
            "the faults kdc-clock-skew and spn-not-registered contradict each other: only one of them could act",
        ),
        (
            ["doctor", "--lab", "--fault", "spn-duplicate", "--fault", "spn-not-registered"],
            "spn-duplicate and spn-not-registered contradict each other",
        ),
        (["register", "--lab", "--fault", "slow=1", "--fault", "slow=2"], "slow=1 and slow=2 contradict each other"),
        (["register", "sip:ned@litwareinc.com", "--fault", "no-date"], "--fault is for the lab"),
        (["register", "--lab", "--server", "hs1"], "--lab brings its own"),
        (["register", "--lab", "sip:zoe@litwareinc.com"], "The lab has no account"),
        (["register", "--lab", "--timeout", "0"], "is not in the range"),
        (["register", "--lab", "--timeout", "nan"], "is not in the range"),
        (["explain", "clok-skew"], "Did you mean clock-skew"),
        (["registr"], "No such command"),
        (["--profile", "x", "--config", "/nonexistent.toml", "register"], "Cannot read the configuration file"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_why(args: list[str], words: str) -> None:
    result = CliRunner().invoke(cli, args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


@pytest.mark.parametrize("command", ["register", "doctor"])
def test_a_surplus_argument_is_not_shown(command: str) -> None:
    result = sipauthctl(command, "ned@litwareinc.com", "Litware-Ned-1")
    assert (result.code, result.out) == (2, "")
    assert "Too many arguments" in result.err
    assert "Litware-Ned-1" not in result.err


def test_a_module_in_the_working_directory_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise SystemExit('ran')", "utf-8")
    done = subprocess.run(
        [*PROGRAM, "--version"], cwd=tmp_path, env=environment(), capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_trusted_domain_below_which_anybody_may_have_one_is_pointed_out() -> None:
    words = "Note: anybody may be able to register a domain below {}, and servers there get credentials"
    result = sipauthctl("register", "--lab", "--trust-domain", "co.uk", "--trust-domain", "fabrikam.com")
    err = " ".join(result.err.split())
    assert (result.code, words.format("co.uk") in err, words.format("fabrikam.com") in err) == (0, True, False)


def test_a_ca_file_without_certificates_is_a_clear_failure(tmp_path: Path) -> None:
    bad = tmp_path / "ca.pem"
    bad.write_text("no certificate", "utf-8")
    args = ["sip:ned@litwareinc.com", "--server", "127.0.0.1:9", "--ca-file", str(bad)]
    result = sipauthctl("register", *args, SIPAUTHCTL_PASSWORD="x")
    assert result.code == 3
    assert "no PEM certificate" in result.err
    assert "Traceback" not in result.err


def test_a_trace_that_cannot_be_written_is_a_clear_failure() -> None:
    result = sipauthctl("register", "--lab", "--trace", "/nonexistent/trace")
    assert result.code == 3
    assert "Cannot write the trace" in result.err


@pytest.mark.slow
@pytest.mark.parametrize("command", ["register", "doctor"])
def test_an_empty_password_is_never_tried(command: str) -> None:
    for arguments, variables in ((["--password-file", "-"], {}), ([], {"SIPAUTHCTL_PASSWORD": ""})):
        result = sipauthctl(command, "ned@litwareinc.com", *arguments, stdin="\n", **variables)
        assert (result.code, result.out) == (3, "")
        assert " is empty" in result.err


@pytest.mark.slow
def test_a_password_that_is_no_text_is_refused() -> None:
    result = sipauthctl("register", "--lab", SIPAUTHCTL_PASSWORD="Litware\udcff")
    assert (result.code, result.out) == (3, "")
    assert result.err.endswith("Error: Cannot use SIPAUTHCTL_PASSWORD: it must be text in UTF-8.\n")


@pytest.mark.slow
def test_a_password_can_come_from_a_file_or_stdin(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("Litware-Ned-1\nsecond line\n", "utf-8")
    assert sipauthctl("register", "--lab", "--password-file", str(file)).code == 0
    assert sipauthctl("register", "--lab", "--password-file", "-", stdin="Litware-Ned-1\n").code == 0
    assert sipauthctl("register", "--lab", "--password-file", "-", stdin="wrong\n").code == 1


@pytest.mark.slow
def test_a_profile_gives_options(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[profile.test]\nlab = true\nfault = ["no-date"]\nrefresh = 1\njson = true\n', "utf-8")
    result = sipauthctl("--config", str(config), "--profile", "test", "register")
    document = json.loads(result.out)
    assert [finding["id"] for finding in document["findings"]] == ["date-missing"]
    assert len(document["hops"][1]["exchanges"]) == 5


def test_the_environment_can_name_the_configuration_file(tmp_path: Path) -> None:
    config = tmp_path / "sipauthctl.toml"
    config.write_text("[profile.default]\nlab = true\njson = true\n", "utf-8")
    result = sipauthctl("register", SIPAUTHCTL_CONFIG=str(config))
    assert result.code == 0
    assert json.loads(result.out)["schema"].startswith("sipauthctl/register/")


def test_a_configuration_file_that_is_gone_is_told_with_the_variable_that_names_it(tmp_path: Path) -> None:
    result = sipauthctl("register", "--lab", SIPAUTHCTL_CONFIG=str(tmp_path / "gone.toml"))
    assert result.code == 2
    assert "SIPAUTHCTL_CONFIG names it" in result.err


def test_a_profile_with_an_unknown_option_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[profile.test]\nserfer = 'hs1'\n", "utf-8")
    result = sipauthctl("--config", str(config), "--profile", "test", "register", "--lab")
    assert result.code == 2
    assert "sets serfer" in result.err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_leaves_nothing_registered(number: signal.Signals) -> None:
    args = ["register", "--lab", "--fault", "slow=0.2", "--refresh", "500"]
    process = subprocess.Popen(
        [*PROGRAM, *args], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "refresh 1" in line:
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "de-registers" in err
    assert "registration-left" not in out
    words = r"Interrupted during REGISTER \d+ to hs2.litwareinc.com \(refresh \d+\). The registration was removed."
    assert re.search(words, " ".join(out.split()))


@pytest.mark.slow
def test_a_terminal_gets_colour_unless_told_otherwise() -> None:
    assert "\x1b[" in on_a_terminal()
    assert "\x1b[" not in on_a_terminal(NO_COLOR="1")


def on_a_terminal(**changes: str) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "register", "--lab"],
        env=environment(TERM="xterm-256color", **changes),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    output, deadline = b"", time.monotonic() + 30
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 1)[0]:
            try:
                data = os.read(ours, 65536)
            except OSError:
                break
            output += data
    os.close(ours)
    assert process.wait(timeout=30) == 0
    return output.decode("utf-8")


def test_verbose_tells_of_dns_and_tls_on_stderr() -> None:
    result = sipauthctl("-v", "register", "--lab", "--json")
    assert json.loads(result.out)["outcome"] == "registered"
    assert "DNS SRV _sipinternaltls._tcp.litwareinc.com: answered" in result.err
    assert "TLS hs2.litwareinc.com: TLSv1." in result.err
    assert "names: hs2.litwareinc.com" in result.err


@pytest.mark.slow
def test_a_held_registration_tells_its_life_in_json() -> None:
    arguments = (
        "--hold",
        "2s",
        "--sa-lifetime",
        "1s",
        "--probe",
        "subscribe",
        "--proxies",
        "1",
        "--message-every",
        "1s",
    )
    result = sipauthctl("register", "--lab", *arguments, "--json")
    document = json.loads(result.out)
    validate(document, "register")
    (hop,) = document["hops"]
    assert [made["reason"] for made in hop["handshakes"][:2]] == ["sign-in", "next-server"]
    assert {made["reason"] for made in hop["handshakes"][2:]} == {"lifetime"}
    assert {refresh["trusted"] for refresh in hop["refreshes"]} == {True}
    assert [probe["in_dialog"] for probe in hop["probes"]] == [False, True, True]
    assert {request["method"] for request in hop["server_requests"]} == {"NOTIFY", "MESSAGE"}
    assert (hop["lapses"], result.code) == ([], 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--hold", "soon", "--lab"), "no time such as 30s, 10m or 8h"),
        (("--hold", "0", "--lab"), "no time such as"),
        (("--sa-lifetime", "9999h", "--lab"), "no time such as"),
        (("--proxies", "4", "--lab"), "--proxies"),
        (("--proxies", "2", "ned@litwareinc.com"), "are for the lab"),
        (("--fork", "--lab"), "--fork is for several proxies"),
        (("--probe", "invite", "--lab"), "--probe"),
    ],
)
def test_wrong_times_and_places_are_refused(arguments: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(cli, ["register", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ("register --lab --fault spn-not-registered", "--auth kerberos"),
        ("register --lab --fault netbios-silent", "`sipauthctl doctor --lab`"),
        ("register --lab --fault refresh-answer=404", "--refresh 1 or --hold"),
        ("register --lab --fault skipped-snum --keep", "--refresh 1, or no --keep"),
        ("register --lab --fault restart=10", "--hold"),
        ("register --lab --fault tls-expired --transport tcp", "--transport tls"),
        ("register --lab --fault tls-on-tcp-port", "--transport tcp"),
        ("register --lab --fault garbage-token --auth kerberos", "--auth auto or ntlm"),
        ("register --lab --fault redirect-loop --proxies 1", "the redirect"),
        ("register --lab --fault redirect-loop --fault path-change", "the redirect"),
        ("register --lab --fault telling-refusals", "a wrong password"),
        ("register --lab sip:nina@litwareinc.com --fault disabled-account", "sip:ned@litwareinc.com"),
        ("doctor --lab --fault kdc-unreachable --auth ntlm", "--auth auto or kerberos"),
        ("doctor --lab --fault restart", "--hold"),
        ("lab --schemes ntlm --fault kdc-unreachable", "kerberos among --schemes"),
        ("lab --schemes ntlm --no-redirect --fault redirect-loop", "the redirect"),
    ],
)
def test_a_fault_that_cannot_show_is_refused(command: str, needed: str) -> None:
    result = CliRunner().invoke(cli, command.split())
    assert result.exit_code == 2
    assert "cannot show: it needs" in result.output
    assert needed in " ".join(result.output.split())
