"""The server's clock from the Date header of its answers, [MS-SIP] 2.2.1 and RFC 3261 20.17."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from sipauthctl.sip.errors import ParseError
from sipauthctl.sip.message import Message

KERBEROS_SKEW_LIMIT = timedelta(minutes=5)  # RFC 4120 1.6, the default of Active Directory
NTLM_SKEW_LIMIT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class ClockReading:
    """The server's clock minus ours, positive when the server is ahead; the truth lies within the uncertainty."""

    skew_seconds: float
    uncertainty_seconds: float

    def surely_exceeds(self, limit: timedelta) -> bool:
        """Whether the skew is beyond `limit` whatever the uncertainty hides."""
        return abs(self.skew_seconds) - self.uncertainty_seconds > limit.total_seconds()


def server_date(message: Message) -> datetime | None:
    """The Date header in UTC, None when there is none.

    Raises:
        ParseError: it is not an RFC 1123 date.
    """
    text = message.headers.get("Date")
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text).replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        raise ParseError(f"Date is not an RFC 1123 date: {text[:60]!a}") from None


def read_clock(date: datetime, sent: datetime, received: datetime) -> ClockReading:
    """Compares a server's Date with our clock when the request left and when the answer came (all UTC).

    The server wrote Date somewhere between the two, in whole seconds, cut or rounded: so the middle is taken, and the
    uncertainty is one second and half the round trip.
    """
    middle = sent + (received - sent) / 2
    skew = date + timedelta(milliseconds=500) - middle
    return ClockReading(skew.total_seconds(), 1.0 + (received - sent).total_seconds() / 2)
