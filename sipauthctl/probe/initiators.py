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

if TYPE_CHECKING:
    from sipauthctl.mechanisms.kerberos.credentials import CredentialSource, KerberosLogin
    from sipauthctl.mechanisms.kerberos.names import KerberosName

InitiatorMaker = Callable[[Offer], Initiator]


def ntlm_maker(name: LogonName, password: str, *, workstation: str, now: Callable[[], datetime]) -> InitiatorMaker:
    """NTLM with a password. `workstation` is this computer's NetBIOS name; `now` gives the time in UTC."""
    secret = NtlmSecret.from_password(password)
    return lambda offer: NtlmInitiator(name, secret, workstation=workstation, now=now, token_bytes=secrets.token_bytes)


def kerberos_maker(login: KerberosLogin, *, now: Callable[[], datetime]) -> InitiatorMaker:
    """Kerberos with the tickets of one logon. It must not be called where Kerberos cannot run."""
    from sipauthctl.mechanisms.kerberos.initiator import KerberosInitiator

    def make(offer: Offer) -> Initiator:
        # The choice of an offer has checked that it is a service principal name.
        spn = Spn.parse(offer.targetname or "")
        return KerberosInitiator(login, spn.text if spn is not None else offer.targetname or "", now=now)

    return make


def kerberos_source(
    name: KerberosName, *, password: str | None, cache: str | None, keytab: Path | None, name_given: bool
) -> CredentialSource:
    """Where the tickets come from: a cache before a keytab before a password.

    Args:
        name: who signs in.
        password: None where there is none.
        cache: as libkrb5 names it, "" for the user's default one.
        keytab: the user's.
        name_given: the user asked for this name; else the first one in the keytab signs in.
    """
    from sipauthctl.mechanisms.kerberos.credentials import CacheSource, KeytabSource, PasswordSource

    if cache is not None:
        return CacheSource(cache or None)
    if keytab is not None:
        return KeytabSource(keytab, name if name_given else None)
    return PasswordSource(name, password or "")
