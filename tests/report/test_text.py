"""Text from outside never acts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.report.text import MAX_CHARACTERS, for_json, safe
from tests.report.samples import HOSTILE, acting

ANY_TEXT = st.text(st.characters())  # surrogates too


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_harmless(name: str) -> None:
    assert not acting(safe(HOSTILE[name]))
    assert "\n" not in safe(HOSTILE[name])


@given(ANY_TEXT)
def test_any_text_is_harmless_and_can_be_written_as_utf_8(text: str) -> None:
    shown = safe(text)
    assert not acting(shown)
    assert "\n" not in shown
    shown.encode("utf-8")


@pytest.mark.parametrize(
    "text", ["Ned Fr\u00fcst", "\u674e\u5c0f\u9f99", "[bold]x[/bold]", "a\\b", "\U0001f600", "e\u0301"]
)
def test_readable_text_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b", "\\x9b"),
        ("\udc9b", "\\x9b"),  # the byte 9b, as the parser keeps it
        ("\ud800", "\\ud800"),
        ("\u202e", "\\u202e"),
        ("\U000e0041", "\\U000e0041"),
        ("\r\n", "\\x0d\\x0a"),
    ],
)
def test_escapes_tell_which_character_it_was(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_long_text_is_cut_and_says_how_much_is_left_out() -> None:
    assert safe("x" * (MAX_CHARACTERS + 5)) == "x" * MAX_CHARACTERS + "... (5 more characters)"
    assert safe("x" * 10, 10) == "x" * 10


@given(ANY_TEXT)
def test_text_without_surrogates_is_otherwise_unchanged(text: str) -> None:
    shown = for_json(text)
    shown.encode("utf-8")
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert shown == text
