"""Where a password comes from; never from the command line."""

from __future__ import annotations

import os
import sys
from typing import IO

import click

from sipauthctl.cli.errors import CannotRun

VARIABLE = "SIPAUTHCTL_PASSWORD"

_given: str | None = None


def take_from_environment() -> None:
    """Takes the variable out of the environment, before any program is started that would inherit it."""
    global _given
    _given = os.environ.pop(VARIABLE, None)


def in_environment() -> bool:
    """Whether the variable was set."""
    return _given is not None


def get_password(file: IO[str] | None, name: str) -> str:
    """The password from the file's first line, the environment, or a prompt on the terminal. No output shows it.

    Raises:
        CannotRun: the file cannot be read, or it or the variable is empty or not UTF-8. An empty password is never
            tried, as the failure would count towards locking the account.
        UsageError: there is none, and nobody to ask.
    """
    from sipauthctl.report.text import KNOWN  # which would delay `sipauthctl --help`

    password = _password(file, name)
    KNOWN.add_password(password)
    return password


def _password(file: IO[str] | None, name: str) -> str:
    if file is not None:
        try:
            line = file.readline()
        except (OSError, UnicodeDecodeError):
            raise CannotRun("Cannot read the password file: it must be text in UTF-8.") from None
        password = line.rstrip("\r\n").removeprefix("\ufeff")  # which Windows' editors put first
        if not password:
            raise CannotRun("The password file is empty, or its first line is.")
        return password
    if _given is not None:
        if any("\ud800" <= character <= "\udfff" for character in _given):  # bytes that are not UTF-8
            raise CannotRun(f"Cannot use {VARIABLE}: it must be text in UTF-8.")
        if not _given:
            raise CannotRun(f"{VARIABLE} is empty. Set it to the password, or unset it.")
        return _given
    if not sys.stdin.isatty():
        raise click.UsageError(f"No password: give --password-file or {VARIABLE}, or run on a terminal to be asked.")
    return str(click.prompt(f"Password of {name}", hide_input=True, err=True))
