"""Several inputs as one time line."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from sipauthctl.capture.record import Notice, Record

_FIRST = datetime.min.replace(tzinfo=UTC)


def merge(readers: Iterable[Iterable[Record | Notice]]) -> Iterator[Record | Notice]:
    """The records and notices of several inputs, merged by time; only one of each input is held at a time.

    The order inside an input never changes. What has no time goes with what came before it in its input, so an
    input without times comes first as a whole. At equal times the input that was given first comes first. In an
    input whose times go back (a client log whose machine's clock was set), what comes late stays late.

    Raises:
        ReadError: an input cannot be read.
    """
    streams = [_timed(reader, index) for index, reader in enumerate(readers)]
    for _, _, found in heapq.merge(*streams, key=lambda item: item[:2]):
        yield found


def _timed(reader: Iterable[Record | Notice], index: int) -> Iterator[tuple[datetime, int, Record | Notice]]:
    latest = _FIRST
    for found in reader:
        if found.time is not None:
            latest = max(latest, found.time)
        yield latest, index, found
