"""The registrar's table of who can be reached where, [MS-SIPREGE] 3.3: one binding per user and endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sipauthctl.sip.errors import ParseError, excerpt
from sipauthctl.sip.message import Request
from sipauthctl.sip.name_addr import NameAddr

DEFAULT_EXPIRES = 7200
MAXIMUM_EXPIRES = 7200
MOST_BINDINGS = 4096  # the oldest gives way


@dataclass(frozen=True, slots=True)
class Binding:
    """Where one endpoint of a user is reached, until when."""

    address_of_record: str
    epid: str
    contact: str
    expires: datetime
    peer: tuple[str, int]  # where its connection comes from


class Bindings:
    """All of them, by address-of-record and epid."""

    def __init__(self) -> None:
        self._table: dict[tuple[str, str], Binding] = {}

    def bind(
        self, address_of_record: str, request: Request, seconds: int, now: datetime, peer: tuple[str, int]
    ) -> Binding | None:
        """Enters, refreshes or (with 0 seconds) removes the endpoint's binding; gives the one that now stands.

        Raises:
            ParseError: From or Contact cannot be read.
        """
        epid = request.from_.param("epid") or ""
        key = (address_of_record, epid)
        if seconds == 0:
            self._table.pop(key, None)
            return None
        self._table = {k: b for k, b in self._table.items() if b.expires > now}
        if len(self._table) >= MOST_BINDINGS:
            del self._table[next(iter(self._table))]
        contact = next(iter(NameAddr.parse_list(request.headers.values("Contact"))), None)
        uri = contact.uri if contact is not None else ""
        self._table[key] = Binding(address_of_record, epid, uri, now + timedelta(seconds=seconds), peer)
        return self._table[key]

    def clear(self) -> None:
        """Forgets all of them, as a restart does."""
        self._table.clear()

    def current(self, now: datetime) -> tuple[Binding, ...]:
        """Those that have not expired."""
        return tuple(binding for binding in self._table.values() if binding.expires > now)


def requested_expires(request: Request, maximum: int = MAXIMUM_EXPIRES) -> int:
    """The lifetime that a REGISTER asks for, in seconds, cut to `maximum`; RFC 3261 10.2.1.1.

    Raises:
        ParseError: Expires is not a number.
    """
    text = request.headers.get("Expires")
    if text is None:
        contacts = NameAddr.parse_list(request.headers.values("Contact"))
        text = next((value for contact in contacts if (value := contact.param("expires"))), str(DEFAULT_EXPIRES))
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise ParseError(f"Expires is not a number: {excerpt(text)}")
    return min(int(text), maximum)
