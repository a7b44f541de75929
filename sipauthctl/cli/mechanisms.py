"""Which mechanisms can run, and with what credentials."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import click

from sipauthctl.cli.errors import CannotRun
from sipauthctl.cli.password import get_password, in_environment
from sipauthctl.cli.register_request import Request
from sipauthctl.machine.facts import read_machine
from sipauthctl.machine.krb5_conf import read_krb5_conf
from sipauthctl.machine.windows import local_registry
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.kerberos.availability import unavailable_reason
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.probe.initiators import InitiatorMaker, kerberos_maker, kerberos_source, ntlm_maker
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.trust import REMEDY, Origin, Withheld

KDC_PORT = 88
NETBIOS_NAME_LENGTH = 15

InitiatorMakers = dict[Scheme, InitiatorMaker]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs in, and the password, which is None where Kerberos has another source."""

    name: LogonName
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mechanisms:
    """What can run here; `kerberos_unavailable` is one sentence, empty where Kerberos can."""

    initiators: InitiatorMakers
    kerberos_unavailable: str


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def workstation() -> str:
    """This computer's name as NetBIOS has it."""
    return socket.gethostname().split(".")[0].upper()[:NETBIOS_NAME_LENGTH]


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


def credentials(request: Request) -> Credentials:
    """What the options, the environment or a prompt give.

    Raises:
        CannotRun, UsageError: as `get_password` and `logon_name`.
    """
    name = logon_name(request, (request.sip_uri or "").removeprefix("sip:"))
    if (request.ccache is not None or request.keytab is not None) and not has_password(request):
        return Credentials(name, None)
    return Credentials(name, get_password(request.password_file, name.text))


def mechanisms(request: Request, given: Credentials, options: ProbeOptions, stack: ExitStack) -> Mechanisms:
    """The initiators for this run; what Kerberos needs is held open on `stack`.

    Args:
        request: the options of the command.
        given: see there.
        options: they tell who may receive credentials.
        stack: closed at the end of the run.

    Raises:
        CannotRun: Kerberos was demanded and cannot run.
        UsageError: a name cannot be used for Kerberos.
    """
    makers: InitiatorMakers = {}
    if given.password is not None:
        makers[Scheme.NTLM] = ntlm_maker(given.name, given.password, workstation=workstation(), now=now)
    if request.auth == "ntlm":
        return Mechanisms(makers, "")
    reason = unavailable_reason()
    if reason is not None:
        if request.auth == "kerberos" or given.password is None:
            raise CannotRun(reason)
        return Mechanisms(makers, reason)
    makers[Scheme.KERBEROS] = _kerberos(request, given, options, stack)
    return Mechanisms(makers, "")


def _kerberos(request: Request, given: Credentials, options: ProbeOptions, stack: ExitStack) -> InitiatorMaker:
    from sipauthctl.mechanisms.kerberos.credentials import KerberosLogin, default_realm
    from sipauthctl.mechanisms.kerberos.names import kerberos_name

    sip_domain = options.sip_domain
    use_kdc(request, given.name, sip_domain, stack)
    try:
        name = kerberos_name(given.name, default_realm() or sip_domain.upper())
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    source = kerberos_source(
        name,
        password=given.password,
        cache=request.ccache,
        keytab=request.keytab,
        name_given=request.username is not None,
        trust=options.trust,
        located_by=_located_by(request, name.realm),
    )
    if isinstance(source, Withheld):  # a realm comes from the user or krb5.conf, so that this is not expected
        raise click.UsageError(f"Neither you nor this computer named the realm {name.realm} ({REMEDY[source]}).")
    return kerberos_maker(stack.enter_context(KerberosLogin(source)), now=now)


def computer_domains() -> tuple[str, ...]:
    """The domains that this computer's settings name."""
    return read_machine(Path("/"), os.environ, local_registry()).domains


def _located_by(request: Request, realm: str) -> Origin:
    """Who names the KDC."""
    if request.kdc is not None:
        return Origin.USER
    return Origin.COMPUTER if read_krb5_conf(Path("/"), os.environ).kdcs.get(realm) else Origin.DNS


def use_kdc(request: Request, name: LogonName, sip_domain: str, stack: ExitStack) -> None:
    """Lets libkrb5 ask the KDC of --kdc, if one was given, until `stack` is closed.

    Raises:
        UsageError: no realm can be made of the names.
    """
    if request.kdc is None:
        return
    from sipauthctl.mechanisms.kerberos.configuration import private_configuration

    kdc = request.kdc
    try:
        stack.enter_context(private_configuration(_realm(name, sip_domain), kdc.host, kdc.port or KDC_PORT))
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None


def _realm(name: LogonName, sip_domain: str) -> str:
    """The realm whose KDC --kdc names: that of the logon name, else the SIP domain's."""
    suffix = name.user.partition("@")[2]
    return (name.domain if "." in name.domain else suffix or sip_domain).upper()
