"""What a capture lacks of a TCP connection, and that only that is lost."""

from __future__ import annotations

import itertools
import os
import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.capture.pcap import PcapReader
from sipauthctl.capture.pcap_gaps import SYN, Direction
from sipauthctl.capture.record import Notice, Record
from tests.analysis.sessions import session
from tests.capture.frames import Pcap, TcpFlow

BEGIN = (1 << 32) - 60  # the numbers begin again in the middle of the stream
SIZE = 200
needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None and "SIPAUTHCTL_REQUIRE_EXTERNAL" not in os.environ, reason="needs tshark"
)


def segment(first: int, size: int, flags: int = 0x10) -> bytes:
    return struct.pack("!HHIIBBHHH", 1, 2, (BEGIN + first) % (1 << 32), 0, 0x50, flags, 0, 0, 0) + bytes(size)


@given(
    cuts=st.lists(st.integers(1, SIZE - 1), max_size=12, unique=True),
    lost=st.sets(st.integers(0, 12)),
    again=st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(1, 60)), max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_a_hole_is_what_no_segment_fills(
    cuts: list[int], lost: set[int], again: list[tuple[int, int]], order: object
) -> None:
    """In any order, with segments that come again, cut otherwise."""
    places = [0, *sorted(cuts), SIZE]
    parts = [pair for number, pair in enumerate(itertools.pairwise(places)) if number not in lost]
    parts += [(first, min(SIZE, first + size)) for first, size in again]
    order.shuffle(parts)  # type: ignore[attr-defined]
    direction = Direction(0)
    for first, end in [(-1, -1), *parts]:
        data = segment(first, end - first, SYN if first < 0 else 0x10)
        direction.take(data, 0, len(data), len(data), 7)
    there = {place for first, end in parts for place in range(first, end)}
    missing = set(range(max(there, default=0))) - there
    assert (direction.lost_at == 7) == bool(missing)


def exchange() -> tuple[Pcap, list[bytes]]:
    """A sign-in over one connection, a segment for each message."""
    pcap, records = Pcap(), session()
    flow = TcpFlow(pcap)
    flow.open()
    for record in records:
        flow.send(record.raw, from_client=record.source == records[0].source)
    return pcap, [record.raw for record in records]


def read(pcap: Pcap, folder: Path) -> tuple[list[bytes], list[Notice]]:
    (folder / "x.pcap").write_bytes(pcap.to_bytes())
    items = list(PcapReader(str(folder / "x.pcap")))
    frames = [item.place for item in items if isinstance(item, Record)]
    assert frames == sorted(frames)
    return [i.raw for i in items if isinstance(i, Record)], [i for i in items if isinstance(i, Notice)]


@needs_tshark
@pytest.mark.external
@pytest.mark.parametrize("number", [0, 1, 4, 9, 11])
def test_one_missing_segment_takes_no_other_message_with_it(number: int, tmp_path: Path) -> None:
    pcap, messages = exchange()
    del pcap.frames[3 + number]
    found, notices = read(pcap, tmp_path)
    assert found == messages[:number] + messages[number + 1 :]
    assert [(notice.kind, notice.place) for notice in notices] == [("lost-segments", 3 + number + 2)]


@needs_tshark
@pytest.mark.external
def test_segments_in_wrong_order_before_a_loss_are_still_put_in_order(tmp_path: Path) -> None:
    pcap, messages = Pcap(), exchange()[1]
    flow = TcpFlow(pcap)
    flow.open()
    parts = [[raw[start : start + 300] for start in range(0, len(raw), 300)] for raw in messages[0::2]]
    segments = [flow.take(part) for part in itertools.chain(*parts)]
    segments[0], segments[1] = segments[1], segments[0]
    del segments[len(parts[0] + parts[1]) + 1]
    pcap.frames += segments
    found, notices = read(pcap, tmp_path)
    assert found == [*messages[0:4:2], *messages[6::2]]
    assert [notice.kind for notice in notices] == ["lost-segments"]


@needs_tshark
@pytest.mark.external
def test_what_is_cut_off_by_a_loss_is_no_message(tmp_path: Path) -> None:
    """Segments that take no heed of where messages begin."""
    pcap, messages = Pcap(), exchange()[1][0::2]
    flow = TcpFlow(pcap)
    flow.open()
    stream = b"".join(messages)
    segments = [flow.take(stream[start : start + 300]) for start in range(0, len(stream), 300)]
    del segments[len(messages[0] + messages[1]) // 300 + 1]
    pcap.frames += segments
    found, _ = read(pcap, tmp_path)
    assert found[:2] == messages[:2]
    assert set(found) <= set(messages)
