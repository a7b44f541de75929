"""`sipauthctl lab`: the deployment in a box, in the foreground."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import click
from rich.console import Console

from sipauthctl.association.family import HeaderFamily
from sipauthctl.cli.errors import CannotRun
from sipauthctl.cli.fault_needs import check_lab
from sipauthctl.cli.lab_options import (
    cannot_run,
    directory_option,
    fault_option,
    life_options,
    life_settings,
    require_lab,
)
from sipauthctl.cli.main import GlobalOptions
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.kerberos.availability import unavailable_reason
from sipauthctl.report.console import put, stderr, stdout

SCHEMES = {"kerberos": Scheme.KERBEROS, "ntlm": Scheme.NTLM, "tls-dsk": Scheme.TLS_DSK}


@click.command("lab")
@fault_option
@click.option("--list-faults", is_flag=True, help="List the faults, with what each stands for.")
@click.option(
    "--schemes",
    metavar="LIST",
    help="Schemes to offer, separated by commas.  [default: kerberos,ntlm, without what cannot run here]",
)
@click.option(
    "--key-type",
    type=click.Choice(["aes256", "aes128", "rc4"]),
    default="aes256",
    show_default=True,
    help="Type of the Kerberos keys.",
)
@directory_option
@click.option(
    "--port", type=click.IntRange(0, 65530), default=5061, show_default=True, help="First of five ports; 0: any."
)
@click.option(
    "--challenge", type=click.Choice(["401", "407"]), default="401", show_default=True, help="How to challenge."
)
@click.option(
    "--sipae-version",
    type=click.Choice(["2", "3", "4"]),
    default="4",
    show_default=True,
    help="Version of the authentication protocol.",
)
@click.option("--redirect/--no-redirect", default=True, show_default=True, help="Whether hs1 sends users to hs2.")
@click.option("--ess/--no-ess", default=True, show_default=True, help="NTLM with extended session security or not.")
@life_options("How long the lab keeps an association, as 20s or 8h; registrations then live a quarter.  [default: 8h]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document as soon as the lab is ready.")
@click.pass_obj
def command(
    options: GlobalOptions,
    /,
    faults: tuple[str, ...],
    list_faults: bool,
    schemes: str | None,
    key_type: str,
    directory: str,
    port: int,
    challenge: str,
    sipae_version: str,
    redirect: bool,
    ess: bool,
    as_json: bool,
    **life: Any,
) -> None:
    """Run a whole deployment on this computer to test against.

    An outbound proxy (hs1) that authenticates and redirects, a home server (hs2) that registers, a certificate
    authority, a name server and accounts, all on loopback and gone when you press Ctrl-C.

    Exit codes: 0 ended by Ctrl-C, SIGTERM or SIGHUP, 2 wrong usage, 3 could not be carried out.
    """
    require_lab()
    from sipauthctl.lab.errors import CannotStart
    from sipauthctl.lab.faults import FAULTS, behaviour_with
    from sipauthctl.lab.kdc import KeyType
    from sipauthctl.lab.settings import DirectoryKind, LabSettings

    if list_faults:
        console = stdout(no_color=options.no_color)
        for fault in FAULTS.values():
            put(console, (fault.usage, "bold"))
            put(console, fault.explanation, indent=4)
        return
    out, err = stdout(no_color=options.no_color), stderr(no_color=options.no_color)
    settings = LabSettings(
        directory=DirectoryKind(directory),
        family=HeaderFamily.PROXY if challenge == "407" else HeaderFamily.USER_AGENT,
        version=int(sipae_version),
        key_type=KeyType[key_type.upper()],
        redirect=redirect,
        extended_session_security=ess,
        port=port,
        behaviour=behaviour_with(faults),
        faults=faults,
        **life_settings(life),
    )
    from sipauthctl.cli.lab_run import run_lab

    settings = replace(settings, schemes=_schemes(schemes, err, with_domain=settings.with_domain))
    check_lab(settings)
    try:
        asyncio.run(run_lab(settings, out, err, as_json=as_json))
    except CannotStart as error:
        raise CannotRun(f"{error}.") from None
    except OSError as error:
        raise CannotRun(
            f"The lab cannot start: {error.strerror or error}. Another port may help (--port 0)."
        ) from None


def _schemes(text: str | None, err: Console, *, with_domain: bool) -> tuple[Scheme, ...]:
    no_kdc = cannot_run(with_domain=with_domain)
    if with_domain and no_kdc is not None:
        raise CannotRun(no_kdc)
    reason = unavailable_reason() or no_kdc
    if text is None:
        if reason is not None:
            put(err, ("Note: ", "yellow"), f"Only NTLM is offered. {reason}")
        return (Scheme.NTLM,) if reason is not None else (Scheme.KERBEROS, Scheme.NTLM)
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in SCHEMES]
    if unknown or not names:
        raise click.BadParameter(f"the lab offers {', '.join(SCHEMES)}, not {text!a}", param_hint="--schemes")
    if reason is not None and "kerberos" in names:
        raise CannotRun(reason)
    return tuple(dict.fromkeys(SCHEMES[name] for name in names))
