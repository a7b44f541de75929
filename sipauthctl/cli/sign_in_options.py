"""The options of every command that signs in to a server."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from sipauthctl.cli.lab_options import fault_option, require_lab
from sipauthctl.cli.output_files import OutputPath
from sipauthctl.cli.parameters import domains, host_port, nameserver

_F = TypeVar("_F", bound=Callable[..., Any])


class _Seconds(click.FloatRange):
    """A number within its range, which `nan` passes: it compares with nothing."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not in the range.", param, ctx)
        return number


_REACHING = (
    click.option("--server", callback=host_port, metavar="HOST[:PORT]", help="The outbound proxy; else DNS is asked."),
    click.option(
        "--transport", type=click.Choice(["tls", "tcp"]), default="tls", show_default=True, help="How to connect."
    ),
    click.option(
        "--ca-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Trust the PEM certificates in this file, not the system's.",
    ),
    click.option("--no-verify", is_flag=True, help="Accept any certificate; NTLM then goes to whoever answers."),
    click.option("--allow-cleartext", is_flag=True, help="Answer NTLM over plain TCP too."),
    click.option(
        "--trust-domain",
        "trust_domains",
        multiple=True,
        callback=domains,
        metavar="DOMAIN",
        help="Send credentials to servers in this domain too, beside the SIP domain; can be given several times.",
    ),
)
_CREDENTIALS = (
    click.option(
        "--auth",
        type=click.Choice(["auto", "kerberos", "ntlm"]),
        default="auto",
        show_default=True,
        help="Scheme to sign in by.",
    ),
    click.option(
        "--username", metavar="NAME", help=r"user, DOMAIN\user, fqdn\user or user@domain; else the SIP address."
    ),
    click.option("--domain", metavar="NAME", default="", help="Domain of a user name that has none."),
    click.option(
        "--password-file",
        type=click.File("r", encoding="utf-8"),
        metavar="FILE",
        help="File with the password in its first line, - for stdin; else SIPAUTHCTL_PASSWORD, tickets, or a prompt.",
    ),
    click.option(
        "--ccache",
        type=click.Path(readable=False),
        metavar="FILE",
        help="Kerberos credential cache: a file, or TYPE:NAME; else the default one where its tickets are yours.",
    ),
    click.option(
        "--keytab",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Kerberos keytab of the user. No password is asked for then.",
    ),
    click.option(
        "--allow-rc4",
        is_flag=True,
        help="Prove the password with an RC4 key even to a KDC that only DNS names, or in a realm that you did not "
        "name.",
    ),
    click.option("--kdc", callback=host_port, metavar="HOST[:PORT]", help="Ask this KDC; krb5.conf is ignored."),
)


def _rest(timeout: float) -> tuple[Callable[[_F], _F], ...]:
    return (
        click.option(
            "--nameserver", callback=nameserver, metavar="HOST[:PORT]", help="Ask this name server, not the system's."
        ),
        click.option(
            "--timeout",
            type=_Seconds(0.1, 600),
            default=timeout,
            show_default=True,
            metavar="SECONDS",
            help="Limit for the connection, the TLS handshake and each answer.",
        ),
        click.option(
            "--max-redirects",
            type=click.IntRange(0, 20),
            default=3,
            show_default=True,
            metavar="N",
            help="Redirects to follow.",
        ),
        click.option(
            "--trace",
            type=OutputPath(),
            metavar="FILE",
            help="Write every message to this file, without secrets.",
        ),
        click.option("--lab", is_flag=True, help="Sign in to a lab that is started for this run."),
        fault_option,
    )


def sign_in_options(*, timeout: float) -> Callable[[_F], _F]:
    """A decorator that adds them; `timeout` is the default of --timeout in seconds."""

    def decorate(command: _F) -> _F:
        for option in reversed((*_REACHING, *_CREDENTIALS, *_rest(timeout))):
            command = option(command)
        return command

    return decorate


def check_combination(given: dict[str, Any]) -> None:
    """Refuses options that contradict each other; `given` has them by the names of their parameters.

    Raises:
        CannotRun: the lab was asked for, and its packages are missing.
        UsageError: see the texts.
    """
    lab, kerberos = given["lab"], [given[name] for name in ("ccache", "keytab", "kdc")]
    if given["faults"] and not lab:
        raise click.UsageError("--fault is for the lab: add --lab, or give it to `sipauthctl lab`.")
    if given["ccache"] is not None and given["keytab"] is not None:
        raise click.UsageError("Give --ccache or --keytab, not both.")
    if given["auth"] == "ntlm" and any(value is not None for value in kerberos):
        raise click.UsageError("--ccache, --keytab and --kdc are for Kerberos, and --auth ntlm excludes it.")
    if lab:
        require_lab()
        if any(given[name] is not None for name in ("server", "nameserver", "ca_file", "kdc")):
            raise click.UsageError("--lab brings its own --server, --nameserver, --ca-file and --kdc.")
