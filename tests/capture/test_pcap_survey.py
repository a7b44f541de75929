"""The first pass over a capture: it leaves out much, and never anything that matters."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sipauthctl.capture.pcap import PcapReader
from sipauthctl.capture.pcap_survey import Survey, UnknownKind
from sipauthctl.capture.record import Notice, Record
from tests.capture.frames import Pcap, TcpFlow, ethernet, udp
from tests.capture.wrapping import WRAPPINGS, Wrapping, bare

HELLO = b"\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03" + bytes(39)
MESSAGE = (
    b"OPTIONS sip:hs1.litwareinc.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.7\r\nFrom: <sip:ned@litwareinc.com>;tag=1\r\n"
    b"To: <sip:ned@litwareinc.com>\r\nCall-ID: %d\r\nCSeq: 1 OPTIONS\r\nX-Filler: %s\r\nContent-Length: 0\r\n\r\n"
)
PORTS = (5060, 5061, 443, 5070, 20000)
HOSTS = (("192.0.2.7", "192.0.2.1"), ("2001:db8::7", "2001:db8::1"))


@contextmanager
def surveyed(data: bytes, ports: tuple[int, ...] = ()) -> Iterator[tuple[Survey, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "capture")
        path.write_bytes(data)
        with Survey(path, ports) as survey:
            yield survey, Path(folder, "part")


def staying(data: bytes, ports: tuple[int, ...] = ()) -> list[int]:
    """The numbers of the packets that stay."""
    with surveyed(data, ports) as (survey, part):
        return list(survey.write(part))


def message(number: int, filler: int = 40) -> bytes:
    return MESSAGE % (number, b"z" * filler)


def test_what_is_neither_sip_nor_tls_is_left_out_and_the_numbers_are_those_of_the_whole() -> None:
    pcap = Pcap()
    dull, sip = TcpFlow(pcap, server=("192.0.2.1", 80)), TcpFlow(pcap, ("192.0.2.8", 41000), ("192.0.2.1", 8080))
    dull.open()
    dull.send(b"GET / HTTP/1.1\r\n\r\n")
    pcap.add(udp(b"x" * 50, ("192.0.2.7", 5004), ("192.0.2.1", 5006)))
    sip.open()
    dull.send(b"HTTP/1.1 200 OK\r\n\r\n", from_client=False)
    sip.send(message(1))
    pcap.add(udp(message(2), ("192.0.2.7", 30000), ("192.0.2.1", 30001)))
    assert staying(pcap.to_bytes()) == [6, 7, 8, 10, 11]
    assert staying(pcap.to_pcapng()) == [6, 7, 8, 10, 11]
    assert staying(pcap.to_pcapng(order=">")) == [6, 7, 8, 10, 11]


@pytest.mark.parametrize("wrapping", WRAPPINGS, ids=lambda wrapping: wrapping.__name__)
@pytest.mark.parametrize("hosts", HOSTS, ids=("ipv4", "ipv6"))
@pytest.mark.parametrize("payload", [message(1), HELLO], ids=("sip", "tls"))
def test_sip_and_tls_stay_in_every_wrapping(wrapping: Wrapping, hosts: tuple[str, str], payload: bytes) -> None:
    pcap = Pcap()
    flow = TcpFlow(pcap, (hosts[0], 40000), (hosts[1], 4242))
    flow.open()
    flow.send(payload)
    frames = [part for frame in pcap.frames for part in wrapping(frame)]
    assert staying(Pcap(frames).to_bytes()) == list(range(1, len(frames) + 1))


@given(
    cuts=st.lists(st.integers(1, len(message(1)) - 1), max_size=30, unique=True),
    order=st.randoms(use_true_random=False),
)
def test_a_message_in_segments_of_any_size_and_order_stays(cuts: list[int], order: object) -> None:
    pcap = Pcap()
    flow = TcpFlow(pcap, server=("192.0.2.1", 4242))
    places = [0, *sorted(cuts), len(message(1))]
    segments = [flow.take(message(1)[a:b]) for a, b in itertools.pairwise(places)]
    order.shuffle(segments)  # type: ignore[attr-defined]
    pcap.frames = segments
    assert len(staying(pcap.to_bytes())) == len(segments)


def test_ports_that_were_named_stay() -> None:
    pcap = Pcap()
    pcap.add(udp(b"x", ("192.0.2.7", 30000), ("192.0.2.1", 30001)))
    flow = TcpFlow(pcap, server=("192.0.2.1", 4242))
    flow.send(b"x" * 100)
    assert staying(pcap.to_bytes()) == []
    assert staying(pcap.to_bytes(), (4242, 30001)) == [1, 2]


def test_link_types_and_blocks_that_are_not_known_are_left_to_tshark() -> None:
    pcap = Pcap([b"x" * 60])
    data = pcap.to_bytes()
    with pytest.raises(UnknownKind), surveyed(data[:20] + b"\x69\0\0\0" + data[24:]):
        pass
    assert staying(pcap.to_pcapng(link=105)) == [1]
    with pytest.raises(UnknownKind), surveyed(pcap.to_pcapng() + b"\x09\0\0\0\x0c\0\0\0\x0c\0\0\0"):
        pass


@dataclass(frozen=True)
class Traffic:
    """What a generated capture is made of."""

    kind: str
    wrapping: Wrapping
    hosts: tuple[str, str]
    port: int
    size: int


TRAFFIC = st.builds(
    Traffic,
    st.sampled_from(("udp", "tcp", "split", "dull-udp", "dull-tcp", "other")),
    st.sampled_from(WRAPPINGS),
    st.sampled_from(HOSTS),
    st.sampled_from(PORTS),
    st.integers(1, 900),
)


def capture_of(traffic: list[Traffic]) -> Pcap:
    result = Pcap()
    for number, one in enumerate(traffic):
        pcap = Pcap()
        ends = (one.hosts[0], 40000 + number), (one.hosts[1], one.port)
        flow = TcpFlow(pcap, *ends)
        if one.kind == "udp":
            pcap.add(udp(message(number, one.size), *ends))
        elif one.kind == "dull-udp":
            pcap.add(udp(b"\x80" * one.size, *ends))
        elif one.kind == "other":
            pcap.add(ethernet(*one.hosts, 1, b"\x08\0" + bytes(one.size)))
        else:
            flow.open()
            data = b"." * 1000 if one.kind == "dull-tcp" else message(number) + message(number, 400)
            step = one.size if one.kind == "split" else 700
            for start in range(0, len(data), max(step, 30)):
                flow.send(data[start : start + max(step, 30)])
        result.frames += [part for frame in pcap.frames for part in one.wrapping(frame)]
    return result


def everything(
    path: Path, *, first_pass: bool, ports: tuple[int, ...] = ()
) -> tuple[list[tuple[object, ...]], list[tuple[str, str]]]:
    items = list(PcapReader(str(path), first_pass=first_pass, decode_as=ports))
    records = [(i.place, i.time, i.source, i.destination, i.transport, i.raw) for i in items if isinstance(i, Record)]
    return records, [(i.kind, i.text.replace(str(path), "")) for i in items if isinstance(i, Notice)]


def ports_found(path: Path) -> tuple[int, ...]:
    try:
        with Survey(path) as survey:
            found = {connection.sip_port for _, connection in survey.sieve.connections()}
    except UnknownKind:
        return ()
    return tuple(port for port in found if port is not None)


needs_tshark = [
    pytest.mark.external,
    pytest.mark.skipif(
        shutil.which("tshark") is None and "SIPAUTHCTL_REQUIRE_EXTERNAL" not in os.environ, reason="needs tshark"
    ),
]


class TestAgainstTshark:
    """tshark on the whole capture is the judge. It is told the ports that the first pass found, as it may guess wrong
    what a stream is by its first segments."""

    pytestmark = needs_tshark

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(traffic=st.lists(TRAFFIC, min_size=1, max_size=12), pcapng=st.sampled_from(("", "<", ">")))
    def test_the_first_pass_never_changes_the_result(self, traffic: list[Traffic], pcapng: str) -> None:
        pcap = capture_of(traffic)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "capture")
            path.write_bytes(pcap.to_pcapng(order=pcapng) if pcapng else pcap.to_bytes())
            whole, _ = everything(path, first_pass=False, ports=ports_found(path))
            small, _ = everything(path, first_pass=True)
        assert small == whole

    def test_that_holds_for_each_wrapping(self) -> None:
        kinds = ("udp", "dull-udp", "split", "dull-tcp")
        traffic = [
            Traffic(kind, wrapping, hosts, 5060, 150) for wrapping in WRAPPINGS for hosts in HOSTS for kind in kinds
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "capture")
            path.write_bytes(capture_of(traffic).to_bytes())
            whole, _ = everything(path, first_pass=False)
            small, _ = everything(path, first_pass=True)
        assert small == whole
        assert len(whole) == 3 * len(WRAPPINGS) * len(HOSTS)

    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(data=st.data(), pcapng=st.booleans())
    def test_damage_hides_nothing_that_tshark_finds(self, data: st.DataObject, pcapng: bool) -> None:
        traffic = [Traffic(kind, bare, HOSTS[0], 5060, 100) for kind in ("udp", "dull-udp", "dull-tcp", "tcp", "udp")]
        pcap = capture_of(traffic)
        whole = bytearray(pcap.to_pcapng() if pcapng else pcap.to_bytes())
        if data.draw(st.booleans()):
            del whole[data.draw(st.integers(30, len(whole) - 1)) :]
        else:
            place = data.draw(st.integers(30, len(whole) - 1))
            whole[place] ^= data.draw(st.integers(1, 255))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "capture")
            path.write_bytes(whole)
            small, _ = everything(path, first_pass=True)
            whole, _ = everything(path, first_pass=False, ports=ports_found(path))
        # Where a port or a sequence number is damaged, the first pass can find more.
        assert [message for message in whole if message not in small] == []


def test_a_section_header_that_is_too_short_stays_as_it_is() -> None:
    short = b"\x0a\x0d\x0d\x0a\x10\0\0\0\x4d\x3c\x2b\x1a\x10\0\0\0" + bytes(28)
    with surveyed(short) as (survey, part):
        survey.write(part)
        assert part.read_bytes() == short
