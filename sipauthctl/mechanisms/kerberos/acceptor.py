"""The server's side of Kerberos: checks the client's one token with a keytab, RFC 4120 3.2.3."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import gssapi

from sipauthctl.mechanisms.base import MalformedToken, Scheme
from sipauthctl.mechanisms.kerberos.context import KerberosContext
from sipauthctl.mechanisms.kerberos.errors import KerberosCause, KerberosFailure, Phase
from sipauthctl.mechanisms.kerberos.token import check_initial_token
from sipauthctl.mechanisms.kerberos.translation import translated


class KerberosAcceptor:
    """One logon.

    Args:
        keytab: a file with the service's key.
        principal: the service, as `sip/<FQDN>@<REALM>`; tickets for other services in the keytab are refused.
        replay_cache: a file that remembers the tokens seen, shared by all acceptors of the service.
        now: the time in UTC.
    """

    scheme = Scheme.KERBEROS

    def __init__(self, keytab: Path, principal: str, *, replay_cache: Path, now: Callable[[], datetime]) -> None:
        self._keytab = keytab
        self._principal = principal
        self._replay_cache = replay_cache
        self._now = now
        self.context: KerberosContext | None = None
        self.peer: str | None = None

    def step(self, token: bytes) -> bytes | None:
        """Takes the client's token; None, as no answer is due without mutual authentication.

        Raises:
            MalformedToken: the token is not one of Kerberos, or is damaged.
            KerberosFailure: the ticket is refused.
        """
        check_initial_token(token)
        context = gssapi.SecurityContext(creds=self._credentials(), usage="accept")
        try:
            with translated(Phase.ACCEPT, self._doing):
                context.step(token)
                self.peer = str(context.initiator_name)
        except KerberosFailure as error:
            # libkrb5 has no code of its own for an AP-REQ that cannot be read.
            if error.cause is KerberosCause.OTHER:
                raise MalformedToken(f"the Kerberos token is damaged ({error})") from None
            raise
        self.context = KerberosContext(context, self._now)
        return None

    @property
    def _doing(self) -> str:
        return f"accepting a ticket for {self._principal}"

    def _credentials(self) -> gssapi.Credentials:
        with translated(Phase.ACCEPT, self._doing):
            return gssapi.Credentials(
                name=gssapi.Name(self._principal, gssapi.NameType.kerberos_principal),
                usage="accept",
                mechs=[gssapi.MechType.kerberos],
                store={"keytab": f"FILE:{self._keytab}", "rcache": f"file2:{self._replay_cache}"},
            )
