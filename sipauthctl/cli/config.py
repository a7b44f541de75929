"""Options from a configuration file: one table per profile, with the long option names as keys."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import click

from sipauthctl.cli.main import COMMANDS

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
        raise click.UsageError(f"Cannot read the configuration file {file}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"The configuration file {file} is not TOML: {error}.") from None
    profiles = data.get("profile")
    table = profiles.get(name) if isinstance(profiles, dict) else None
    if not isinstance(table, dict):
        raise click.UsageError(f"The configuration file {file} has no table [profile.{name}].")
    for key, value in table.items():
        if not isinstance(value, str | int | float | bool | list):
            raise click.UsageError(f"The value of {key} in {file} is not one that an option can have.")
        if key.replace("_", "-") == "password":
            raise click.UsageError("A password does not belong in a configuration file; give password-file instead.")
    options = {key.replace("-", "_"): value for key, value in table.items()}
    return dict.fromkeys(COMMANDS, options)  # each takes those that it knows
