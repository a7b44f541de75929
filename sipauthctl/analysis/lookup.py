"""Which association a header belongs to, also where it names it wrongly."""

from __future__ import annotations

from collections.abc import Sequence

from sipauthctl.analysis.problem import Problem, place_text
from sipauthctl.analysis.reading import AssociationName, Endpoint, SignedHeader, client_of, name_of
from sipauthctl.analysis.table import AssociationTable
from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.association.redaction import quoted
from sipauthctl.capture.record import Record
from sipauthctl.sip.message import Message


class Lookup:
    """Finds associations among those that are open."""

    def __init__(self, table: AssociationTable) -> None:
        self._open = table

    def find(
        self, record: Record, message: Message, header: SignedHeader, among: Sequence[Tracked] = ()
    ) -> Tracked | None:
        """The association of a header, None where it is none of those that are open.

        What the header has wrong (another opaque, another epid) is noted with the association.

        Args:
            record: where the message stands.
            message: the message.
            header: one of its credentials or info headers.
            among: the associations of the request that a response answers.
        """
        name, client = name_of(header), client_of(message, header.sender)
        opaque = header.parameters.get("opaque")
        same_transaction = [tracked for tracked in among if tracked.scheme is header.scheme]
        if opaque is not None:
            exact = self._open.by_name(name, opaque, client, message.call_id, record)
            if exact is not None:
                _note_epid(exact, client, record)
                return exact
            other_name = self._open.by_opaque(opaque, client)
            if other_name is not None and other_name.scheme is header.scheme:
                return other_name
            for tracked in same_transaction:
                if tracked.opaque is None:  # Kerberos: the answer brings it
                    tracked.opaque = opaque
                    self._open.put(tracked)
                    return tracked
            return self._other_opaque(record, message, header, name, client, same_transaction)
        for tracked in same_transaction:
            if tracked.name == name or not header.parameters.get("realm"):
                return tracked
        return next((one for one in self._open.by_endpoint(name, client) if one.step is Step.ESTABLISHED), None)

    def _other_opaque(
        self,
        record: Record,
        message: Message,
        header: SignedHeader,
        name: AssociationName,
        client: Endpoint,
        same_transaction: list[Tracked],
    ) -> Tracked | None:
        """An opaque that no challenge gave: a mistake, where everything else fits to one association."""
        for tracked in (*same_transaction, *self._open.by_endpoint(name, client)):
            same = tracked.handshake_seen and tracked.opaque is not None and tracked.name == name
            near = tracked.on_connection(record) or tracked.call_id == message.call_id
            due = tracked.step is Step.TOKEN_GIVEN or header.parameters.get("gssapi-data") is None
            if same and near and due:
                note_opaque(tracked, record, header)
                return tracked
        return None


def note_opaque(tracked: Tracked, record: Record, header: SignedHeader) -> None:
    """Notes an opaque that is not the server's."""
    given = header.parameters.get("opaque")
    if given == tracked.opaque or tracked.opaque is None:
        return
    got = "none" if given is None else quoted(given)
    detail = f"{tracked.where} gave opaque {quoted(tracked.opaque)}, and {tracked.who} sends {got}."
    tracked.report(Problem("opaque-changed", detail, (place_text(record),)))


def _note_epid(tracked: Tracked, client: Endpoint, record: Record) -> None:
    known = tracked.endpoint
    if client.address == known.address and client.epid != known.epid and client.epid is not None:
        before = "no epid" if known.epid is None else f"epid {quoted(known.epid)}"
        detail = f"{known.address} used {before}, and now {quoted(client.epid)}."
        tracked.report(Problem("epid-changed", detail, (place_text(record),)))
