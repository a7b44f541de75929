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

    @property
    def offset(self) -> timedelta:
        """The skew, to be added to a time of ours to have the server's."""
        return timedelta(seconds=self.skew_seconds)

    def surely_exceeds(self, limit: timedelta) -> bool:
        """Whether the skew is beyond `limit` whatever the uncertainty hides."""
        return abs(self.skew_seconds) - self.uncertainty_seconds > limit.total_seconds()

    def surely_within(self, limit: timedelta) -> bool:
        """Whether the skew is at most `limit` whatever the uncertainty hides."""
        return abs(self.skew_seconds) + self.uncertainty_seconds <= limit.total_seconds()


def server_date(message: Message) -> datetime | None:
    """The Date header in UTC, None when there is none.

    Raises:
        ParseError: it is not an RFC 1123 date.
    """
    text = message.headers.get("Date")
    return None if text is None else read_date(text)


def read_date(text: str) -> datetime:
    """The value of a Date header in UTC.

    Raises:
        ParseError: it is not an RFC 1123 date.
    """
    try:
        date = parsedate_to_datetime(text)
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        raise ParseError(f"Date is not an RFC 1123 date: {text[:60]!a}") from None


def read_clock(date: datetime, sent: datetime, received: datetime) -> ClockReading:
    """Compares a server's Date with our clock when the request left and when the answer came (all UTC).

    Date has whole seconds, cut or rounded, hence half a second is added and one second of uncertainty.
    """
    reading = read_exact_clock(date + timedelta(milliseconds=500), sent, received)
    return ClockReading(reading.skew_seconds, reading.uncertainty_seconds + 1.0)


def read_exact_clock(time: datetime, sent: datetime, received: datetime) -> ClockReading:
    """The same for a time without rounding, such as MsvAvTimestamp.

    The server read its clock somewhere between the two moments: the middle is taken, half the round trip is uncertain.
    """
    half = (received - sent) / 2
    return ClockReading((time - (sent + half)).total_seconds(), half.total_seconds())
