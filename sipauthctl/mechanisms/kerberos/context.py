"""An established Kerberos context: MIC tokens of RFC 4121 4.2.6.1, or of RFC 4757 7.3 with RC4."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import gssapi
from gssapi.raw.misc import GSSError

from sipauthctl.mechanisms.kerberos.errors import Phase
from sipauthctl.mechanisms.kerberos.translation import translated

# GSS-API's own watch on the order of messages, RFC 2743 1.2.3; the association has its window for that.
_OUT_OF_ORDER = gssapi.exceptions.SupplementaryError


class KerberosContext:
    """Signs and verifies.

    Args:
        context: established.
        now: the time in UTC.
    """

    def __init__(self, context: gssapi.SecurityContext, now: Callable[[], datetime]) -> None:
        self._context = context
        with translated(Phase.TICKET, "reading the ticket's end"):
            self._expires = now() + timedelta(seconds=context.lifetime)

    @property
    def expires(self) -> datetime | None:
        """When the ticket ends, in UTC; at the server 5 minutes later, which libkrb5 grants for skew."""
        return self._expires

    def sign(self, data: bytes) -> bytes:
        """The MIC token over `data`.

        Raises:
            KerberosFailure: the ticket has expired.
        """
        with translated(Phase.TICKET, "signing a message"):
            signature: bytes = self._context.get_signature(data)
            return signature

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether the peer made this MIC token over `data`."""
        try:
            self._context.verify_signature(data, signature)
        except _OUT_OF_ORDER:
            return True
        except GSSError:
            return False
        return True
