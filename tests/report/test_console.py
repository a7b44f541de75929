"""What a terminal, a pipe and an old locale get."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len

from sipauthctl.report.console import encodable, make_console, put
from tests.report.samples import Terminal

COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-7]|9[0-7]|38|48)[0-9;]*m")


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def printed(stream: io.StringIO, *, no_color: bool = False) -> str:
    put(make_console(stream, no_color=no_color), ("REJECTED", "bold red"), "  [bold]x[/bold] :warning: 12345 'y'")
    return stream.getvalue()


def test_a_terminal_gets_colour() -> None:
    assert COLOUR.search(printed(Terminal()))


def test_a_pipe_gets_none() -> None:
    assert printed(io.StringIO()) == "REJECTED  [bold]x[/bold] :warning: 12345 'y'\n"


@pytest.mark.parametrize("name", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_a_pipe_gets_none_whatever_the_environment_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert "\x1b" not in printed(io.StringIO())


def test_no_color_as_an_option() -> None:
    assert "\x1b" not in printed(Terminal(), no_color=True)


def test_no_color_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert not COLOUR.search(printed(Terminal()))


def test_prose_is_wrapped_to_80_columns_in_a_pipe_and_loses_no_word() -> None:
    stream, words = io.StringIO(), "The clocks of this computer and the server differ " * 10
    put(make_console(stream, no_color=False), words, indent=4)
    lines = stream.getvalue().splitlines()
    assert len(lines) > 1
    assert all(len(line) <= 80 and line.startswith("    T" if i == 0 else "    ") for i, line in enumerate(lines))
    assert stream.getvalue().split() == words.split()


def test_lines_after_a_lead_are_indented_by_its_width() -> None:
    stream = io.StringIO()
    put(make_console(stream, no_color=False), "word " * 30, lead=(("ERROR", "bold"), "  "))
    first, *others = stream.getvalue().splitlines()
    assert first.startswith("ERROR  word")
    assert others
    assert all(line.startswith("       word") and cell_len(line) <= 80 for line in others)


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["pipe", "terminal"])
def test_what_is_to_be_copied_stays_on_one_line(stream: io.StringIO) -> None:
    command = "ktpass /princ " + "/option value " * 30 + "/out service.keytab"
    put(make_console(stream, no_color=True), command, indent=6, wrap=False)
    assert stream.getvalue() == f"      {command}\n"


def test_a_stream_that_takes_ascii_alone_gets_escapes() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    put(make_console(stream, no_color=False), "\u00b1 1 s, Fr\u00fcst \u674e", lead=("\u2192 ",))
    stream.flush()
    assert raw.getvalue() == b"\\u2192 +- 1 s, Fr\\xfcst \\u674e\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_encodable_text_can_be_encoded(encoding: str) -> None:
    encodable("\u00b1 \u674e \U0001f600 \u20ac", encoding).encode(encoding)
