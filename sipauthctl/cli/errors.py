"""How a command ends other than by success; the exit codes are promises."""

from __future__ import annotations

import click

EXIT_PROBLEM = 1
EXIT_USAGE = 2
EXIT_FAILED = 3


def harmless(message: str) -> str:
    """A message for the terminal, whatever it quotes: the name of a file, or what a server sent."""
    from sipauthctl.report.text import safe  # which would delay `sipauthctl --help`

    return "\n".join(safe(line) for line in message.split("\n"))


class CannotRun(click.ClickException):
    """The command could not be carried out: what happened and what to do, in one or two sentences."""

    exit_code = EXIT_FAILED
