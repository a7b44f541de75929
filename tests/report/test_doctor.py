"""An examination on the console."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len

from sipauthctl.doctor.check import CheckResult, Status, judged
from sipauthctl.doctor.verdict import judge
from sipauthctl.findings import Finding, finding
from sipauthctl.report.console import make_console
from sipauthctl.report.doctor import print_verdict

USER = "sip:ned@litwareinc.com"


def shown(*findings: Finding, registered: bool | None = None, proven: bool = False, user: str = USER) -> str:
    stream = io.StringIO()
    results = [judged("sign-in", "done", findings), CheckResult("spn", Status.SKIPPED, "Kerberos is not offered")]
    verdict = judge(results, registered=registered, account_proven=proven)
    print_verdict(make_console(stream, no_color=True), verdict, user, "")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("found", "registered", "headline"),
    [
        ([], True, "HEALTHY  sip:ned@litwareinc.com signs in, and nothing was found wrong."),
        (
            ["date-missing"],
            True,
            "HEALTHY  sip:ned@litwareinc.com signs in. No fault was found; see the note below.",
        ),
        (
            ["date-missing", "nat-detected"],
            None,
            "No fault was found as far as it was checked; see the 2 notes below.",
        ),
        ([], False, "UNDECIDED  sip:ned@litwareinc.com does not sign in, and no cause was found."),
        ([], None, "NO FAULT  Nothing was found wrong as far as it was checked."),
        (["tls-expired"], None, "CAUSE  The server's certificate is not valid at this time (tls-expired)."),
        (["num-gap"], True, "FOUND  Signed messages are missing (num-gap). Sign-in works all the same."),
    ],
)
def test_the_headline(found: list[str], registered: bool | None, headline: str) -> None:
    text = shown(*(finding(id_, "x") for id_ in found), registered=registered)
    assert " ".join(headline.split()) in " ".join(text.split())


def test_an_effect_names_its_cause_and_a_cause_its_effects() -> None:
    lines = shown(finding("credentials-refused", "x"), finding("server-not-domain-joined", "x")).splitlines()
    assert lines.index("  It explains credentials-refused.") < lines.index(
        "  Most likely a consequence of server-not-domain-joined."
    )


def test_a_circumstance_is_no_more_than_possible() -> None:
    text = shown(finding("credentials-refused", "x"), finding("netbios-unavailable", "x"), proven=True)
    assert "It may explain credentials-refused" in text
    assert "Perhaps a consequence of netbios-unavailable." in text


def test_skipped_checks_are_counted_where_the_sign_in_was_not_seen_to_work() -> None:
    assert "1 check was skipped; the reasons stand above." in shown()
    assert "skipped;" not in shown(registered=True)


def test_hostile_text_fits_80_columns_and_acts_on_nothing() -> None:
    found = finding("server-diagnostic", "\x1b[2J[bold]" + "x " * 200, ["\x1b]0;owned\x07"])
    text = shown(found, user="sip:ned\u202e@litwareinc.com")
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold]" in text
    assert max(map(cell_len, text.splitlines())) <= 80
