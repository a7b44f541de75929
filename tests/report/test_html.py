"""An analysis as a page: what stands out, and what is said where nothing was found."""

from __future__ import annotations

import io

from sipauthctl.analysis.results import AssociationResult
from sipauthctl.report.analysis_html import HtmlWriter
from sipauthctl.report.analysis_summary import TROUBLED_SHOWN
from tests.analysis.sessions import NOTHING, changed, outcome, session

WRONG = changed(session(), 9, b"From: <sip:ned@", b"From: <sip:nad@")
INVALID = '<span class="tag invalid">invalid</span> <h2>'


def page(associations: list[AssociationResult], messages: int = 14) -> str:
    stream = io.StringIO()
    writer = HtmlWriter(stream)
    for one in associations:
        writer.association(one)
    writer.end([("session.pcap", "capture", messages)], [], ())
    return stream.getvalue()


def test_an_association_with_a_wrong_signature_is_marked_and_unfolded() -> None:
    text = page(outcome(WRONG).associations)
    assert text.count("<details data-search open>") == 1
    assert INVALID in text


def test_an_association_in_order_is_folded() -> None:
    text = page(outcome(session()).associations)
    assert text.count("<details data-search>") == 1
    assert INVALID not in text
    assert "Nothing was found wrong." in text


def test_only_the_first_ones_in_trouble_are_unfolded() -> None:
    text = page(outcome(WRONG).associations * (TROUBLED_SHOWN + 3))
    assert text.count("<details data-search open>") == TROUBLED_SHOWN


def test_nothing_found_is_no_praise_where_nothing_could_be_checked() -> None:
    assert "no signature could be checked" in page(outcome(session(), NOTHING).associations)
    assert "No SIP message could be read." in page([], messages=0)
