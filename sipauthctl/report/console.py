"""Where output goes: results to stdout, progress to stderr."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from sipauthctl.report.text import KNOWN

PIPE_WIDTH = 80
MIN_WIDTH = 20


def make_console(stream: TextIO, *, no_color: bool) -> Console:
    """A console on a stream. Colour only on a terminal, and not with `no_color` or NO_COLOR; never markup."""
    plain = no_color or bool(os.environ.get("NO_COLOR")) or not stream.isatty()
    return Console(
        file=stream,
        force_terminal=not plain,
        color_system=None if plain else "auto",
        markup=False,
        emoji=False,
        highlight=False,
        width=shutil.get_terminal_size((PIPE_WIDTH, 24)).columns if stream.isatty() else PIPE_WIDTH,
    )


def stdout(*, no_color: bool) -> Console:
    """The console for results."""
    return make_console(sys.stdout, no_color=no_color)


def stderr(*, no_color: bool) -> Console:
    """The console for progress."""
    return make_console(sys.stderr, no_color=no_color)


Part = str | tuple[str, str]
"""A text, or a text and the style that it is shown in."""


def put(console: Console, *parts: Part, lead: Sequence[Part] = (), indent: int = 0, wrap: bool = True) -> None:
    """Prints one paragraph.

    Args:
        console: where to.
        parts: already harmless texts.
        lead: parts before the first line; the lines that follow are indented by its width.
        indent: spaces before each line.
        wrap: False keeps the paragraph on one line, for commands and quoted text that must stay whole.
    """
    first, text = Text(" " * indent) + _assemble(console, lead), _assemble(console, parts)
    if not wrap:
        console.print(first + text, soft_wrap=True)
        return
    for line in text.wrap(console, max(MIN_WIDTH, console.width - first.cell_len)):
        whole = first + line
        whole.rstrip()
        console.print(whole, soft_wrap=True)
        first = Text(" " * first.cell_len)


def encodable(text: str, encoding: str) -> str:
    """The text as a stream of this encoding can take it."""
    if text.isascii():
        return text
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.replace("±", "+-").encode(encoding, "backslashreplace").decode(encoding)
    return text


def _assemble(console: Console, parts: Sequence[Part]) -> Text:
    pairs = ((part, "") if isinstance(part, str) else part for part in parts)
    return Text.assemble(*((encodable(KNOWN.removed_from(text), console.encoding), style) for text, style in pairs))
