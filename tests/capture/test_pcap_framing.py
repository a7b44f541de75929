"""Messages that claim to be longer than they are, and that no other message is lost by it."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.capture.pcap import PcapReader
from sipauthctl.capture.pcap_framing import Framing
from sipauthctl.capture.record import Notice, Record
from tests.analysis.sessions import session
from tests.capture.frames import CLIENT, SERVER, Pcap, TcpFlow

OFFERED = (
    b"NOTIFY sip:alice@contoso.com SIP/2.0\r\nContent-Type: message/sipfrag\r\nContent-Length: 16\r\n\r\n"
    b"SIP/2.0 200 OK\r\n"
)
PLAIN = b"OPTIONS sip:alice@contoso.com SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n"
WITH_BODY = (
    b"MESSAGE sip:alice@contoso.com SIP/2.0\r\nl: 40\r\n\r\n" + b"one line\r\nand another\r\n\r\nof the body 1234"
)
LONGER = WITH_BODY.replace(b"l: 40", b"l: 4000")
needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None and "SIPAUTHCTL_REQUIRE_EXTERNAL" not in os.environ, reason="needs tshark"
)


def followed(*segments: bytes) -> Framing:
    """What is known after these segments, whose frames count from 1."""
    framing = Framing()
    for frame, data in enumerate(segments, 1):
        framing.take(b"...." + data + b"....", 4, 4 + len(data), frame)
    framing.end()
    return framing


@given(
    messages=st.lists(st.sampled_from([OFFERED, PLAIN, WITH_BODY, b"\r\n\r\n"]), min_size=1, max_size=6),
    cuts=st.sets(st.integers(1, 400), max_size=12),
)
def test_messages_that_are_whole_are_never_too_long(messages: list[bytes], cuts: set[int]) -> None:
    stream = b"".join(messages)
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    framing = followed(*(stream[a:b] for a, b in itertools.pairwise(places)))
    assert framing.overlong_at is None
    assert not framing.too_large


@pytest.mark.parametrize(
    ("segments", "frame"),
    [
        ([PLAIN, LONGER, PLAIN], 2),
        ([PLAIN, PLAIN + LONGER, PLAIN], 2),
        ([PLAIN, LONGER[:42], LONGER[42:46], LONGER[46:], PLAIN], 2),
        ([WITH_BODY[:80], WITH_BODY[80:] + LONGER, PLAIN], 3),  # frame 2 also ends a message that is whole
        ([PLAIN, LONGER], 2),
    ],
)
def test_the_frame_from_which_on_bodies_are_not_waited_for(segments: list[bytes], frame: int) -> None:
    assert followed(*segments).overlong_at == frame


def test_nothing_is_said_of_a_body_of_which_a_segment_is_missing() -> None:
    framing = Framing()
    framing.take(WITH_BODY, 0, 60, 1)
    framing.lose()
    framing.take(PLAIN, 0, len(PLAIN), 2)
    framing.end()
    assert framing.overlong_at is None


def read(
    folder: Path,
    changed: Callable[[int, bytes], bytes],
    size: int,
    ends: tuple[tuple[str, int], ...] = (CLIENT, SERVER),
) -> tuple[list[bytes], list[bytes], list[Notice]]:
    """The messages of a sign-in as they were sent, in segments of a size; those that are read; the notices."""
    pcap, records, sent = Pcap(), session(), []
    flow = TcpFlow(pcap, *ends)
    flow.open()
    for number, record in enumerate(records):
        sent.append(changed(number, record.raw))
        for start in range(0, len(sent[-1]), size):
            flow.send(sent[-1][start : start + size], from_client=record.source == records[0].source)
    (folder / "x.pcap").write_bytes(pcap.to_bytes())
    items = list(PcapReader(str(folder / "x.pcap")))
    return sent, [i.raw for i in items if isinstance(i, Record)], [i for i in items if isinstance(i, Notice)]


@needs_tshark
@pytest.mark.external
@pytest.mark.parametrize("which", [{0}, {2}, {3, 4}, {13}, set(range(14))])
@pytest.mark.parametrize("size", [2000, 350])
def test_a_content_length_larger_than_what_follows_hides_no_message(
    which: set[int], size: int, tmp_path: Path
) -> None:
    def longer(number: int, raw: bytes) -> bytes:
        return raw.replace(b"Content-Length: 0", b"Content-Length: 9000") if number in which else raw

    sent, found, notices = read(tmp_path, longer, size)
    assert found == sent
    assert [notice.kind for notice in notices] == ["content-length-too-large"]


@needs_tshark
@pytest.mark.external
@pytest.mark.parametrize("size", [2000, 350])
def test_by_ipv6_it_hides_no_message_either(size: int, tmp_path: Path) -> None:
    def longer(number: int, raw: bytes) -> bytes:
        return raw.replace(b"Content-Length: 0", b"Content-Length: 9000") if number in {3, 4} else raw

    sent, found, notices = read(tmp_path, longer, size, (("2001:db8::7", 40000), ("2001:db8::1", 5061)))
    assert found == sent
    assert [notice.kind for notice in notices] == ["content-length-too-large"]


@needs_tshark
@pytest.mark.external
def test_a_message_larger_than_tshark_exports_hides_no_other(tmp_path: Path) -> None:
    def larger(number: int, raw: bytes) -> bytes:
        if number != 2:
            return raw
        return raw.replace(b"Content-Length: 0", b"Content-Length: 300000") + bytes(300_000)

    sent, found, notices = read(tmp_path, larger, 1400)
    assert found == [*sent[:2], sent[2][:1400], *sent[3:]]
    assert [notice.kind for notice in notices] == ["large-message"]


def test_a_message_that_is_too_large_is_noticed_behind_one_that_is_too_long() -> None:
    large = WITH_BODY.replace(b"l: 40", b"l: 300000")
    assert followed(LONGER, PLAIN, large, *[bytes(50_000)] * 5).too_large
    assert not followed(LONGER, PLAIN, large, *[bytes(50_000)] * 3).too_large


@needs_tshark
@pytest.mark.external
def test_one_direction_lacks_a_segment_and_the_other_has_a_message_that_is_too_long(tmp_path: Path) -> None:
    pcap, records = Pcap(), session()
    flow = TcpFlow(pcap)
    flow.open()
    sent = [record.raw for record in records]
    sent[6] = sent[6].replace(b"Content-Length: 0", b"Content-Length: 9000")
    for number, raw in enumerate(sent):
        flow.send(raw, from_client=records[number].source == records[0].source)
    del pcap.frames[3 + 5]  # an answer
    (tmp_path / "x.pcap").write_bytes(pcap.to_bytes())
    items = list(PcapReader(str(tmp_path / "x.pcap")))
    assert [item.raw for item in items if isinstance(item, Record)] == sent[:5] + sent[6:]
    kinds = [item.kind for item in items if isinstance(item, Notice)]
    assert kinds == ["lost-segments", "content-length-too-large"]
