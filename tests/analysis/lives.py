"""Records of registrations that are held for hours, under a clock that no test waits for."""

from __future__ import annotations

from datetime import timedelta

from sipauthctl.capture.record import Address, Record
from sipauthctl.probe.events import (
    Connected,
    RequestReceived,
    RequestSent,
    ResponseReceived,
    ResponseSent,
    StrayResponse,
)
from sipauthctl.sip.message import Message
from tests.analysis.sessions import CLIENT
from tests.probe import harness


def records_of_life(run: harness.Run) -> list[Record]:
    """The messages of a run in both directions, at the times when they went."""
    records: list[Record] = []
    client = CLIENT
    for event, time in zip(run.events, run.times, strict=True):
        message: Message
        if isinstance(event, Connected):
            client = Address(client.host, (client.port or 0) + 1)
        if isinstance(event, RequestSent | RequestReceived):
            message = event.request
        elif isinstance(event, ResponseReceived | ResponseSent | StrayResponse):
            message = event.response
        else:
            continue
        server = Address(event.server.host, event.server.port)
        sent = isinstance(event, RequestSent | ResponseSent)
        records.append(
            Record(
                time=time + timedelta(microseconds=len(records)),
                source=client if sent else server,
                destination=server if sent else client,
                transport="tls",
                raw=message.to_bytes(),
                input="life.pcap",
                place=len(records) + 1,
            )
        )
    return records
