"""Whom the doctor examines, and with what credentials, where the user did not say."""

from __future__ import annotations

import getpass
import socket
import sys
from dataclasses import dataclass, replace

import click

from sipauthctl.cli.mechanisms import has_password
from sipauthctl.cli.password import get_password
from sipauthctl.cli.register_request import Request
from sipauthctl.doctor.case import Credentials
from sipauthctl.mechanisms.kerberos.availability import unavailable_reason
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.report.text import KNOWN


@dataclass(frozen=True, slots=True)
class Patient:
    """The request with an address, and where that comes from (empty where the user gave it)."""

    request: Request
    source: str


def patient(request: Request, source: str) -> Patient:
    """The given address, else that of the current Kerberos principal, else one of this computer's domain.

    Raises:
        UsageError: there is none.
    """
    if request.sip_uri is not None:
        return Patient(request, source)
    principal = _current_principal(request.ccache)
    if principal is not None:
        user, _, realm = principal.partition("@")
        return Patient(
            replace(request, sip_uri=f"sip:{user}@{realm.lower()}"), f"the current Kerberos principal {principal}"
        )
    domain = _own_domain()
    if not domain:
        raise click.UsageError("Missing the SIP address, such as sip:ned@litwareinc.com, and nothing here names one.")
    uri = f"sip:{getpass.getuser()}@{domain}"
    return Patient(replace(request, sip_uri=uri), "your login name and the domain of this computer")


def find_credentials(request: Request, name: LogonName) -> Credentials:
    """What the options or the environment give, else the current Kerberos tickets of this user, else what is typed.

    Raises:
        CannotRun: the password file cannot be read.
    """
    password = get_password(request.password_file, name.text) if has_password(request) else None
    given = Credentials(password=password, cache=request.ccache, keytab=request.keytab)
    if given.given:
        return given
    principal = _current_principal(None)
    if principal is not None and principal.partition("@")[0].lower() == name.user.partition("@")[0].lower():
        given = replace(given, cache="")
    if not sys.stdin.isatty():
        return given
    typed = click.prompt(
        f"Password of {name.text} (empty to go without)", default="", show_default=False, hide_input=True, err=True
    )
    KNOWN.add_password(str(typed))
    return replace(given, password=str(typed) or None)


def _current_principal(cache: str | None) -> str | None:
    if unavailable_reason() is not None:
        return None
    from sipauthctl.mechanisms.kerberos.credentials import cache_principal

    return cache_principal(cache)


def _own_domain() -> str:
    if unavailable_reason() is None:
        from sipauthctl.mechanisms.kerberos.credentials import default_realm

        realm = default_realm()
        if realm:
            return realm.lower()
    return socket.getfqdn().partition(".")[2].lower()
