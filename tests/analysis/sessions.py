"""Records of real sessions: of the prober against the lab, both run here, and of recorded ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sipauthctl.capture.record import Address, Record
from sipauthctl.probe.events import RequestSent, ResponseReceived
from tests.probe import harness

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
CLIENT = Address("127.0.0.1", 40000)


def records_of(run: harness.Run, began: datetime | None = None) -> list[Record]:
    """The messages of a run as a capture would have them, in steps of 20 ms from `began` (now, by default)."""
    time = began or datetime.now(UTC) - timedelta(seconds=1)
    records: list[Record] = []
    for event in run.events:
        if not isinstance(event, RequestSent | ResponseReceived):
            continue
        server = Address("127.0.0.1", event.server.port)
        sent = isinstance(event, RequestSent)
        message = event.request if isinstance(event, RequestSent) else event.response
        records.append(
            Record(
                time=time + timedelta(milliseconds=20 * len(records)),
                source=CLIENT if sent else server,
                destination=server if sent else CLIENT,
                transport="tls",
                raw=message.to_bytes(),
                input="session.pcap",
                place=len(records) + 1,
            )
        )
    return records


def lab(*faults: str, **setup: Any) -> list[Record]:
    """The records of one run against the lab."""
    return records_of(harness.run(*faults, **setup))


def changed(records: list[Record], place: int, old: bytes, new: bytes) -> list[Record]:
    """The records with the text of one message changed on the way."""
    raw = records[place - 1].raw
    assert raw.count(old) >= 1, old
    return [*records[: place - 1], replace(records[place - 1], raw=raw.replace(old, new, 1)), *records[place:]]
