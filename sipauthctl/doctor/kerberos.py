"""Kerberos logons of a run: one for each logon name, shared by all checks, so that none is tried twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipauthctl.doctor.case import Case
from sipauthctl.doctor.this_machine import realms_of
from sipauthctl.findings import catalogue
from sipauthctl.mechanisms.base import MechanismError
from sipauthctl.mechanisms.kerberos.availability import unavailable_reason
from sipauthctl.mechanisms.kerberos.names import KerberosName
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.probe import initiators
from sipauthctl.probe.initiators import InitiatorMaker, kerberos_maker
from sipauthctl.probe.realms import NoLogon, Realms

if TYPE_CHECKING:
    from sipauthctl.mechanisms.kerberos.credentials import KerberosLogin


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


def principals(case: Case, realms: Realms) -> tuple[KerberosName, ...]:
    """Who the user may be in Kerberos, the likeliest first: whom the credentials tell, else what the logon name tells.

    Raises:
        ValueError: the name has a NUL.
    """
    holder = initiators.holder_of(case.asked.credentials, name_given=case.asked.name_given)
    return (holder,) if holder is not None else realms.principals(case.asked.probe.logon_name)


def kerberos_initiators(case: Case, name: LogonName) -> InitiatorMaker | str:
    """What makes the initiators for a logon name, or one sentence on why Kerberos cannot run here."""
    reason = unavailable_reason()
    return reason or kerberos_maker(lambda offer: kerberos_login(case, name), now=case.tools.now)


async def kerberos_login(case: Case, name: LogonName) -> KerberosLogin:
    """The logon of a logon name.

    Raises:
        NoLogon: the name cannot be used for Kerberos, or Kerberos cannot run here.
    """
    reason = unavailable_reason()
    if reason is not None:
        raise NoLogon(reason)
    login = case.logins.get(name.text)
    if login is None:
        asked = case.asked
        talk = case.kdc if name == asked.probe.logon_name else None
        login = await initiators.kerberos_login(
            await realms_of(case),
            name,
            asked.credentials,
            case.tools.closing,
            name_given=asked.name_given,
            known=(talk.name, talk.place) if talk is not None else None,
        )
        case.logins[name.text] = login
    return login


def note_failure(case: Case, error: MechanismError) -> None:
    """Reports a Kerberos failure to the attempts where it counts as a failed sign-in."""
    if error.account_refused:
        case.attempts.failed("the KDC refused to sign the user in")
