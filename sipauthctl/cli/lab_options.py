"""Options of the lab that both `lab` and `register --lab` take, and the errors of starting one."""

from __future__ import annotations

import importlib.util

import click

from sipauthctl.cli.errors import CannotRun


def require_lab() -> None:
    """Makes sure that the packages of the extra `lab` are there.

    Raises:
        CannotRun: one is missing.
    """
    missing = [name for name in ("trustme", "dnslib") if importlib.util.find_spec(name) is None]
    if missing:
        raise CannotRun(f"The lab needs the package {' and '.join(missing)}: pip install 'sipauthctl[lab]'")


def check_faults(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """A Click callback: refuses names that are no faults."""
    if value:
        require_lab()
        from sipauthctl.lab.faults import behaviour_with

        try:
            behaviour_with(value)
        except ValueError as error:
            raise click.BadParameter(f"{error}. `sipauthctl lab --list-faults` explains each.") from None
    return value


fault_option = click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[=SECONDS]",
    callback=check_faults,
    help="Let the lab misbehave; can be given several times.",
)
