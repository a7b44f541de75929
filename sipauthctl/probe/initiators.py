"""What makes the initiators of a sign-in: for each offer a new one, with the same credentials."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sipauthctl.association.offers import Offer
from sipauthctl.association.spn import Spn
from sipauthctl.mechanisms.base import Initiator
from sipauthctl.mechanisms.kerberos.availability import unavailable_reason
from sipauthctl.mechanisms.kerberos.names import KerberosName
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.initiator import NtlmInitiator
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret
from sipauthctl.probe.realms import KdcPlace, NoLogon, Realms
from sipauthctl.trust import REMEDY, Clearance, Credential, Origin, Withheld

if TYPE_CHECKING:
    from sipauthctl.mechanisms.kerberos.credentials import CredentialSource, KerberosLogin

InitiatorMaker = Callable[[Offer, Clearance], Awaitable[Initiator]]
"""Needs the leave to send what the initiator makes, so that none can be made without asking for it.

It may raise MechanismError: the mechanism cannot be used for this user.
"""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What there is to sign in with; all empty where nothing was given.

    Attributes:
        password: NTLM needs it.
        cache: a credential cache as libkrb5 names it, "" the user's default one.
        keytab: the user's.
    """

    password: str | None = field(default=None, repr=False)
    cache: str | None = None
    keytab: Path | None = None

    @property
    def given(self) -> bool:
        """Whether there is anything at all."""
        return self.password is not None or self.cache is not None or self.keytab is not None


def ntlm_maker(name: LogonName, password: str, *, workstation: str, now: Callable[[], datetime]) -> InitiatorMaker:
    """NTLM with a password. `workstation` is this computer's NetBIOS name; `now` gives the time in UTC."""
    secret = NtlmSecret.from_password(password)

    async def make(offer: Offer, cleared: Clearance) -> Initiator:
        return NtlmInitiator(
            name, secret, cleared=cleared, workstation=workstation, now=now, token_bytes=secrets.token_bytes
        )

    return make


def kerberos_maker(
    login: Callable[[Offer], Awaitable[KerberosLogin]], *, now: Callable[[], datetime]
) -> InitiatorMaker:
    """Kerberos with the tickets of the logon that `login` gives. It must not be called where Kerberos cannot run."""
    from sipauthctl.mechanisms.kerberos.errors import KerberosCause, KerberosFailure
    from sipauthctl.mechanisms.kerberos.initiator import KerberosInitiator

    async def make(offer: Offer, cleared: Clearance) -> Initiator:
        # The choice of an offer has checked that it is a service principal name.
        spn = Spn.parse(offer.targetname or "")
        try:
            made = await login(offer)
        except NoLogon as error:
            words = f"{error}; Kerberos takes the DNS name of the domain, as in domain.example.com\\user"
            raise KerberosFailure(KerberosCause.KDC_NOT_FOUND, 0, words) from None
        name = spn.text if spn is not None else offer.targetname or ""
        return KerberosInitiator(made, name, cleared=cleared, now=now)

    return make


async def kerberos_login(
    realms: Realms,
    name: LogonName,
    given: Credentials,
    closing: ExitStack,
    *,
    name_given: bool,
    known: tuple[KerberosName, KdcPlace] | None = None,
) -> KerberosLogin:
    """The logon of a user. libkrb5 asks the KDC that the run has found: by itself it knows no name server but this
    computer's.

    Args:
        realms: finds realm and KDC.
        name: who signs in, where tickets do not tell.
        given: whatever there is.
        closing: closed at the end of the run.
        name_given: the user asked for this name; else the first one in the keytab signs in.
        known: the principal, and the KDC that knows it, where that was asked before.

    Raises:
        NoLogon: the realm is not known, or may not have a credential.
    """
    from sipauthctl.mechanisms.kerberos.configuration import first_ticket_configuration, private_configuration
    from sipauthctl.mechanisms.kerberos.credentials import CacheSource, KerberosLogin

    holder, witness = holder_of(given, name_given=name_given), realms.trust.witness
    if given.cache is not None and holder is None:  # why not shows when the tickets are read
        return closing.enter_context(KerberosLogin(CacheSource(given.cache or None), witness=witness))
    principal = holder or (known[0] if known is not None else await realms.principal(name))
    referred = await realms.referred(principal)
    # Whoever gives a keytab names the realm of its first principal.
    named_by = Origin.USER if given.keytab is not None and holder is not None else Origin.PEER
    source = _source(realms, principal, tuple(referred or ()), given, named_by)
    located_by = realms.located_by(principal.realm)
    if located_by is not Origin.COMPUTER:
        same = known is not None and known[0].realm == principal.realm
        places = (known[1],) if known is not None and same else (await realms.find(principal.realm)).kdcs
        kdcs = [(place.address, place.port) for place in places] or ([realms.kdc] if realms.kdc is not None else [])
        if kdcs:
            instead = located_by is Origin.USER
            try:
                closing.enter_context(private_configuration(principal.realm, kdcs, instead=instead))
            except ValueError as error:
                raise NoLogon(str(error)) from None
    try:
        first_ticket = closing.enter_context(first_ticket_configuration(referred))
    except ValueError as error:
        raise NoLogon(str(error)) from None
    return closing.enter_context(KerberosLogin(source, first_ticket, witness))


def holder_of(given: Credentials, *, name_given: bool) -> KerberosName | None:
    """Who signs in where the credentials tell: whoever holds the tickets, or without a name of the user's wish the
    first principal of the keytab; None where they do not."""
    if given.keytab is None or given.cache is not None:
        return ticket_holder(given.cache)
    if name_given or unavailable_reason() is not None:
        return None
    from sipauthctl.mechanisms.kerberos.credentials import keytab_principal

    return _name(keytab_principal(given.keytab))


def ticket_holder(cache: str | None) -> KerberosName | None:
    """Whose tickets a credential cache holds; None without one. `cache` is as in `Credentials`."""
    if cache is None or unavailable_reason() is not None:
        return None
    from sipauthctl.mechanisms.kerberos.credentials import cache_principal

    return _name(cache_principal(cache or None))


def _name(principal: str | None) -> KerberosName | None:
    user, _, realm = (principal or "").rpartition("@")
    return KerberosName(user, realm) if user else None


def _source(
    realms: Realms, principal: KerberosName, referred: tuple[str, ...], given: Credentials, named_by: Origin
) -> CredentialSource:
    """A cache before a keytab before a password. `referred` are the realms that a referral may lead to, `named_by` is
    who named that of the principal.

    Raises:
        NoLogon: the realm may not have a timestamp.
    """
    from sipauthctl.mechanisms.kerberos.credentials import CacheSource, KeytabSource, PasswordSource

    if given.cache is not None:
        return CacheSource(given.cache or None)
    cleared = realms.clear(Credential.AES_TIMESTAMP, principal.realm, named_by)
    if isinstance(cleared, Withheld):  # a realm comes from the user or this computer, so that this is not expected
        raise NoLogon(f"neither you nor this computer named the realm {principal.realm} ({REMEDY[cleared]})")
    with_rc4 = [realms.clear(Credential.RC4_TIMESTAMP, principal.realm, named_by)]
    with_rc4 += [realms.clear(Credential.RC4_TIMESTAMP, realm) for realm in referred]
    rc4 = [one for one in with_rc4 if isinstance(one, Clearance)]
    leave = (cleared, *rc4) if len(rc4) == len(with_rc4) else (cleared,)
    if given.keytab is not None:
        return KeytabSource(given.keytab, principal, leave)
    return PasswordSource(principal, given.password or "", leave)
