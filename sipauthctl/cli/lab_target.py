"""`register --lab`: starts a lab in the same process and points the registration at it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from sipauthctl.cli.password import get_password
from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.faults import behaviour_with
from sipauthctl.lab.settings import NETBIOS_DOMAIN, LabSettings
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret

if TYPE_CHECKING:
    from sipauthctl.cli.register_run import Request


async def in_lab(request: Request, stack: AsyncExitStack) -> tuple[Request, tuple[LogonName, NtlmSecret]]:
    """The request with the lab's name server and authority, and the credentials of its account.

    Without a SIP address the first account signs in; a password that is given replaces the account's own.

    Raises:
        UsageError: the address is of no account of the lab, and there is no password for it.
        OSError: the lab cannot start.
    """
    from sipauthctl.cli.register_run import has_password, logon_name

    settings = LabSettings(behaviour=behaviour_with(request.faults), faults=request.faults)
    deployment = await stack.enter_async_context(Deployment(settings))
    accounts = {deployment.directory.sip_uri(account): account for account in deployment.directory.accounts}
    sip_uri = request.sip_uri or next(iter(accounts))
    account = accounts.get(sip_uri)
    name = logon_name(request, f"{NETBIOS_DOMAIN}\\{account.user}" if account else sip_uri.removeprefix("sip:"))
    if account is None and not has_password(request):
        raise click.UsageError(f"The lab has no account {sip_uri}; its accounts are {', '.join(accounts)}.")
    password = (
        get_password(request.password_file, name.text)
        if has_password(request) or account is None
        else account.password
    )
    changed = replace(request, sip_uri=sip_uri, nameserver=deployment.nameserver, ca_file=deployment.ca_file)
    return changed, (name, NtlmSecret.from_password(password))
