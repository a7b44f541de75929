"""Where a password comes from; never from the command line."""

from __future__ import annotations

import os
import sys
from typing import IO

import click

from sipauthctl.cli.errors import CannotRun

VARIABLE = "SIPAUTHCTL_PASSWORD"


def get_password(file: IO[str] | None, name: str) -> str:
    """The password from the file's first line, the environment, or a prompt on the terminal.

    Raises:
        CannotRun: the file cannot be read, or it or the variable is not UTF-8.
        UsageError: there is none, and nobody to ask.
    """
    if file is not None:
        try:
            return file.readline().rstrip("\r\n").removeprefix("\ufeff")  # which Windows' editors put first
        except (OSError, UnicodeDecodeError):
            raise CannotRun("Cannot read the password file: it must be text in UTF-8.") from None
    if VARIABLE in os.environ:
        password = os.environ[VARIABLE]
        if any("\ud800" <= character <= "\udfff" for character in password):  # bytes that are not UTF-8
            raise CannotRun(f"Cannot use {VARIABLE}: it must be text in UTF-8.")
        return password
    if not sys.stdin.isatty():
        raise click.UsageError(f"No password: give --password-file or {VARIABLE}, or run on a terminal to be asked.")
    return str(click.prompt(f"Password of {name}", hide_input=True, err=True))
