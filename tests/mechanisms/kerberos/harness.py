"""A real KDC, an initiator and an acceptor.

Tests take what needs gssapi and krb5 from here, so that they are skipped as a whole where those are missing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from sipauthctl.lab.kdc import Kdc, KdcSettings
from sipauthctl.mechanisms.kerberos.availability import unavailable_reason
from sipauthctl.mechanisms.kerberos.configuration import use_configuration
from sipauthctl.mechanisms.kerberos.errors import KerberosFailure
from sipauthctl.mechanisms.kerberos.names import KerberosName
from tests.cleared import AES, RC4, TICKET

_absent = unavailable_reason() or Kdc.missing()
if _absent and "SIPAUTHCTL_REQUIRE_EXTERNAL" not in os.environ:
    pytest.skip(_absent, allow_module_level=True)

import gssapi  # noqa: E402
import krb5  # noqa: E402

from sipauthctl.mechanisms.kerberos.acceptor import KerberosAcceptor  # noqa: E402
from sipauthctl.mechanisms.kerberos.credentials import (  # noqa: E402
    CacheSource,
    CredentialSource,
    KerberosLogin,
    KeytabSource,
    PasswordSource,
    default_realm,
    keytab_principal,
)
from sipauthctl.mechanisms.kerberos.initiator import KerberosInitiator  # noqa: E402

__all__ = ["CacheSource", "KeytabSource", "default_realm", "gssapi", "keytab_principal"]

SPN = "sip/hs1.litwareinc.com"
NED = PasswordSource(KerberosName("ned"), "Litware-Ned-1", (AES, RC4))
LIMIT = 20.0

_T = TypeVar("_T")


def now() -> datetime:
    return datetime.now(UTC)


def password(user: str, text: str | None = None, realm: str = "") -> PasswordSource:
    return PasswordSource(KerberosName(user, realm), f"Litware-{user.title()}-1" if text is None else text, (AES,))


def acceptor(kdc: Kdc, host: str = "hs1.litwareinc.com") -> KerberosAcceptor:
    return KerberosAcceptor(kdc.keytab, kdc.principal(host), replay_cache=kdc.replay_cache, now=now)


async def initiated(source: CredentialSource = NED, spn: str = SPN) -> tuple[KerberosInitiator, bytes]:
    """An initiator that has its context, and its token. The tickets are forgotten, as at the end of a run."""
    with KerberosLogin(source) as login:
        initiator = KerberosInitiator(login, spn, cleared=TICKET, now=now)
        await initiator.prepare(LIMIT)
    return initiator, initiator.step(None)


async def refused(source: CredentialSource = NED, spn: str = SPN) -> KerberosFailure:
    """How signing in fails."""
    with pytest.raises(KerberosFailure) as caught:
        await initiated(source, spn)
    return caught.value


@dataclass
class Both:
    """Two contexts of one handshake."""

    initiator: KerberosInitiator
    acceptor: KerberosAcceptor
    token: bytes


async def agreed(kdc: Kdc, source: CredentialSource = NED) -> Both:
    initiator, token = await initiated(source)
    server = acceptor(kdc)
    assert server.step(token) is None
    return Both(initiator, server, token)


def with_kdc(work: Callable[[Kdc], Awaitable[_T]], settings: KdcSettings | None = None) -> _T:
    """Runs `work` beside a KDC whose krb5.conf holds in this process."""

    async def main() -> _T:
        async with Kdc(settings or KdcSettings()) as kdc:
            with use_configuration(kdc.configuration):
                return await work(kdc)

    return asyncio.run(main())


def save_cache(path: Path, user: str = "ned", seconds: int | None = None) -> tuple[int, int, int]:
    """Writes a credential cache as kinit does; gives the ticket's authtime, starttime and endtime.

    `seconds` is how long the ticket is to live.
    """
    context = krb5.init_context()
    principal = krb5.parse_name_flags(context, user.encode())
    options = krb5.get_init_creds_opt_alloc(context)
    if seconds is not None:
        krb5.get_init_creds_opt_set_tkt_life(options, seconds)
    secret = f"Litware-{user.title()}-1".encode()
    ticket = krb5.get_init_creds_password(context, principal, options, password=secret)
    cache = krb5.cc_resolve(context, b"FILE:" + bytes(path))
    krb5.cc_initialize(context, cache, ticket.client)
    krb5.cc_store_cred(context, cache, ticket)
    return ticket.times.authtime, ticket.times.starttime, ticket.times.endtime
