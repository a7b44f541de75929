"""An analysis on the console: at 80 columns, however much there is, and with whatever the messages hold."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.cells import cell_len

from sipauthctl.analysis.results import AssociationResult, State
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Notice, Record
from sipauthctl.findings import Severity, finding
from sipauthctl.report.analysis import LADDERS_SHOWN, TROUBLED_SHOWN, ConsoleRenderer
from sipauthctl.report.console import make_console
from sipauthctl.report.progress import AnalysisProgress
from tests.analysis.sessions import GIVEN, NOTHING, changed, outcome, session


def association(records: list[Record] | None = None) -> AssociationResult:
    (found,) = outcome(session() if records is None else records, GIVEN).associations
    return found


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def rendered(associations: list[AssociationResult], *, inputs: int = 1, notes: int = 0, findings: int = 0) -> str:
    stream = io.StringIO()
    renderer = ConsoleRenderer(make_console(stream, no_color=True))
    for one in associations:
        renderer.association(one)
    made = tuple(finding(id_, "x " * 60, severity=Severity.ERROR) for id_ in IDS[:findings])
    told = [Notice("truncated", f"Note {number}.", "a.pcap") for number in range(notes)]
    renderer.end([(f"{'long/' * 30}{number}.pcap", "capture", 14) for number in range(inputs)], told, made)
    return stream.getvalue()


IDS = [
    *("clock-skew", "date-missing", "no-usable-scheme", "realm-mismatch", "domain-mismatch", "wrong-password"),
    *("user-unknown", "account-locked", "kdc-not-found", "no-ticket", "ntlm-v1", "signature-invalid", "num-gap"),
]


def summary(text: str) -> list[str]:
    return text[text.index("SUMMARY") :].splitlines()


def test_the_ladder_fits_80_columns() -> None:
    text = rendered([association(), *outcome(session(redirect=True), NOTHING).associations])
    assert max(map(cell_len, text.splitlines())) <= 80
    assert "<- 301 Redirect request to Home Server  unverifiable" in text


def test_why_signatures_could_not_be_checked_is_said_once() -> None:
    text = rendered(outcome(session(), NOTHING).associations)
    assert text.count("no secret was given for this user") == 1
    assert "Nothing was found wrong; no signature could be checked." in text


def test_a_wrong_signature_is_explained_below_the_ladder() -> None:
    text = rendered([association(changed(session(), 9, b"From: <sip:ned@", b"From: <sip:nad@"))])
    assert "invalid  see below" in text
    assert text.index("see below") < text.index("wrong signature of the client at session.pcap:9")
    assert "- established: sip:ned@litwareinc.com by NTLM: 1 invalid of 10 signatures" in text


def test_a_quiet_end() -> None:
    assert summary(rendered([association()]))[2:] == [
        "  1 sign-in: 1 established",
        "  10 signatures: 10 valid",
        "  Nothing was found wrong.",
    ]


def test_the_summary_fits_a_screen_however_much_there_is() -> None:
    failed = replace(association(), state=State.FAILED, stopped_at="the server refused " * 20, user="sip:" + "n" * 300)
    text = rendered([failed] * 500 + [association()] * 2000, inputs=90, notes=70, findings=len(IDS))
    lines = summary(text)
    assert len(lines) <= 24
    assert max(map(cell_len, lines)) <= 80
    assert "  2,500 sign-ins: 2,000 established, 500 failed" in lines
    assert "  ... and 495 more sign-ins that did not go well" in lines
    assert "  ... and 5 more kinds of findings" in lines


def test_of_many_sign_ins_the_first_and_those_in_trouble_are_shown() -> None:
    failed = replace(association(), state=State.FAILED, stopped_at="refused")
    text = rendered([association()] * 300 + [failed] * 300)
    assert text.count("ESTABLISHED  ") == LADDERS_SHOWN
    assert text.count("FAILED  ") == TROUBLED_SHOWN - LADDERS_SHOWN
    assert f"{600 - TROUBLED_SHOWN} more sign-ins are not shown here" in text


HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r\n\x00[bold]"


def test_nothing_from_outside_acts_on_the_terminal() -> None:
    one = association(changed(session(), 9, b"From: <sip:ned@", b"From: <sip:nad@"))
    hostile = replace(
        one,
        user=HOSTILE,
        targetname=HOSTILE,
        stopped_at=HOSTILE,
        state=State.INCOMPLETE,
        steps=tuple(replace(step, text=HOSTILE, remark=HOSTILE, input=HOSTILE) for step in one.steps),
        explained=tuple(replace(e, signed=HOSTILE, expected=HOSTILE + "x", input=HOSTILE) for e in one.explained),
    )
    text = rendered([hostile])
    assert not [char for char in text if (ord(char) < 32 and char != "\n") or char in "\x7f\x9b\u202e"]
    assert "\\x1b]0;owned\\x07" in text
    assert "[bold]" in text


def test_an_input_without_messages_is_no_success() -> None:
    stream = io.StringIO()
    ConsoleRenderer(make_console(stream, no_color=True)).end([("a.pcap", "capture", 0)], [], ())
    assert "No SIP message could be read." in stream.getvalue()
    assert "Nothing was found wrong" not in stream.getvalue()


# --- progress


@pytest.mark.parametrize("terminal", [True, False])
def test_the_bar_is_for_terminals(terminal: bool) -> None:
    stream = Terminal() if terminal else io.StringIO()
    progress = AnalysisProgress(make_console(stream, no_color=False), after=0)
    items = progress.over(iter(range(3)))
    assert next(items) == 0
    if terminal:
        progress._show()
    assert list(items) == [1, 2]
    assert ("messages" in stream.getvalue()) is terminal


def test_what_is_printed_meanwhile_does_not_meet_the_bar() -> None:
    stream = Terminal()
    progress = AnalysisProgress(make_console(stream, no_color=False), after=3600)
    items = progress.over(iter("ab"))
    next(items)
    progress._show()
    with progress.away():
        before = stream.getvalue()
        progress._bar.refresh()
        assert stream.getvalue() == before
    list(items)
    with progress.away():
        pass
    assert progress._bar.live.is_started is False


def test_a_verdict_count_of_the_log_and_of_the_result_agree() -> None:
    for records in (session(), changed(session(), 9, b"From: <sip:ned@", b"From: <sip:nad@"), session(extended=False)):
        for secrets in (GIVEN, NOTHING):
            for one in outcome(records, secrets).associations:
                counted = dict.fromkeys(Verdict, 0)
                for signature in one.signatures:
                    counted[signature.verdict] += 1
                assert {verdict: number for verdict, number in counted.items() if number} == one.verdicts
