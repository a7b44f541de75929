"""The association of each endpoint at one server: for what the server sends, and what the client could sign."""

from __future__ import annotations

from datetime import datetime

from sipauthctl.association.endpoint import EndpointId
from sipauthctl.association.family import CREDENTIALS_HEADERS
from sipauthctl.association.security_association import SecurityAssociation
from sipauthctl.association.server import TABLE_SIZE
from sipauthctl.lab.bindings import requested_expires
from sipauthctl.sip.message import Request
from sipauthctl.sip.name_addr import NameAddr


class Endpoints:
    """The newest association by address-of-record and epid; the oldest entries give way."""

    def __init__(self) -> None:
        self._table: dict[EndpointId, SecurityAssociation] = {}
        self._registrations: dict[EndpointId, str] = {}  # their Call-IDs

    def put(self, request: Request, association: SecurityAssociation) -> None:
        """Notes the association of whoever sent a request.

        Raises:
            ParseError: its From is not a SIP address, or its Expires not a number.
        """
        endpoint = EndpointId.of(request.from_)
        if len(self._table) >= TABLE_SIZE:
            oldest = next(iter(self._table))
            self._registrations.pop(oldest, None)
            del self._table[oldest]
        self._table[endpoint] = association
        if request.method == "REGISTER":
            self._registrations[endpoint] = request.call_id if requested_expires(request) > 0 else ""

    def could_sign(self, request: Request, now: datetime) -> bool:
        """Whether the sender of a request without any credentials is registered and has an association to sign with. A
        REGISTER under another Call-ID is a new sign-in.

        Raises:
            ParseError: its From is not a SIP address.
        """
        if any(name in request.headers for name in CREDENTIALS_HEADERS):
            return False
        endpoint = EndpointId.of(request.from_)
        association = self._table.get(endpoint)
        registration = self._registrations.get(endpoint)
        goes_on = bool(registration) if request.method != "REGISTER" else registration == request.call_id
        return goes_on and association is not None and association.end(now) is None

    def get(self, address: NameAddr) -> SecurityAssociation | None:
        """The association of the endpoint with this address.

        Raises:
            ParseError: it is not a SIP address.
        """
        return self._table.get(EndpointId.of(address))

    def clear(self) -> None:
        """Forgets all of them."""
        self._table.clear()
        self._registrations.clear()
