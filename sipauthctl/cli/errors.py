"""How a command ends other than by success; the exit codes are promises."""

from __future__ import annotations

import click

EXIT_PROBLEM = 1
EXIT_USAGE = 2
EXIT_FAILED = 3


class CannotRun(click.ClickException):
    """The command could not be carried out: what happened and what to do, in one or two sentences."""

    exit_code = EXIT_FAILED
