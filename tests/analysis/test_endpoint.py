"""Clients in a capture whose epid or +sip.instance a registrar does not accept."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from sipauthctl.capture.record import Record
from tests.analysis.sessions import NOTHING, lab, outcome, session

ID = "endpoint-id-invalid"
Change = Callable[[bytes], bytes]


def without_epid(raw: bytes) -> bytes:
    return re.sub(rb";epid=\w+", b"", raw)


def without_both(raw: bytes) -> bytes:
    return re.sub(rb";\+sip\.instance=\S+", b"", without_epid(raw))


def with_long_epid(raw: bytes) -> bytes:
    return re.sub(rb"epid=\w+", b"epid=" + b"a" * 17, raw)


def with_other_instance(raw: bytes) -> bytes:
    return re.sub(rb"(urn:uuid:)\w{8}", rb"\g<1>00000000", raw)


def of(records: list[Record], change: Change) -> list[tuple[str, str]]:
    made = [replace(record, raw=change(record.raw)) for record in records]
    return [(one.id, one.severity.value) for one in outcome(made, NOTHING).findings]


CHANGES = [without_epid, without_both, with_long_epid, with_other_instance]


@pytest.mark.parametrize("change", CHANGES)
def test_a_refusal_that_gives_no_reason_is_for_the_endpoint(change: Change) -> None:
    assert of(lab("answer=400"), change)[0] == (ID, "error")


@pytest.mark.parametrize("change", CHANGES)
def test_so_is_a_refusal_of_the_first_request(change: Change) -> None:
    assert of(lab("first-answer=400"), change)[0] == (ID, "error")


def test_it_says_what_is_wrong_and_shows_the_headers() -> None:
    records = [replace(record, raw=with_other_instance(record.raw)) for record in lab("answer=400:4010")]
    (found,) = outcome(records, NOTHING).findings
    assert found.id == ID
    shown = "\n".join(found.evidence)
    assert 'ms-diagnostics: 4010;reason="Missing endpoint identifier"' in shown
    assert re.search(r"^From: .*epid=\w+", shown, re.M)
    assert re.search(r"^Contact: .*urn:uuid:00000000-", shown, re.M)


def test_another_refusal_is_not_for_the_endpoint() -> None:
    assert of(lab("answer=403:4003"), without_epid) == [("remote-access-off", "error"), (ID, "info")]
    told = of(lab("credentials-refused"), without_epid)
    assert told[0] == ("credentials-refused", "error")
    assert (ID, "info") in told


def test_what_the_server_accepts_is_no_more_than_information() -> None:
    assert [severity for id_, severity in of(session(), with_other_instance) if id_ == ID] == ["info"]


def test_a_right_endpoint_shows_nothing() -> None:
    assert ID not in [id_ for id_, _ in of(lab("answer=400"), bytes)]
    assert of(session(), bytes) == []
