"""Where output goes: results to stdout, progress to stderr."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TextIO

from rich.console import Console
from rich.text import Text

PIPE_WIDTH = 80


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


def put(console: Console, *parts: str | tuple[str, str], indent: int = 0, wrap: bool = True) -> None:
    """Prints one paragraph made of texts and (text, style) pairs.

    Args:
        console: where to.
        parts: already harmless texts.
        indent: spaces before each line.
        wrap: False keeps the paragraph on one line, for commands and quoted text that must stay whole.
    """
    text = Text.assemble(*(_encodable(part, console.encoding) for part in parts))
    if not wrap:
        console.print(Text(" " * indent) + text, soft_wrap=True)
        return
    for line in text.wrap(console, max(20, console.width - indent)):
        line.rstrip()
        console.print(Text(" " * indent) + line, soft_wrap=True)


def _encodable(part: str | tuple[str, str], encoding: str) -> str | tuple[str, str]:
    """The part as a stream of this encoding can take it."""
    if isinstance(part, tuple):
        return _encodable_text(part[0], encoding), part[1]
    return _encodable_text(part, encoding)


def _encodable_text(text: str, encoding: str) -> str:
    if text.isascii():
        return text
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.replace("±", "+-").encode(encoding, "backslashreplace").decode(encoding)
    return text
