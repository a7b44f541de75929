"""The associations that are open, found as the protocol finds them; the oldest give way."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from sipauthctl.analysis.reading import AssociationName, Endpoint
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.capture.record import Record

_Key = tuple[object, ...]

NEWEST = 32
"""How many associations of one endpoint with one server are looked at; a client has one or two of them."""


class AssociationTable:
    """Bounded: beyond `size` the one that was used longest ago comes out."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._used: OrderedDict[int, Tracked] = OrderedDict()
        self._index: dict[_Key, list[Tracked]] = {}
        self._keys: dict[int, list[_Key]] = {}

    def __iter__(self) -> Iterator[Tracked]:
        return iter(tuple(self._used.values()))

    def __contains__(self, tracked: object) -> bool:
        return id(tracked) in self._used

    def put(self, tracked: Tracked) -> Tracked | None:
        """Adds one, or finds it by its new opaque from now on. Gives the one that had to go, if any."""
        self._drop_keys(tracked)
        self._used[id(tracked)] = tracked
        self._used.move_to_end(id(tracked))
        keys: list[_Key] = [("endpoint", tracked.endpoint, tracked.name), ("address", tracked.endpoint.address)]
        if tracked.opaque is not None:
            keys += [("opaque", tracked.opaque), ("name", tracked.name, tracked.opaque)]
        self._keys[id(tracked)] = keys
        for key in keys:
            self._index.setdefault(key, []).append(tracked)
        return self.remove(next(iter(self._used.values()))) if len(self._used) > self._size else None

    def used(self, tracked: Tracked) -> None:
        """Notes that one was used."""
        if id(tracked) in self._used:
            self._used.move_to_end(id(tracked))

    def remove(self, tracked: Tracked) -> Tracked:
        """Takes one out."""
        self._drop_keys(tracked)
        self._used.pop(id(tracked), None)
        return tracked

    def by_name(
        self, name: AssociationName, opaque: str, endpoint: Endpoint, call_id: str, record: Record
    ) -> Tracked | None:
        """The association of exactly this name and opaque.

        The endpoint should be the same too. Where it is not, the message was changed or is wrong, if it came on the
        same connection or in the same dialog; else two servers happen to use the same index.
        """
        found = self._index.get(("name", name, opaque), ())
        for tracked in reversed(found):
            if tracked.endpoint == endpoint:
                return tracked
        for tracked in reversed(found):
            if tracked.on_connection(record) or tracked.call_id == call_id or record.source is None:
                return tracked
        return None

    def by_opaque(self, opaque: str, endpoint: Endpoint) -> Tracked | None:
        """The endpoint's association of this index, whatever realm or targetname the message names."""
        found = self._index.get(("opaque", opaque), ())
        return next((tracked for tracked in reversed(found) if tracked.endpoint == endpoint), None)

    def by_endpoint(self, name: AssociationName, endpoint: Endpoint) -> tuple[Tracked, ...]:
        """The endpoint's associations with one server, the newest first; of very many only those."""
        return tuple(self._index.get(("endpoint", endpoint, name), ())[: -NEWEST - 1 : -1])

    def of_client(self, endpoint: Endpoint) -> tuple[Tracked, ...]:
        """All associations of an endpoint, the oldest first; of very many only the newest. Without an epid, those of
        its address."""
        found = self._index.get(("address", endpoint.address), ())[-NEWEST:]
        return tuple(one for one in found if endpoint.epid is None or one.endpoint == endpoint)

    def _drop_keys(self, tracked: Tracked) -> None:
        for key in self._keys.pop(id(tracked), ()):
            entries = self._index[key]
            # Not `remove`, which compares by value.
            kept = [entry for entry in entries if entry is not tracked]
            if kept:
                self._index[key] = kept
            else:
                del self._index[key]
