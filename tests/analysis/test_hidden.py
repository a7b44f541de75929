"""What must not be shown: tokens, also where a client sends one under a wrong name."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

import pytest

from tests.analysis.sessions import NOTHING, Outcome, outcome, put, session

TOKEN = base64.b64encode(b"NTLMSSP\0\3\0\0\0" + bytes(range(200)))
OTHER = base64.b64encode(bytes(range(150)))  # of no known kind


def shown(seen: Outcome) -> str:
    texts = [repr(seen.associations), repr(seen.findings)]
    return "\n".join([*texts, *(repr(signature) for signature in seen.signatures)])


@pytest.mark.parametrize("value", [TOKEN, OTHER[:40] + TOKEN], ids=["token", "within"])
@pytest.mark.parametrize("name", [b"opaque", b"cnum", b"response", b"crand", b"targetname", b"realm", b"version"])
@pytest.mark.parametrize("place", [5, 7, 9])
def test_a_token_under_another_name_is_shown_nowhere(place: int, name: bytes, value: bytes) -> None:
    records = session(extended=False)
    raw = records[place - 1].raw
    given = re.sub(rb'\b%s="?[^",\r]*"?' % name, lambda _: name + b'="' + value + b'"', raw)
    if place != 5:  # the request with the last token has no signature of its own before version 4
        assert given != raw
    for secrets in ({}, {"secrets": NOTHING}):
        text = shown(outcome(put(records, replace(records[place - 1], raw=given)), **secrets))
        assert TOKEN[:44].decode() not in text


@pytest.mark.parametrize("name", [b"opaque", b"cnum"])
def test_a_long_value_is_told_by_its_length(name: bytes) -> None:
    records = session()
    raw = re.sub(rb'\b%s="?[^",\r]*"?' % name, lambda _: name + b'="' + OTHER + b'"', records[6].raw)
    seen = outcome(put(records, replace(records[6], raw=raw)))
    details = " ".join(finding.detail for finding in seen.findings)
    assert f"a text of {len(OTHER)} characters" in details
    assert OTHER[:20].decode() not in details


def test_a_short_value_is_shown() -> None:
    records = session()
    raw = re.sub(rb'\bopaque="[^"]*"', b'opaque="12AB"', records[6].raw)
    seen = outcome(put(records, replace(records[6], raw=raw)))
    assert "sends '12AB'" in next(finding.detail for finding in seen.findings if finding.id == "opaque-changed")
