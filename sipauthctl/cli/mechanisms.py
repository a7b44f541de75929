"""Which mechanisms can run, and with what credentials."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sipauthctl.association.offers import Offer
from sipauthctl.cli.errors import CannotRun
from sipauthctl.cli.user import Subject
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.kerberos.availability import unavailable_reason
from sipauthctl.probe.initiators import InitiatorMaker, kerberos_login, kerberos_maker, ntlm_maker
from sipauthctl.probe.realms import Realms, domain_of

if TYPE_CHECKING:
    from sipauthctl.mechanisms.kerberos.credentials import KerberosLogin

NETBIOS_NAME_LENGTH = 15

InitiatorMakers = dict[Scheme, InitiatorMaker]


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


def mechanisms(subject: Subject, realms: Realms, stack: ExitStack) -> Mechanisms:
    """The initiators for this run; what Kerberos needs is held open on `stack`, which the end of the run closes.

    Raises:
        CannotRun: Kerberos was demanded and cannot run.
    """
    makers: InitiatorMakers = {}
    password, auth = subject.credentials.password, subject.request.auth
    if password is not None:
        makers[Scheme.NTLM] = ntlm_maker(subject.name, password, workstation=workstation(), now=now)
    if auth == "ntlm":
        return Mechanisms(makers, "")
    reason = unavailable_reason()
    if reason is not None:
        if auth == "kerberos" or password is None:
            raise CannotRun(reason)
        return Mechanisms(makers, reason)
    logins: list[KerberosLogin] = []

    async def login(offer: Offer) -> KerberosLogin:
        """That of the run: the first server to offer Kerberos may tell the realm."""
        if not logins:
            known = replace(realms, server=domain_of([offer]))
            given = subject.request.username is not None
            made = await kerberos_login(known, subject.name, subject.credentials, stack, name_given=given)
            logins.append(made)
        return logins[0]

    makers[Scheme.KERBEROS] = kerberos_maker(login, now=now)
    return Mechanisms(makers, "")
