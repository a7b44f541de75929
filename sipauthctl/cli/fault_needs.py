"""Refuses faults of the lab that could not show under the other options.

Else "nothing was found wrong" would look like an answer. The modules of the lab are imported late, as it is an extra.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from sipauthctl.cli.password import VARIABLE
from sipauthctl.mechanisms.base import Scheme

if TYPE_CHECKING:
    from sipauthctl.lab.fault import Need
    from sipauthctl.lab.settings import LabSettings

Needed = dict["Need", tuple[object, str]]
"""By what a fault may need: whether it is there, and the words for what would provide it."""


def check_lab(settings: LabSettings) -> None:
    """For `sipauthctl lab`, whose clients may do anything.

    Raises:
        UsageError: a fault cannot show.
    """
    from sipauthctl.lab.fault import Need

    with_kdc = Scheme.KERBEROS in settings.schemes or settings.with_domain
    redirects = settings.redirect and not settings.proxy_count
    _check(
        settings.faults,
        {
            Need.KERBEROS: (with_kdc, "kerberos among --schemes"),
            Need.NTLM: (Scheme.NTLM in settings.schemes, "ntlm among --schemes"),
            Need.REDIRECT: (redirects, "the redirect, so neither --no-redirect nor --proxies"),
        },
    )


def check_register(
    given: Mapping[str, Any],
    sip_uri: str | None,
    *,
    proxies: int,
    refresh: int,
    hold: timedelta | None,
    keep: bool,
    server_asks: bool,
) -> None:
    """For `sipauthctl register --lab`; `given` has the options of a sign-in, `server_asks` tells whether the server
    sends requests of its own.

    Raises:
        UsageError: a fault cannot show.
    """
    if given["faults"]:
        from sipauthctl.lab.fault import Need
        from sipauthctl.lab.faults import behaviour_with
        from sipauthctl.lab.settings import LabSettings

        redirects = not LabSettings(behaviour=behaviour_with(given["faults"]), proxies=proxies).proxy_count
        stays = bool(refresh) or hold is not None
        every = behaviour_with(given["faults"]).restart_every or 0.0
        long_enough = hold is not None and hold.total_seconds() > every
        needed: Needed = {
            Need.KERBEROS: (given["auth"] == "kerberos", "--auth kerberos"),
            Need.REDIRECT: (redirects, "the redirect, so no proxies"),
            Need.SECOND_REQUEST: (stays or not keep, "--refresh 1, or no --keep"),
            Need.REFRESH: (stays, "--refresh 1 or --hold"),
            Need.HOLD: (long_enough, f"--hold for longer than {every:g}s" if every else "--hold"),
            Need.SERVER_REQUEST: (server_asks, "--probe subscribe, or --hold with --message-every"),
            Need.DOCTOR: (False, "`sipauthctl doctor --lab`"),
        }
        _check(given["faults"], _of_sign_in(given, sip_uri) | needed)


def check_doctor(given: Mapping[str, Any], sip_uri: str | None) -> None:
    """For `sipauthctl doctor --lab`, which refreshes once, and looks at a domain even where it does not use it.

    Raises:
        UsageError: a fault cannot show.
    """
    if given["faults"]:
        from sipauthctl.lab.fault import Need
        from sipauthctl.lab.faults import behaviour_with

        with_kdc = given["auth"] != "ntlm" or behaviour_with(given["faults"]).needs_domain
        needed: Needed = {
            Need.KERBEROS: (with_kdc, "--auth auto or kerberos"),
            Need.HOLD: (False, "`sipauthctl register --lab --hold 10m`"),
            Need.SERVER_REQUEST: (False, "`sipauthctl register --lab --probe subscribe`"),
        }
        _check(given["faults"], _of_sign_in(given, sip_uri) | needed)


def _of_sign_in(given: Mapping[str, Any], sip_uri: str | None) -> Needed:
    from sipauthctl.lab.accounts import ACCOUNTS, AccountState
    from sipauthctl.lab.fault import Need
    from sipauthctl.lab.faults import behaviour_with
    from sipauthctl.lab.names import SIP_DOMAIN

    states = {f"sip:{account.user}@{SIP_DOMAIN}": account.state for account in ACCOUNTS}
    first = next(iter(states))
    address = (sip_uri or first).lower()
    with_password = given["password_file"] is not None or VARIABLE in os.environ
    held_back = states.get(address) is not AccountState.ACTIVE or behaviour_with(given["faults"]).first_account
    return {
        Need.NTLM: (given["auth"] != "kerberos", "--auth auto or ntlm"),
        Need.TLS: (given["transport"] == "tls", "--transport tls"),
        Need.TCP: (given["transport"] == "tcp", "--transport tcp"),
        Need.REFUSAL: (with_password or held_back, "a wrong password, or an account such as sip:dora@litwareinc.com"),
        Need.FIRST_ACCOUNT: (address == first, f"the address {first}, or none"),
    }


def _check(faults: tuple[str, ...], needed: Needed) -> None:
    if faults:
        from sipauthctl.lab.faults import needs_of

        for fault in faults:
            for need in needs_of(fault):
                there, words = needed.get(need, (True, ""))
                if not there:
                    raise click.UsageError(f"--fault {fault} cannot show: it needs {words}.")
