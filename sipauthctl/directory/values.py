"""Values of Active Directory's attributes, [MS-ADTS] and [MS-SAMR]; no input or output."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import IntFlag

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = 0x7FFFFFFFFFFFFFFF
_GENERALIZED = re.compile(r"(\d{14})(?:\.\d+)?Z")
_NUMBER = re.compile(r"-?\d{1,20}")
_HOURS_BYTES = 21
_SUNDAY = 6  # datetime's weekday of the day that logonHours begins with


PROTECTED_USERS = 525
"""The relative identifier of the group Protected Users, [MS-DTYP] 2.4.2.4."""


class AccountControl(IntFlag):
    """Bits of userAccountControl and msDS-User-Account-Control-Computed, [MS-ADTS] 2.2.16."""

    DISABLED = 0x2
    LOCKED_OUT = 0x10  # computed
    PASSWORD_NEVER_EXPIRES = 0x10000
    PASSWORD_EXPIRED = 0x800000  # computed


class KeyTypes(IntFlag):
    """Bits of msDS-SupportedEncryptionTypes, [MS-KILE] 2.2.7."""

    DES_CRC = 0x1
    DES_MD5 = 0x2
    RC4 = 0x4
    AES128 = 0x8
    AES256 = 0x10


def number(text: str) -> int:
    """A whole number, 0 for an attribute that is missing or damaged."""
    return int(text) if _NUMBER.fullmatch(text) else 0


def filetime(text: str) -> datetime | None:
    """A time in units of 100 ns since 1601, in UTC; None for never and for values beyond the calendar."""
    value = number(text)
    if value <= 0 or value >= _NEVER:
        return None
    try:
        return _EPOCH + timedelta(microseconds=value // 10)
    except OverflowError:
        return None


def generalized_time(text: str) -> datetime | None:
    """A time such as `20261123145935.0Z`, RFC 4517 3.3.13; None for one of another form."""
    match = _GENERALIZED.fullmatch(text)
    try:
        return datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC) if match is not None else None
    except ValueError:
        return None


def may_sign_in(hours: bytes | None, now: datetime) -> bool:
    """Whether logonHours allow the time, [MS-SAMR] 2.2.6.5: one bit an hour of the week, from Sunday 00:00 UTC, the
    lowest bit of a byte first. Without hours, or with hours of another length, every time is allowed."""
    if hours is None or len(hours) != _HOURS_BYTES:
        return True
    day = (now.weekday() - _SUNDAY) % 7
    hour = day * 24 + now.hour
    return bool(hours[hour // 8] >> (hour % 8) & 1)


def sid_in_domain(sid: bytes, relative: int) -> bytes:
    """The SID of another object of the same domain, [MS-DTYP] 2.4.2.2; empty for one that is damaged."""
    return sid[:-4] + relative.to_bytes(4, "little") if _is_sid(sid) else b""


def sid_text(sid: bytes) -> str:
    """A SID as `S-1-5-21-...`, [MS-DTYP] 2.4.2.1; empty for one that is damaged."""
    if not _is_sid(sid):
        return ""
    numbers = [int.from_bytes(sid[at : at + 4], "little") for at in range(8, len(sid), 4)]
    return "-".join(["S", str(sid[0]), str(int.from_bytes(sid[2:8], "big")), *map(str, numbers)])


def _is_sid(sid: bytes) -> bool:
    return len(sid) >= 12 and len(sid) == 8 + 4 * sid[1]
