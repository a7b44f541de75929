"""Kerberos logons of a run: one for each logon name, shared by all checks, so that none is tried twice."""

from __future__ import annotations

from sipauthctl.doctor.case import Case
from sipauthctl.mechanisms.base import MechanismError
from sipauthctl.mechanisms.kerberos.availability import unavailable_reason
from sipauthctl.mechanisms.kerberos.errors import KerberosCause, KerberosFailure
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.probe.initiators import InitiatorMaker, kerberos_maker, kerberos_source

_COUNTED = frozenset(
    {
        KerberosCause.WRONG_PASSWORD,
        KerberosCause.ACCOUNT_EXPIRED,
        KerberosCause.PASSWORD_EXPIRED,
        KerberosCause.CLIENT_REVOKED,
    }
)

CLIENT_SIDE = frozenset(
    {
        "kdc-not-found",
        "kdc-unreachable",
        "no-ticket",
        "ticket-expired",
        "kerberos-unavailable",
        "client-domain-differs",
    }
)
"""Findings that stand between this computer and its KDC. They are no more than warnings where NTLM works instead; the
others are faults of the deployment, which other clients meet too."""


def kerberos_initiators(case: Case, name: LogonName) -> InitiatorMaker | str:
    """What makes the initiators for a logon name, or one sentence on why Kerberos cannot be tried."""
    given = case.asked.credentials
    if not given.given:
        return "no credentials were given"
    reason = unavailable_reason()
    if reason is not None:
        return reason
    from sipauthctl.mechanisms.kerberos.credentials import KerberosLogin, default_realm
    from sipauthctl.mechanisms.kerberos.names import kerberos_name

    login = case.logins.get(name.text)
    if login is None:
        try:
            principal = kerberos_name(name, default_realm() or (case.domain.dns or case.sip_domain).upper())
        except ValueError as error:
            return str(error)
        source = kerberos_source(
            principal,
            password=given.password,
            cache=given.cache,
            keytab=given.keytab,
            name_given=case.asked.name_given,
        )
        login = case.logins[name.text] = case.tools.closing.enter_context(KerberosLogin(source))
    return kerberos_maker(login, now=case.tools.now)


def note_failure(case: Case, error: MechanismError) -> None:
    """Reports a Kerberos failure to the attempts where it counts as a failed sign-in."""
    if isinstance(error, KerberosFailure) and error.cause in _COUNTED:
        case.attempts.failed("the KDC refused to sign the user in")
