"""What makes the initiators of a sign-in: for each offer a new one, with the same credentials."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sipauthctl.association.offers import Offer
from sipauthctl.association.spn import Spn
from sipauthctl.mechanisms.base import Initiator
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.initiator import NtlmInitiator
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret
from sipauthctl.trust import Clearance, Credential, Destination, Origin, Trust, Withheld

if TYPE_CHECKING:
    from sipauthctl.mechanisms.kerberos.credentials import CredentialSource, KerberosLogin
    from sipauthctl.mechanisms.kerberos.names import KerberosName

InitiatorMaker = Callable[[Offer, Clearance], Initiator]
"""Needs the leave to send what the initiator makes, so that none can be made without asking for it."""


def ntlm_maker(name: LogonName, password: str, *, workstation: str, now: Callable[[], datetime]) -> InitiatorMaker:
    """NTLM with a password. `workstation` is this computer's NetBIOS name; `now` gives the time in UTC."""
    secret = NtlmSecret.from_password(password)

    def make(offer: Offer, cleared: Clearance) -> Initiator:
        return NtlmInitiator(name, secret, workstation=workstation, now=now, token_bytes=secrets.token_bytes)

    return make


def kerberos_maker(login: KerberosLogin, *, now: Callable[[], datetime]) -> InitiatorMaker:
    """Kerberos with the tickets of one logon. It must not be called where Kerberos cannot run."""
    from sipauthctl.mechanisms.kerberos.initiator import KerberosInitiator

    def make(offer: Offer, cleared: Clearance) -> Initiator:
        # The choice of an offer has checked that it is a service principal name.
        spn = Spn.parse(offer.targetname or "")
        return KerberosInitiator(login, spn.text if spn is not None else offer.targetname or "", now=now)

    return make


def kerberos_source(
    name: KerberosName,
    *,
    password: str | None,
    cache: str | None,
    keytab: Path | None,
    name_given: bool,
    trust: Trust,
    located_by: Origin,
) -> CredentialSource | Withheld:
    """Where the tickets come from, a cache before a keytab before a password, or why the realm gets no timestamp.

    Args:
        name: who signs in.
        password: None where there is none.
        cache: as libkrb5 names it, "" for the user's default one.
        keytab: the user's.
        name_given: the user asked for this name; else the first one in the keytab signs in.
        trust: asked before a key of the user's is used at a KDC.
        located_by: who names the KDC of the realm.
    """
    from sipauthctl.mechanisms.kerberos.credentials import CacheSource, KeytabSource, PasswordSource

    if cache is not None:
        return CacheSource(cache or None)
    to = Destination(name.realm, Origin.PEER, located_by=located_by)
    cleared = trust.clear(Credential.AES_TIMESTAMP, to)
    if isinstance(cleared, Withheld):
        return cleared
    rc4 = isinstance(trust.clear(Credential.RC4_TIMESTAMP, to), Clearance)
    if keytab is not None:
        return KeytabSource(keytab, name if name_given else None, rc4)
    return PasswordSource(name, password or "", rc4)
