"""Who signs in, and with what credentials, where the user did not say."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import click

from sipauthctl.cli.password import get_password, in_environment
from sipauthctl.cli.register_request import Request
from sipauthctl.machine.facts import Machine, read_machine
from sipauthctl.machine.windows import local_registry
from sipauthctl.mechanisms.kerberos.names import KerberosName
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.probe.initiators import Credentials, ticket_holder
from sipauthctl.report.text import KNOWN
from sipauthctl.trust import Origin

DEFAULT_CACHE = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who signs in: the request with an address, its source (empty where the user gave it), and who named it."""

    request: Request
    name: LogonName
    credentials: Credentials
    source: str = ""
    origin: Origin = Origin.USER


def subject_of(request: Request, source: str, *, may_go_without: bool) -> Subject:
    """The given address, else that of the current Kerberos principal, else one of this computer's domain.

    Args:
        request: the options of the command.
        source: where the given address comes from.
        may_go_without: credentials are not needed.

    Raises:
        CannotRun: the password file cannot be read.
        UsageError: there is no address, no user in the logon name, or no password where one is needed.
    """
    uri, origin = request.sip_uri, Origin.USER
    if uri is None:
        origin = Origin.COMPUTER
        holder = ticket_holder(request.ccache or DEFAULT_CACHE)
        domain = holder.realm.lower() if holder is not None else next(iter(this_computer().domains), "")
        if not domain:
            raise click.UsageError("Missing the SIP address, such as sip:ned@litwareinc.com; nothing here names one.")
        uri = f"sip:{holder.user if holder is not None else getpass.getuser()}@{domain}"
        own = "your login name and the domain of this computer"
        source = own if holder is None else f"the current Kerberos principal {holder.text}"
    name = logon_name(request, uri.removeprefix("sip:"))
    found = _credentials(request, name, may_go_without=may_go_without)
    return Subject(replace(request, sip_uri=uri), name, found, source, origin)


def logon_name(request: Request, default: str) -> LogonName:
    """The name to sign in as.

    Raises:
        UsageError: it has no user.
    """
    try:
        return LogonName.parse(request.username or default, request.domain)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None


def has_password(request: Request) -> bool:
    """Whether the user gave a password by file or environment."""
    return request.password_file is not None or in_environment()


def this_computer() -> Machine:
    """This computer's settings. May take some seconds."""
    return read_machine(Path("/"), os.environ, local_registry())


def _credentials(request: Request, name: LogonName, *, may_go_without: bool) -> Credentials:
    """What the options or the environment give, else the current Kerberos tickets of this user, else what is typed."""
    password = get_password(request.password_file, name.text) if has_password(request) else None
    given = Credentials(password, request.ccache, request.keytab)
    if given.given:
        return given
    if request.auth != "ntlm" and _is_called(ticket_holder(DEFAULT_CACHE), name):
        return Credentials(cache=DEFAULT_CACHE)
    if not may_go_without:
        return Credentials(get_password(None, name.text))
    if not sys.stdin.isatty():
        return given
    typed = click.prompt(
        f"Password of {name.text} (empty to go without)", default="", show_default=False, hide_input=True, err=True
    )
    KNOWN.add_password(str(typed))
    return Credentials(str(typed) or None)


def _is_called(holder: KerberosName | None, name: LogonName) -> bool:
    """Whether the tickets are of this user. A suffix need not be the realm; a domain has to be."""
    if holder is None or holder.user.lower() != name.user.partition("@")[0].lower():
        return False
    realm = holder.realm.lower()
    return not name.domain or name.domain.lower() in (realm, realm.partition(".")[0])
