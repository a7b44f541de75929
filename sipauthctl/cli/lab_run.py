"""Runs the lab until it is interrupted, and shows what its servers see."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from sipauthctl.cli.ending import ENDING
from sipauthctl.codes import windows_text
from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.description import describe
from sipauthctl.lab.events import LabEvent
from sipauthctl.lab.settings import LabSettings
from sipauthctl.report.console import put
from sipauthctl.report.json_output import dump
from sipauthctl.report.text import KNOWN, safe

_BAD = frozenset({"refused", "dropped"})


async def run_lab(settings: LabSettings, out: Console, err: Console, *, as_json: bool) -> None:
    """Starts the deployment, describes it on `out`, logs to `err`, and ends with SIGINT.

    That also ends a deployment that is still being started.

    Raises:
        OSError: a port is taken.
        CannotStart: the KDC or the domain controller cannot be started.
    """
    work = asyncio.create_task(_run(settings, out, err, as_json=as_json))

    def end() -> None:
        if not work.cancelling():  # a second Ctrl-C must not break off the tidying up
            work.cancel()

    ENDING.on_interruption(end)
    with contextlib.suppress(asyncio.CancelledError):
        await work


async def _run(settings: LabSettings, out: Console, err: Console, *, as_json: bool) -> None:
    async with Deployment(settings, log=Log(err)) as deployment:
        if as_json:
            dump(describe(deployment), sys.stdout)
        else:
            _print(out, deployment, _write_configuration(deployment))
        await asyncio.Event().wait()


class Log:
    """One line an event on a console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, event: LabEvent) -> None:
        """Prints the event; for a signature that does not hold, also the string that should have been signed."""
        if event.request is not None:
            KNOWN.add_request(event.request.to_bytes())
        style = "red" if event.what in _BAD else "green" if event.what == "registered" else ""
        method = f" {event.request.method}" if event.request is not None else ""
        detail = safe(event.detail)
        if event.logon_status is not None and windows_text(event.logon_status) not in detail:
            detail = f"{detail} ({windows_text(event.logon_status)})"
        host = event.server.split(".")[0]
        put(self._console, f"{event.time:%H:%M:%S} {host}{method} ", (event.what, style), f" {detail}", wrap=False)
        check = event.signature
        if check is not None and not check.trusted and check.buffer is not None:
            text = check.buffer.text.decode("utf-8", "surrogateescape")
            put(self._console, f"should have been signed: {safe(text)}", indent=9, wrap=False)


def _write_configuration(deployment: Deployment) -> Path:
    """Writes a configuration file with which `register` and `doctor` find the lab."""
    path = deployment.ca_file.with_name("config.toml")
    options = {"nameserver": deployment.nameserver, "ca-file": str(deployment.ca_file)}
    # Such a string of JSON is one of TOML, too.
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in options.items()]
    path.write_text("[profile.default]\n" + "".join(lines), "utf-8", errors="replace")
    return path


def _print(out: Console, deployment: Deployment, configuration: Path) -> None:
    document = describe(deployment)
    put(out, ("The lab is ready.", "bold green"), " Ctrl-C ends it.")
    put(out, f"SIP domain    {document['sip_domain']}", wrap=False)
    put(out, f"Name server   {document['nameserver']}", wrap=False)
    put(out, f"CA file       {document['ca_file']}", wrap=False)
    for server in document["servers"]:
        place = f"{server['host']:<20} {server['address']}:{server['port']:<6} {server['transport'].upper()}"
        put(out, f"{server['role']:<13} {place}", wrap=False)
    for account in document["accounts"]:
        name = f"{account['domain']}\\{account['username']}"
        words = f"{account['sip_uri']:<26} {name:<17} {account['password']:<16} {account['state']}"
        put(out, f"account       {words}", wrap=False)
    certificate = document["accounts"][0]["certificate"]
    if certificate is not None:
        put(out, f"TLS-DSK       {certificate} has the certificate and key of the first account", wrap=False)
    for conference in document["conferences"]:
        put(out, f"conference    {conference['sip_uri']}  passcode {conference['passcode']}", wrap=False)
    if document["krb5_config"]:
        put(out, f"krb5.conf     {document['krb5_config']}  (realm {document['realm']})", wrap=False)
    directory = document["directory"]
    if directory is not None:
        put(
            out,
            f"{'controller':<13} {directory['host']:<20} {directory['address']}  LDAP, LDAPS, Kerberos",
            wrap=False,
        )
        administrator = directory["administrator"]
        put(out, f"administrator {administrator['username']}  {administrator['password']}", wrap=False)
    if document["faults"]:
        put(out, f"faults        {', '.join(document['faults'])}", wrap=False)
    proxy = next(server for server in document["servers"] if server["role"] == "proxy")
    out.print()
    _print_commands(out, document, configuration)
    put(out, f"The outbound proxy of a client is {proxy['host']}, port {proxy['port']}, by TLS.")
    sys.stdout.flush()


def _print_commands(out: Console, document: dict[str, Any], configuration: Path) -> None:
    first = document["accounts"][0]
    variables = {"SIPAUTHCTL_CONFIG": str(configuration)}
    if document["krb5_config"]:
        # The lab's own credential cache leaves the user's tickets alone.
        cache = f"FILE:{configuration.with_name('ccache')}"
        variables |= {"KRB5_CONFIG": document["krb5_config"], "KRB5CCNAME": cache}
    assignments = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    put(out, "From another terminal:")
    put(out, f"export {assignments}", indent=2, wrap=False)
    name = f"{first['domain']}\\{first['username']}"
    put(out, f"sipauthctl register {first['sip_uri']} --username '{name}'", indent=2, wrap=False)
    if document["krb5_config"]:
        put(out, "Or with a Kerberos ticket:")
        put(out, f"kinit {first['username']}@{document['realm']}", indent=2, wrap=False)
        put(out, f"sipauthctl register {first['sip_uri']} --auth kerberos", indent=2, wrap=False)
    put(out, f"The password is {first['password']}.")
