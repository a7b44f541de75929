"""The verdict and its findings on the console, and the catalogue."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.cells import cell_len

from sipauthctl.findings import Finding, Severity, catalogue
from sipauthctl.probe.results import Lapse, Life, Outcome
from sipauthctl.report.console import make_console
from sipauthctl.report.findings import print_catalogue, print_entry, print_findings
from sipauthctl.report.registration import print_registration
from tests.report.samples import HOSTILE, TIME, Terminal, acting, finding, registration

OUTCOMES = list(Outcome)


def shown(outcome: Outcome, text: str = "text", findings: tuple[Finding, ...] | None = None) -> str:
    stream = io.StringIO()
    print_registration(make_console(stream, no_color=False), registration(outcome, text, findings))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("outcome", "first", "second"),
    [
        (Outcome.REGISTERED, "REGISTERED  sip:text by NTLM at hs1.text port 5061", "2 of 2 server signatures valid"),
        (Outcome.REJECTED, "REJECTED  sip:text by NTLM", "No signature of a server was seen."),
        (Outcome.UNTRUSTED, "NOT TRUSTED  sip:text by NTLM", "0 of 1 server signature valid"),
        (Outcome.UNREACHABLE, "UNREACHABLE  sip:text by NTLM", "No signature of a server was seen."),
        (Outcome.INCOMPLETE, "INCOMPLETE  sip:text by NTLM", "No signature of a server was seen."),
    ],
)
def test_the_headline_comes_first(outcome: Outcome, first: str, second: str) -> None:
    lines = shown(outcome).splitlines()
    assert lines[0] == first
    assert second in lines[1]


@pytest.mark.parametrize(
    "life",
    [Life(lost="a refresh was answered 403 Forbidden"), Life(lapses=(Lapse(TIME, None),))],
    ids=["refused", "over"],
)
def test_the_headline_says_that_a_registration_was_lost(life: Life) -> None:
    registered = registration(Outcome.REGISTERED, "text")
    (*hops, last) = registered.hops
    stream = io.StringIO()
    print_registration(
        make_console(stream, no_color=True), replace(registered, hops=(*hops, replace(last, life=life)))
    )
    assert stream.getvalue().startswith("REGISTERED, THEN LOST  sip:text by NTLM at hs1.text")


def test_a_registration_that_was_made_again_is_not_said_to_be_lost() -> None:
    registered = registration(Outcome.REGISTERED, "text")
    (*hops, last) = registered.hops
    life = Life(lapses=(Lapse(TIME, TIME + timedelta(minutes=1)),))
    assert not replace(registered, hops=(*hops, replace(last, life=life))).lost


def test_only_a_registration_without_findings_is_called_right() -> None:
    assert "nothing was found wrong" in shown(Outcome.REGISTERED, findings=())
    assert "nothing was found wrong" not in shown(Outcome.UNTRUSTED, findings=())


def test_a_finding_has_its_evidence_its_command_and_its_source() -> None:
    lines = shown(Outcome.REJECTED).splitlines()
    assert "ERROR  spn-not-registered  The KDC knows none" in lines
    assert "    | SIP/2.0 401 text" in lines
    assert "      setspn -S sip/hs1.litwareinc.com LITWAREINC\\RTCService" in lines
    assert "  see X" in lines


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_never_comes_through(name: str) -> None:
    for outcome in OUTCOMES:
        output = shown(outcome, HOSTILE[name])
        assert not acting(output)
        assert len(output) < 100_000


def test_markup_is_shown_as_it_is() -> None:
    assert shown(Outcome.REJECTED, "[bold red]x[/bold red]").count("[bold red]x[/bold red]") >= 5


@pytest.mark.parametrize("name", HOSTILE)
def test_a_stream_that_takes_ascii_alone_is_enough(name: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    print_registration(make_console(stream, no_color=False), registration(Outcome.UNTRUSTED, HOSTILE[name]))
    stream.flush()


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_prose_fits_80_columns_and_evidence_stays_whole(outcome: Outcome) -> None:
    long = "targetname=hs1.litwareinc.com, " * 10
    lines = shown(outcome, long.strip()).splitlines()
    assert f"    | {long.strip()}" in lines
    assert all(cell_len(line) <= 80 for line in lines if not line.startswith(("    | ", "      ")))


def test_evidence_without_end_is_cut() -> None:
    stream = io.StringIO()
    many = Finding("x", Severity.ERROR, "t", "d", tuple(map(str, range(100_000))), "r", "s")
    print_findings(make_console(stream, no_color=False), [many])
    assert len(stream.getvalue().splitlines()) < 60
    assert "99960 more lines" in stream.getvalue()


def test_colour_is_not_needed_to_tell_severities_apart() -> None:
    for severity in Severity:
        stream = io.StringIO()
        print_findings(make_console(stream, no_color=True), [finding(severity=severity)])
        assert stream.getvalue().startswith(severity.value.upper())


def test_an_entry_is_shown_whole_with_its_commands_to_copy() -> None:
    for entry in catalogue().values():
        stream = io.StringIO()
        print_entry(make_console(stream, no_color=False), entry)
        output, words = stream.getvalue(), " ".join(stream.getvalue().split())
        for text in (entry.id, entry.title, entry.severity.value, entry.family, entry.meaning, entry.detection):
            assert " ".join(text.split()) in words
        assert " ".join(entry.reference.split()) in words
        for line in entry.remedy.splitlines():
            if line.startswith("    ") and "{" not in line:
                assert f"      {line.strip()}" in output.splitlines()
        assert "{user}" not in output
        assert "{host}" not in output


def test_the_list_fits_80_columns_in_a_pipe_and_on_a_terminal() -> None:
    pipe, terminal = io.StringIO(), Terminal()
    entries = list(catalogue().values())
    print_catalogue(make_console(pipe, no_color=True), entries)
    console = make_console(terminal, no_color=False)
    console.width, console.no_color = 80, True
    print_catalogue(console, entries)
    for shown in (pipe.getvalue(), terminal.getvalue()):
        assert max(map(cell_len, shown.splitlines())) <= 80
        words = shown.split()
        for entry in entries:
            start = words.index(entry.id) + 1
            assert words[start : start + len(entry.title.split())] == entry.title.split()
