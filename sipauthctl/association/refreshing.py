"""When a registration has to be refreshed, and a connection to be kept alive: rules on what the server asked for."""

from __future__ import annotations

import re
from contextlib import suppress

from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Response
from sipauthctl.sip.name_addr import NameAddr
from sipauthctl.sip.numbers import decimal

REFRESH_MARGIN = 30.0
"""Seconds between a refresh and the end of the registration, for an answer that is late or a new connection."""

DEFAULT_GRANTED = 3600  # RFC 3261 10.2.1.1, where an answer names no time at all
SHORT_GRANTED = 60
"""Below that many seconds a registration costs more than it is good for."""

_MOST_SECONDS = 10**10 - 1
_TIMEOUT = re.compile(r";\s*timeout\s*=\s*\"?([0-9]{1,6})", re.IGNORECASE)


def granted_seconds(response: Response) -> int:
    """For how long a 200 registers, `DEFAULT_GRANTED` where it does not tell."""
    told = told_seconds(response)
    return DEFAULT_GRANTED if told is None else told


def told_seconds(response: Response) -> int | None:
    """For how long a 200 says that it registers: its Expires, else the parameter of its first Contact that has one."""
    told = decimal(response.headers.get("Expires"), _MOST_SECONDS)
    if told is not None:
        return told
    contacts: tuple[NameAddr, ...] = ()
    with suppress(SipError):
        contacts = NameAddr.parse_list(response.headers.values("Contact"))
    numbers = (decimal(contact.param("expires"), _MOST_SECONDS) for contact in contacts)
    return next((number for number in numbers if number is not None), None)


def refresh_after(granted: float) -> float:
    """Seconds from a REGISTER to its refresh: `REFRESH_MARGIN` before the end, and never later than at half of a
    registration that lives shorter than two of them."""
    return max(granted - REFRESH_MARGIN, granted / 2)


def keep_alive_after(response: Response) -> float | None:
    """Seconds between keep-alives: half of the timeout in ms-keep-alive, so that one may be lost ([MS-CONMGMT] 2.2.1);
    None where the server asks for none."""
    match = _TIMEOUT.search(response.headers.get("ms-keep-alive") or "")
    return max(1.0, int(match[1]) / 2) if match is not None else None
