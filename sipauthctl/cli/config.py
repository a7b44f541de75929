"""Options from a configuration file: one table per profile, with the long option names as keys."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import click

from sipauthctl.cli.main import COMMANDS, VARIABLE, cli

DEFAULT_PATH = Path("~/.config/sipauthctl/config.toml")


def default_map(path: Path | None, profile: str | None) -> dict[str, dict[str, Any]]:
    """Click's defaults for every command, from `[profile.NAME]` of the file (NAME is `default` unless given).

    Raises:
        UsageError: the file or the profile cannot be used.
    """
    file = (path or DEFAULT_PATH).expanduser()
    name = profile or "default"
    try:
        data = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        named = f" {VARIABLE} names it." if path is not None and os.environ.get(VARIABLE) == str(path) else ""
        raise click.UsageError(f"Cannot read the configuration file {file}: {error.strerror}.{named}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"The configuration file {file} is not TOML: {error}.") from None
    profiles = data.get("profile")
    table = profiles.get(name) if isinstance(profiles, dict) else None
    if not isinstance(table, dict):
        raise click.UsageError(f"The configuration file {file} has no table [profile.{name}].")
    for key, value in table.items():
        if not isinstance(value, str | int | float | bool | list):
            raise click.UsageError(f"The value of {key} in {file} is not one that an option can have.")
        if key == "password":
            raise click.UsageError("A password does not belong in a configuration file; give password-file instead.")
    return _by_command(table, file)


def _by_command(table: dict[str, Any], file: Path) -> dict[str, dict[str, Any]]:
    """Each command's share of the options, under the names that Click uses inside."""
    context = click.Context(cli)
    defaults: dict[str, dict[str, Any]] = {}
    unknown = set(table)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        names = _option_names(command) if command is not None else {}
        defaults[name] = {names[key]: value for key, value in table.items() if key in names}
        unknown -= set(names)
    if unknown:
        raise click.UsageError(
            f"The configuration file {file} sets {', '.join(sorted(unknown))}, which no command has."
        )
    return defaults


def _option_names(command: click.Command) -> dict[str, str]:
    """Long option names without dashes in front, and the parameter behind each; `sip-uri` is the argument."""
    names = {"sip-uri": "sip_uri"} if any(parameter.name == "sip_uri" for parameter in command.params) else {}
    return names | {
        option.removeprefix("--"): parameter.name
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and parameter.name is not None
    }
