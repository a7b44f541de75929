"""`register --lab`: starts a lab in the same process and points the registration at it."""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace

import click

from sipauthctl.cli.errors import CannotRun
from sipauthctl.cli.lab_options import cannot_run
from sipauthctl.cli.password import get_password
from sipauthctl.cli.register_request import Request
from sipauthctl.cli.user import Subject, has_password, logon_name
from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.errors import CannotStart
from sipauthctl.lab.fault import Need
from sipauthctl.lab.faults import behaviour_with, needs_of
from sipauthctl.lab.names import NETBIOS_DOMAIN
from sipauthctl.lab.settings import LabSettings
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.kerberos.availability import unavailable_reason
from sipauthctl.mechanisms.kerberos.configuration import use_configuration
from sipauthctl.probe.initiators import Credentials
from sipauthctl.sip.uri import SipUri


async def in_lab(request: Request, stack: AsyncExitStack, outer: ExitStack, *, all_schemes: bool = False) -> Subject:
    """An account of the lab, with the lab's name server and authority in the request.

    Without a SIP address the first account signs in; a password that is given replaces the account's own. Kerberos is
    offered beside NTLM only where it was asked for, so that a plain run shows the same on every computer; with
    `all_schemes` wherever it can run.

    Raises:
        CannotRun: Kerberos was asked for, and the lab cannot offer it here.
        UsageError: the address is of no account of the lab, and there is no password for it.
        OSError: the lab cannot start.
    """
    behaviour = behaviour_with(request.faults)
    can_run = (unavailable_reason() or cannot_run(with_domain=behaviour.needs_domain)) is None
    needs_it = any(Need.KERBEROS in needs_of(fault) for fault in request.faults)
    kerberos = request.auth == "kerberos" or (all_schemes and request.auth == "auto" and (can_run or needs_it))
    schemes = (Scheme.KERBEROS, Scheme.NTLM) if kerberos else (Scheme.NTLM,)
    settings = LabSettings(schemes=schemes, behaviour=behaviour, faults=request.faults, **request.life)
    reason = unavailable_reason() if Scheme.KERBEROS in schemes else None
    if reason is None and (Scheme.KERBEROS in schemes or settings.with_domain):
        reason = cannot_run(with_domain=settings.with_domain)
    if reason is not None:
        raise CannotRun(reason)
    try:
        deployment = await stack.enter_async_context(Deployment(settings))
    except CannotStart as error:
        raise CannotRun(f"{error}.") from None
    if deployment.kdc is not None:
        outer.enter_context(use_configuration(deployment.kdc.configuration))
    accounts = {deployment.directory.sip_uri(account): account for account in deployment.directory.accounts}
    sip_uri = request.sip_uri or next(iter(accounts))
    account = accounts.get(SipUri.parse(sip_uri).address_of_record)
    name = logon_name(request, f"{NETBIOS_DOMAIN}\\{account.user}" if account else sip_uri.removeprefix("sip:"))
    if account is None and not has_password(request):
        raise click.UsageError(f"The lab has no account {sip_uri}; its accounts are {', '.join(accounts)}.")
    if account is None or has_password(request):
        password = get_password(request.password_file, name.text)
    else:
        password = account.password
    changed = replace(
        request,
        sip_uri=sip_uri,
        nameserver=deployment.nameserver,
        ca_file=deployment.ca_file,
        netbios_ports={service.node.host: service.port for service in deployment.name_services},
    )
    credentials = Credentials(password, request.ccache, request.keytab)
    return Subject(changed, name, credentials, "" if request.sip_uri else "the first account of the lab")
