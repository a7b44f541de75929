"""Kerberos logons of a run: one for each logon name, shared by all checks, so that none is tried twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipauthctl.doctor.case import Case
from sipauthctl.doctor.realms import located_by, principals
from sipauthctl.doctor.this_machine import machine_of, trust_of
from sipauthctl.findings import catalogue
from sipauthctl.mechanisms.base import MechanismError
from sipauthctl.mechanisms.kerberos.availability import unavailable_reason
from sipauthctl.mechanisms.kerberos.errors import KerberosCause, KerberosFailure
from sipauthctl.mechanisms.kerberos.names import KerberosName
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.probe.initiators import InitiatorMaker, kerberos_maker, kerberos_source
from sipauthctl.trust import REMEDY, Withheld

if TYPE_CHECKING:
    from sipauthctl.mechanisms.kerberos.credentials import KerberosLogin

_COUNTED = frozenset(
    {
        KerberosCause.WRONG_PASSWORD,
        KerberosCause.ACCOUNT_EXPIRED,
        KerberosCause.PASSWORD_EXPIRED,
        KerberosCause.CLIENT_REVOKED,
    }
)


def kdc_refusal(case: Case) -> str | None:
    """Why no sign-in is tried after what the KDC said of the account; None where one is."""
    if case.asked.all_attempts or "kdc" not in case.results:
        return None
    said = [item.id for item in case.results["kdc"].findings if _cannot_sign_in(item.id)]
    return (
        f"the KDC refuses the account ({said[0]}), and another try would count as a failed sign-in" if said else None
    )


def _cannot_sign_in(id_: str) -> bool:
    """Whether a finding of the KDC says that the account cannot sign in, whatever the scheme."""
    entry = catalogue()[id_]
    return entry.family == "account" and entry.fatal


class NoRealm(ValueError):
    """The logon name does not tell its realm; the text is one sentence without a final dot."""


async def kerberos_initiators(case: Case, name: LogonName) -> InitiatorMaker | str:
    """What makes the initiators for a logon name, or one sentence on why Kerberos cannot run here.

    Raises:
        NoRealm: the name cannot be used for Kerberos.
    """
    login = await kerberos_login(case, name)
    return login if isinstance(login, str) else kerberos_maker(login, now=case.tools.now)


async def kerberos_login(case: Case, name: LogonName) -> KerberosLogin | str:
    """The logon of a logon name, or one sentence on why Kerberos cannot run here.

    Raises:
        NoRealm: the name cannot be used for Kerberos.
    """
    reason = unavailable_reason()
    if reason is not None:
        return reason
    from sipauthctl.mechanisms.kerberos.credentials import KerberosLogin

    login = case.logins.get(name.text)
    if login is None:
        given = case.asked.credentials
        principal = await _principal(case, name)
        source = kerberos_source(
            principal,
            password=given.password,
            cache=given.cache,
            keytab=given.keytab,
            name_given=case.asked.name_given,
            trust=await trust_of(case),
            located_by=await located_by(case, principal.realm),
        )
        if isinstance(source, Withheld):
            return f"neither you nor this computer named the realm {principal.realm} ({REMEDY[source]})"
        await _share_kdc(case)
        login = case.logins[name.text] = case.tools.closing.enter_context(KerberosLogin(source))
    return login


async def _share_kdc(case: Case) -> None:
    """Lets libkrb5 ask the KDC that answered, where only the name server that the user gave knows it.

    libkrb5 asks the name servers of this computer, and would not find it.
    """
    if case.kdc is None or case.kdc_shared or case.asked.kdc is not None or case.asked.probe.nameserver is None:
        return
    from sipauthctl.mechanisms.kerberos.configuration import private_configuration

    place, realm = case.kdc.place, case.kdc.name.realm
    if (await machine_of(case)).krb5.kdcs.get(realm):
        return
    case.tools.closing.enter_context(private_configuration(realm, place.address, place.port))
    case.kdc_shared = True


async def _principal(case: Case, name: LogonName) -> KerberosName:
    """The one that the KDC was asked for, where it was asked for this name; else the likeliest.

    Raises:
        NoRealm: see there.
    """
    if case.kdc is not None and name == case.asked.probe.logon_name:
        return case.kdc.name
    try:
        possible = await principals(case, name)
    except ValueError as error:
        raise NoRealm(str(error)) from None
    if not possible:
        raise NoRealm(f"the Kerberos realm of the domain {name.domain} is not known")
    return possible[0]


def note_failure(case: Case, error: MechanismError) -> None:
    """Reports a Kerberos failure to the attempts where it counts as a failed sign-in."""
    if isinstance(error, KerberosFailure) and error.cause in _COUNTED:
        case.attempts.failed("the KDC refused to sign the user in")
