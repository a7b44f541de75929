"""The association of each endpoint at one server, for what the server sends of its own accord."""

from __future__ import annotations

from sipauthctl.association.endpoint import EndpointId
from sipauthctl.association.security_association import SecurityAssociation
from sipauthctl.association.server import TABLE_SIZE
from sipauthctl.sip.name_addr import NameAddr


class Endpoints:
    """The newest association by address-of-record and epid; the oldest entries give way."""

    def __init__(self) -> None:
        self._table: dict[EndpointId, SecurityAssociation] = {}

    def put(self, address: NameAddr, association: SecurityAssociation) -> None:
        """Notes the association of whoever sent from this address.

        Raises:
            ParseError: it is not a SIP address.
        """
        if len(self._table) >= TABLE_SIZE:
            del self._table[next(iter(self._table))]
        self._table[EndpointId.of(address)] = association

    def get(self, address: NameAddr) -> SecurityAssociation | None:
        """The association of the endpoint with this address.

        Raises:
            ParseError: it is not a SIP address.
        """
        return self._table.get(EndpointId.of(address))

    def clear(self) -> None:
        """Forgets all of them."""
        self._table.clear()
