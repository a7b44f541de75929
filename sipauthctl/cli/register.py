"""`sipauthctl register`: signs in to a live server and shows each step."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import click

from sipauthctl.cli.errors import EXIT_INTERRUPTED, EXIT_PROBLEM
from sipauthctl.cli.lab_options import fault_option, require_lab
from sipauthctl.cli.main import GlobalOptions
from sipauthctl.cli.parameters import HostPort, host_port, nameserver, sip_uri


@click.command("register")
@click.argument("sip_uri", required=False, callback=sip_uri)
@click.option("--server", callback=host_port, metavar="HOST[:PORT]", help="The outbound proxy; else DNS is asked.")
@click.option(
    "--transport", type=click.Choice(["tls", "tcp"]), default="tls", show_default=True, help="How to connect."
)
@click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Trust the PEM certificates in this file, not the system's.",
)
@click.option("--no-verify", is_flag=True, help="Accept any certificate; NTLM then goes to whoever answers.")
@click.option("--allow-cleartext", is_flag=True, help="Answer NTLM over plain TCP too.")
@click.option(
    "--auth",
    type=click.Choice(["auto", "kerberos", "ntlm"]),
    default="auto",
    show_default=True,
    help="Scheme to sign in by.",
)
@click.option("--username", metavar="NAME", help=r"user, DOMAIN\user, fqdn\user or user@domain; else the SIP address.")
@click.option("--domain", metavar="NAME", default="", help="Domain of a user name that has none.")
@click.option(
    "--password-file",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help="File with the password in its first line, - for stdin; else SIPAUTHCTL_PASSWORD, else a prompt.",
)
@click.option(
    "--ccache", metavar="FILE", help="Kerberos credential cache: a file, or TYPE:NAME. No password is asked for then."
)
@click.option(
    "--keytab",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Kerberos keytab of the user. No password is asked for then.",
)
@click.option("--kdc", callback=host_port, metavar="HOST[:PORT]", help="Ask this KDC; krb5.conf is left aside.")
@click.option(
    "--nameserver", callback=nameserver, metavar="HOST[:PORT]", help="Ask this name server, not the system's."
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Limit for the connection, the TLS handshake and each answer.",
)
@click.option(
    "--max-redirects",
    type=click.IntRange(0, 20),
    default=3,
    show_default=True,
    metavar="N",
    help="Redirects to follow.",
)
@click.option(
    "--refresh",
    type=click.IntRange(0, 1000),
    default=0,
    show_default=True,
    metavar="N",
    help="Signed refreshes after success.",
)
@click.option("--keep", is_flag=True, help="Leave the registration; else it is taken back at the end.")
@click.option(
    "--trace",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write every message to this file, without secrets.",
)
@click.option("--lab", is_flag=True, help="Sign in to a lab that is started for this run.")
@fault_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.pass_context
def command(
    ctx: click.Context,
    sip_uri: str | None,
    server: HostPort | None,
    transport: str,
    ca_file: Path | None,
    no_verify: bool,
    allow_cleartext: bool,
    auth: str,
    username: str | None,
    domain: str,
    password_file: IO[str] | None,
    ccache: str | None,
    keytab: Path | None,
    kdc: HostPort | None,
    nameserver: str | None,
    timeout: float,
    max_redirects: int,
    refresh: int,
    keep: bool,
    trace: Path | None,
    lab: bool,
    faults: tuple[str, ...],
    as_json: bool,
) -> int:
    """Sign in to a server and show each step of the handshake.

    SIP_URI is the address to register, such as sip:ned@litwareinc.com. Every answer's signature is verified before it
    is believed. The registration is taken back at the end.

    Exit codes: 0 registered and nothing wrong, 1 a problem was diagnosed, 2 wrong usage, 3 could not be carried out.
    """
    if faults and not lab:
        raise click.UsageError("--fault is for the lab: add --lab, or give it to `sipauthctl lab`.")
    if sip_uri is None and not lab:
        raise click.UsageError("Missing the SIP address to register, such as sip:ned@litwareinc.com (or --lab).")
    if ccache is not None and keytab is not None:
        raise click.UsageError("Give --ccache or --keytab, not both.")
    if auth == "ntlm" and (ccache is not None or keytab is not None or kdc is not None):
        raise click.UsageError("--ccache, --keytab and --kdc are for Kerberos, and --auth ntlm excludes it.")
    if lab:
        require_lab()
        if server is not None or nameserver is not None or ca_file is not None or kdc is not None:
            raise click.UsageError("--lab brings its own --server, --nameserver, --ca-file and --kdc.")
    from sipauthctl.cli.register_request import Request
    from sipauthctl.cli.register_run import execute

    request = Request(
        sip_uri=sip_uri,
        server=server,
        transport=transport,
        ca_file=ca_file,
        verify=not no_verify,
        allow_cleartext=allow_cleartext,
        auth=auth,
        username=username,
        domain=domain,
        password_file=password_file,
        ccache=ccache,
        keytab=keytab,
        kdc=kdc,
        nameserver=nameserver,
        timeout=timeout,
        max_redirects=max_redirects,
        refreshes=refresh,
        keep=keep,
        trace=trace,
        lab=lab,
        faults=faults,
    )
    options: GlobalOptions = ctx.obj
    outcome = execute(request, as_json=as_json, no_color=options.no_color, verbose=options.verbose)
    if outcome.interrupted:
        return EXIT_INTERRUPTED
    return EXIT_PROBLEM if outcome.failed else 0
