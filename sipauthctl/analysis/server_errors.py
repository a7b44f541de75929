"""What server traces say was wrong (TF_SECURITY and TF_DIAG records), by the Call-ID of the messages."""

from __future__ import annotations

from collections import OrderedDict

from sipauthctl.capture.record import Notice

CALLS_KEPT = 1024
_OF_ONE_CALL = 4


class ServerErrors:
    """Holds them until somebody asks; bounded, the oldest calls give way."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, list[Notice]] = OrderedDict()
        self._told: set[str] = set()

    def add(self, notice: Notice) -> None:
        """Takes one. The oldest are dropped without a report."""
        key = notice.call_id or ""
        known = self._calls.setdefault(key, [])
        if len(known) < _OF_ONE_CALL and notice.text not in [one.text for one in known]:
            known.append(notice)
        if len(self._calls) > CALLS_KEPT:
            self._told.discard(self._calls.popitem(last=False)[0])

    def of(self, call_id: str | None) -> tuple[Notice, ...]:
        """Those of a call, which then count as reported."""
        if not call_id or call_id not in self._calls:
            return ()
        self._told.add(call_id)
        return tuple(self._calls[call_id])

    def untold(self, call_id: str) -> tuple[Notice, ...]:
        """The same, unless they were told of before."""
        return () if call_id in self._told else self.of(call_id)

    def rest(self) -> tuple[Notice, ...]:
        """Those that belong to nothing that was reported."""
        return tuple(one for key, notices in self._calls.items() if key not in self._told for one in notices)
