"""`sipauthctl register`: signs in to a live server and shows each step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from sipauthctl.cli.ending import ENDING
from sipauthctl.cli.errors import EXIT_PROBLEM
from sipauthctl.cli.fault_needs import check_register
from sipauthctl.cli.lab_options import life_options, life_settings
from sipauthctl.cli.main import GlobalOptions
from sipauthctl.cli.output_files import CommandWithFiles
from sipauthctl.cli.parameters import duration, sip_uri
from sipauthctl.cli.sign_in_options import check_combination, sign_in_options


@click.command("register", cls=CommandWithFiles)
@click.argument("sip_uri", required=False, callback=sip_uri)
@sign_in_options(timeout=10.0)
@click.option(
    "--refresh",
    type=click.IntRange(0, 1000),
    default=0,
    show_default=True,
    metavar="N",
    help="Signed refreshes after success.",
)
@click.option(
    "--probe",
    "probes",
    type=click.Choice(["options", "subscribe", "message"]),
    multiple=True,
    help="Send this request too, to your own address, signed; can be given several times.",
)
@click.option(
    "--hold",
    callback=duration,
    metavar="TIME",
    help="Stay registered that long, as 30s, 10m or 8h: refresh in time, sign in anew when the server asks.",
)
@life_options("How long the server keeps an association, to tell why it asks again; also the lab's.  [default: 8h]")
@click.option("--keep", is_flag=True, help="Leave the registration; else it is taken back at the end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.pass_obj
def command(
    options: GlobalOptions,
    /,
    sip_uri: str | None,
    refresh: int,
    probes: tuple[str, ...],
    hold: timedelta | None,
    sa_lifetime: timedelta | None,
    proxies: int,
    forked: bool,
    sa_idle: timedelta | None,
    message_every: timedelta | None,
    keep: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Sign in to a server and show each step of the handshake.

    SIP_URI is the address to register, such as sip:ned@litwareinc.com; without it that of the current Kerberos
    principal or of this computer's domain is taken. Every answer's signature is verified before it
    is believed. The registration is taken back at the end.

    Exit codes: 0 registered and nothing wrong, 1 a problem was diagnosed, 2 wrong usage, 3 could not be carried out
    or its output not be written, 130 interrupted by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP.
    """
    check_combination(given)
    life = {"proxies": proxies, "forked": forked, "sa_idle": sa_idle, "message_every": message_every}
    if any(life.values()) and not given["lab"]:
        raise click.UsageError("--proxies, --fork, --sa-idle and --message-every are for the lab: add --lab.")
    asks = "subscribe" in map(str.lower, probes) or (hold is not None and message_every is not None)
    check_register(given, sip_uri, proxies=proxies, refresh=refresh, hold=hold, keep=keep, server_asks=asks)
    from sipauthctl.cli.register_request import Request
    from sipauthctl.cli.register_run import execute

    request = Request(
        sip_uri=sip_uri,
        refreshes=refresh,
        probes=tuple(method.upper() for method in probes),
        hold=hold,
        sa_lifetime=sa_lifetime,
        keep=keep,
        life=life_settings({**life, "sa_lifetime": sa_lifetime}),
        **given,
    )
    outcome = execute(request, as_json=as_json, no_color=options.no_color, verbose=options.verbose)
    if outcome.interrupted:
        return ENDING.exit_code
    return EXIT_PROBLEM if outcome.failed else 0
