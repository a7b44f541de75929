"""Typographic quotation marks in headers become the straight ones that were sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.capture.quotes import straight_quotes
from tests.capture.reading import notices, raws
from tests.capture.samples import MESSAGE, OK, REGISTER

SENT = 'Authorization: NTLM qop="auth", realm="SIP Communications Service", gssapi-data="", response="TlRM=="'


def marked(opening: str, closing: str, text: str = SENT) -> str:
    """The text with its quotation marks replaced in pairs."""
    parts = text.split('"')
    return parts[0] + "".join((closing if place % 2 else opening) + part for place, part in enumerate(parts[1:]))


@pytest.mark.parametrize(
    ("opening", "closing", "encoding"),
    [
        ("\u201c", "\u201d", "utf-8"),
        ("\u201d", "\u201d", "utf-8"),
        ("\u201e", "\u201c", "utf-8"),
        ("\u00ab", "\u00bb", "utf-8"),
        ("\u00ab ", " \u00bb", "utf-8"),
        ("\u00ab\u00a0", "\u00a0\u00bb", "utf-8"),
        ("\u2018", "\u2019", "utf-8"),
        ("\u201c", "\u201d", "cp1252"),
        ("\u00ab\u00a0", "\u00a0\u00bb", "cp1252"),
        ("\u201c", "\u201d", "mac_roman"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "04/16/2013|03:17:30.168 1F68:C14 INFO  :: "])
def test_the_parameters_get_their_bytes_back(opening: str, closing: str, encoding: str, prefix: str) -> None:
    assert straight_quotes((prefix + marked(opening, closing)).encode(encoding)) == (prefix + SENT).encode()


@pytest.mark.parametrize(
    "line", ["<p class=\u201cx\u201d>", "Subject: \u201chello\u201d", "He wrote: x=\u201c1\u201d", "a\u201cb\u201d,"]
)
def test_other_text_stays(line: str) -> None:
    data = line.encode()
    assert straight_quotes(data) is data


@given(st.binary(max_size=200))
def test_any_line_is_taken_and_a_second_pass_changes_nothing_in_ascii(line: bytes) -> None:
    straight = straight_quotes(b"Via: " + line)
    assert line.isascii() <= (straight == b"Via: " + line)


def test_a_log_with_such_marks_is_announced_once() -> None:
    text = marked("\u201c", "\u201d", (REGISTER * 2 + OK).decode()).encode()
    assert raws(text) == [REGISTER, REGISTER, OK]
    assert [(n.kind, n.place) for n in notices(text)] == [("damaged-message", 9)]


def test_a_log_without_them_is_not() -> None:
    assert notices(REGISTER + MESSAGE + OK) == []
