"""The client's side of Kerberos: one token with the AP-REQ, [MS-SIPAE] 3.2.5.1 and RFC 4121 4.1."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import gssapi

from sipauthctl.mechanisms.base import MalformedToken, Scheme
from sipauthctl.mechanisms.kerberos.blocking import in_thread
from sipauthctl.mechanisms.kerberos.context import KerberosContext
from sipauthctl.mechanisms.kerberos.credentials import KerberosLogin
from sipauthctl.mechanisms.kerberos.errors import KDC_UNREACHABLE, KerberosCause, KerberosFailure, Phase, failure
from sipauthctl.mechanisms.kerberos.token import ticket_key_type
from sipauthctl.mechanisms.kerberos.translation import translated
from sipauthctl.trust import Clearance, Credential


class KerberosInitiator:
    """One handshake. Integrity alone is asked for; there is no mutual authentication on this wire.

    Args:
        login: the user's credentials.
        spn: the service, as `sip/<FQDN>`. Check it against the policy first: a ticket is asked for whatever it names.
        cleared: the leave to send the ticket.
        now: the time in UTC.
    """

    scheme = Scheme.KERBEROS

    def __init__(self, login: KerberosLogin, spn: str, *, cleared: Clearance, now: Callable[[], datetime]) -> None:
        self._login = login
        self._spn = spn
        self._cleared = cleared
        self._now = now
        self._token: bytes | None = None
        self.context: KerberosContext | None = None

    @property
    def client(self) -> str | None:
        """Who signs in, as `user@REALM`, once that is known."""
        return self._login.client

    @property
    def ticket_type(self) -> int | None:
        """The encryption type of the ticket, see `token.ticket_key_type`, once there is one."""
        return ticket_key_type(self._token) if self._token is not None else None

    async def prepare(self, limit: float) -> None:
        """Makes the token without blocking the event loop, so that `step` has it ready.

        Args:
            limit: in seconds; libkrb5 by itself waits half a minute for a KDC that stays silent.

        Raises:
            KerberosFailure: no token can be made, or not in time.
        """
        try:
            self._token, self.context = await in_thread(self._make, limit)
        except TimeoutError:
            words = f"no answer within {limit:g} s"
            raise failure(KerberosCause.KDC_UNREACHABLE, KDC_UNREACHABLE, self._doing, words) from None

    def step(self, token: bytes | None) -> bytes:
        """The only token. Blocks while the KDC is asked, unless `prepare` was called.

        Raises:
            KerberosFailure: no token can be made.
            MalformedToken: the server sent a token of its own, which without mutual authentication it must not.
        """
        if token is not None:
            raise MalformedToken("the server sent a Kerberos token, where the handshake has only the client's")
        if self._token is None:
            self._token, self.context = self._make()
        return self._token

    @property
    def _doing(self) -> str:
        return f"asking a ticket for {self._spn}"

    def _make(self) -> tuple[bytes, KerberosContext]:
        try:
            return self._make_once()
        except KerberosFailure as error:
            if error.cause is not KerberosCause.TICKET_EXPIRED:
                raise
        self._login.renew()  # the tickets of an earlier handshake have ended meanwhile
        return self._make_once()

    def _make_once(self) -> tuple[bytes, KerberosContext]:
        credentials = self._login.credentials()
        with translated(Phase.TICKET, self._doing):
            # An empty realm lets libkrb5 and the KDC find the service's (RFC 6806).
            name = gssapi.Name(f"{self._spn}@", gssapi.NameType.kerberos_principal)
            context = gssapi.SecurityContext(
                name=name,
                creds=credentials,
                usage="initiate",
                mech=gssapi.MechType.kerberos,
                flags=gssapi.RequirementFlag.integrity,
            )
            token = context.step() or b""
        return self._cleared.release(Credential.SERVICE_TICKET, token), KerberosContext(context, self._now)
