"""Options of the lab that both `lab` and `register --lab` take, and the errors of starting one."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, TypeVar

import click

from sipauthctl.cli import completion
from sipauthctl.cli.errors import CannotRun
from sipauthctl.cli.parameters import duration

_F = TypeVar("_F", bound=Callable[..., Any])


def require_lab() -> None:
    """Makes sure that the packages of the extra `lab` are there.

    Raises:
        CannotRun: one is missing.
    """
    missing = [name for name in ("trustme", "dnslib") if importlib.util.find_spec(name) is None]
    if missing:
        raise CannotRun(f"The lab needs the package {' and '.join(missing)}: pip install 'sipauthctl[lab]'")


def cannot_run(*, with_domain: bool) -> str | None:
    """Why no KDC, or no domain controller, can run on this computer, in one sentence; None when it can."""
    from sipauthctl.lab.kdc import Kdc
    from sipauthctl.lab.samba.programs import missing

    return missing() if with_domain else Kdc.missing()


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


directory_option = click.option(
    "--directory",
    type=click.Choice(["built-in", "samba"]),
    default="built-in",
    show_default=True,
    help="What knows the lab's accounts; samba is a real Active Directory (as root, with Samba installed).",
)
fault_option = click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[=VALUE]",
    callback=check_faults,
    shell_complete=completion.faults,
    help="Let the lab misbehave; can be given several times.",
)

_LIFE = (
    click.option(
        "--proxies",
        type=click.IntRange(0, 3),
        default=0,
        show_default=True,
        help="That many proxies that authenticate, in front of the home server, instead of the redirect.",
    ),
    click.option("--fork", "forked", is_flag=True, help="The proxies stand side by side, and challenge all at once."),
    click.option(
        "--sa-idle",
        callback=duration,
        metavar="TIME",
        help="The lab drops an association that was not used for that long.",
    ),
    click.option(
        "--message-every",
        callback=duration,
        metavar="TIME",
        help="The lab sends a signed MESSAGE to every client that often.",
    ),
)


def life_options(sa_lifetime_help: str) -> Callable[[_F], _F]:
    """A decorator that adds the options on the life of associations, for `lab` and for `register --lab`."""
    lifetime = click.option("--sa-lifetime", callback=duration, metavar="TIME", help=sa_lifetime_help)

    def decorate(command: _F) -> _F:
        for option in reversed((lifetime, *_LIFE)):
            command = option(command)
        return command

    return decorate


def life_settings(given: dict[str, Any]) -> dict[str, Any]:
    """Those options as the settings of a lab.

    Raises:
        UsageError: they contradict each other.
    """
    if given["forked"] and given["proxies"] < 2:
        raise click.UsageError("--fork is for several proxies: add --proxies 2 or 3.")
    lifetime, every = given["sa_lifetime"], given["message_every"]
    return {
        "proxies": given["proxies"],
        "forked": given["forked"],
        "sa_idle": given["sa_idle"],
        "message_every": None if every is None else every.total_seconds(),
        **({} if lifetime is None else {"sa_lifetime": lifetime}),
    }
