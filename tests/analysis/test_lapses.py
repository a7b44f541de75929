"""Registrations that seem to have ended before their refresh, because the input lacks the answer that renewed them."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sipauthctl.analysis.analyze import Analysis
from sipauthctl.capture.pcap import PcapReader
from sipauthctl.capture.record import Address, Record
from sipauthctl.findings import Finding
from tests.analysis.lives import records_of_life
from tests.analysis.sessions import GIVEN, NOTHING, outcome
from tests.capture.frames import Pcap, TcpFlow
from tests.probe.harness import Clock
from tests.probe.test_life import HOUR, held, suspended

needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None and "SIPAUTHCTL_REQUIRE_EXTERNAL" not in os.environ, reason="needs tshark"
)
_START = Clock().start


def seconds(record: Record) -> float:
    assert record.time is not None
    return (record.time - _START).total_seconds()


def refreshes(records: list[Record]) -> list[list[Record]]:
    """Request and answer of each refresh at 7170 s, 14340 s and so on."""
    return [[one for one in records if abs(seconds(one) - 7170.0 * number) < 60] for number in (1, 2)]


def lapse(records: list[Record]) -> Finding | None:
    found = [one for one in outcome(records, NOTHING).findings if one.id == "registration-lapsed"]
    return found[0] if found else None


def without(records: list[Record], *gone: Record) -> list[Record]:
    return [one for one in records if one not in gone]


def renumbered(record: Record, side: str, by: int) -> Record:
    """Another number of the client's or the server's signature and, of the client, another CSeq, or that alone."""
    raw = re.sub(rb'%s="(\d+)"' % side.encode(), lambda m: b'%s="%d"' % (side.encode(), int(m[1]) + by), record.raw)
    if side != "snum":
        raw = re.sub(rb"CSeq: (\d+)", lambda m: b"CSeq: %d" % (int(m[1]) + by), raw)
    return replace(record, raw=raw)


def test_an_answer_that_the_input_lacks_and_the_numbers_show_is_no_lapse() -> None:
    records = records_of_life(held(5 * HOUR))
    (_, answer), _ = refreshes(records)
    assert answer.raw.startswith(b"SIP/2.0 200")
    assert lapse(records) is None
    assert lapse(without(records, answer)) is None
    assert "num-gap" in outcome(without(records, answer), GIVEN).ids


def test_where_a_refresh_and_its_answer_are_missing_the_lapse_is_doubted() -> None:
    records = records_of_life(held(5 * HOUR))
    found = lapse(without(records, *refreshes(records)[0]))
    assert found is not None
    assert found.severity.value == "warning"
    assert found.detail.endswith(
        "But the input lacks messages of that time, and with them perhaps the answer that renewed it."
    )


def test_a_refresh_that_the_server_did_not_answer_is_a_lapse() -> None:
    """The same, but the server's numbers go on without a hole."""
    records = records_of_life(held(5 * HOUR))
    (_, answer), _ = refreshes(records)
    late = seconds(answer)
    found = lapse([renumbered(one, "snum", -1) if seconds(one) > late else one for one in without(records, answer)])
    assert found is not None
    assert found.severity.value == "error"
    assert "But" not in found.detail


def test_a_capture_that_lacks_the_last_answer_leaves_it_open() -> None:
    records = records_of_life(held(3 * HOUR, options={"probes": ("OPTIONS",)}))
    (refresh, answer), _ = refreshes(records)
    options = next(one for one in records if one.raw.startswith(b"OPTIONS"))
    assert options.time is not None and refresh.time is not None
    before = [one for one in records if seconds(one) <= seconds(refresh) and one is not answer]
    later = replace(renumbered(options, "cnum", 40), time=refresh.time + timedelta(hours=3), place=999)
    found = lapse([*before, later])
    assert found is not None
    assert found.severity.value == "warning"


@pytest.mark.parametrize(("addresses", "severity"), [(True, "error"), (False, "warning")])
def test_a_refresh_without_an_answer_on_a_connection_that_broke_is_a_lapse(addresses: bool, severity: str) -> None:
    """The client was away, and came back by another connection; where that is not known, the answer may be missing."""
    records = records_of_life(suspended())
    last = max(place for place, one in enumerate(records) if seconds(one) < 7000 and b"cnum" in one.raw)
    sent = replace(renumbered(records[last], "cnum", 1), time=_START + timedelta(seconds=7170), place=998)
    records = [one if seconds(one) < 7000 else renumbered(one, "cnum", 1) for one in records]
    records.append(sent)
    records.sort(key=seconds)
    if not addresses:
        records = [replace(one, source=None, destination=None) for one in records]
    found = lapse(records)
    assert found is not None
    assert found.severity.value == severity
    assert ("has no answer to the REGISTER at life.pcap:998" in found.detail) is not addresses


def test_a_pause_of_the_capture_shows_by_the_numbers_of_the_registers() -> None:
    """The client came back on another connection and signed in anew, in a capture that had been stopped meanwhile."""
    records = records_of_life(suspended())
    anew = [one for one in records if b"gssapi-data" in one.raw and seconds(one) > 7000]
    answer = next(one for one in records if seconds(one) > 7000 and one.raw.startswith(b"SIP/2.0 200"))
    before = [one for one in records if seconds(one) < 7000]
    for by, severity in ((-1, "error"), (3, "warning")):  # the first: as if they followed at once
        after = [renumbered(one, "CSeq", by) for one in (*anew, answer)]
        found = lapse([*before, *after])
        assert found is not None
        assert found.severity.value == severity


@needs_tshark
@pytest.mark.external
@pytest.mark.parametrize("lacking", [(), (1,), (0, 1)], ids=["whole", "without-the-answer", "without-both"])
def test_a_capture_with_a_hole(lacking: tuple[int, ...], tmp_path: Path) -> None:
    records = records_of_life(held(5 * HOUR))
    gone = [refreshes(records)[0][number] for number in lacking]
    pcap, flows = Pcap(), dict[Address | None, TcpFlow]()
    for record in records:
        assert record.time is not None
        pcap.now = round(record.time.timestamp() * 1000)
        by_client = b"SIP/2.0\r\n" in record.raw.split(b"\r\n")[0] + b"\r\n"
        client = record.source if by_client else record.destination
        assert client is not None
        if client not in flows:
            flows[client] = TcpFlow(pcap, client=("192.0.2.7", client.port or 0))
            flows[client].open()
        frame = flows[client].take(record.raw, from_client=by_client)
        if record not in gone:
            pcap.add(frame)
    path = tmp_path / "hole.pcap"
    path.write_bytes(pcap.to_bytes())
    analysis = Analysis(PcapReader(str(path)), GIVEN)
    assert len(list(analysis.associations())) == 2
    told = [(found.id, found.severity.value) for found in analysis.findings if found.id == "registration-lapsed"]
    assert told == ([("registration-lapsed", "warning")] if len(lacking) == 2 else [])
    assert [notice.kind for notice in analysis.notices] == (["lost-segments"] if lacking else [])
