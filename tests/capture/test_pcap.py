"""Captures through the real tshark: no message is lost, and each comes out byte for byte."""

from __future__ import annotations

import contextlib
import os
import shutil
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from sipauthctl.capture.pcap import PcapReader
from sipauthctl.capture.record import Address, InputKind, Notice, Record
from tests.capture.frames import CLIENT, SERVER, Pcap, TcpFlow, udp

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(
        shutil.which("tshark") is None and "SIPAUTHCTL_REQUIRE_EXTERNAL" not in os.environ, reason="needs tshark"
    ),
]


def request(number: int, extra: str = "", body: bytes = b"") -> bytes:
    return (
        f"REGISTER sip:litwareinc.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.7:40000\r\n"
        f"From: <sip:ned@litwareinc.com>;tag=1;epid=2\r\nTo: <sip:ned@litwareinc.com>\r\n"
        f"Call-ID: abc\r\nCSeq: {number} REGISTER\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def response(number: int) -> bytes:
    return request(number).replace(b"REGISTER sip:litwareinc.com SIP/2.0", b"SIP/2.0 401 Unauthorized", 1)


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[list[Record], list[Notice]]]:
    def read(data: bytes, **options: object) -> tuple[list[Record], list[Notice]]:
        file = tmp_path / "capture"
        file.write_bytes(data)
        items = list(PcapReader(str(file), **options))  # type: ignore[arg-type]
        return [i for i in items if isinstance(i, Record)], [i for i in items if isinstance(i, Notice)]

    return read


Read = Callable[..., tuple[list[Record], list[Notice]]]


def test_what_a_record_says(read: Read) -> None:
    pcap = Pcap()
    flow = TcpFlow(pcap)
    flow.open()
    first = flow.send(request(1))
    second = flow.send(response(1), from_client=False)
    (asked, answered), notices = read(pcap.to_bytes())
    assert notices == []
    assert (asked.raw, answered.raw) == (request(1), response(1))
    assert (asked.source, asked.destination) == (Address(*CLIENT), Address(*SERVER))
    assert (answered.source, answered.transport) == (Address(*SERVER), "tcp")
    assert (asked.place, answered.place) == (first, second)
    start = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
    assert asked.time == start + timedelta(milliseconds=first - 1)


def test_several_messages_in_one_frame_and_one_in_many(read: Read) -> None:
    pcap = Pcap()
    flow = TcpFlow(pcap)
    flow.open()
    messages = [request(1, body=b"a\r\n\r\nb"), request(2), request(3, "X-Filler: " + "y" * 3000 + "\r\n"), request(4)]
    flow.send(messages[0] + messages[1])
    stream = messages[2] + messages[3]
    for start in range(0, len(stream), 700):
        flow.send(stream[start : start + 700])
    records, _ = read(pcap.to_bytes())
    assert [record.raw for record in records] == messages


def test_reordered_and_repeated_segments_lose_nothing(read: Read) -> None:
    pcap = Pcap()
    flow = TcpFlow(pcap)
    flow.open()
    messages = [request(number, f"X-Filler: {'z' * 500}\r\n") for number in range(1, 31)]
    stream = b"".join(messages)
    segments = [flow.take(stream[start : start + 400]) for start in range(0, len(stream), 400)]
    for index in range(0, len(segments) - 1, 5):  # every fifth pair comes in the wrong order
        segments[index], segments[index + 1] = segments[index + 1], segments[index]
    for index, segment in enumerate(segments):
        pcap.add(segment)
        if index % 7 == 0:
            pcap.add(segment)
    records, _ = read(pcap.to_bytes())
    assert [record.raw for record in records] == messages


def test_udp_and_ipv6(read: Read) -> None:
    pcap = Pcap()
    pcap.add(udp(request(1), ("2001:db8::7", 5060), ("2001:db8::1", 5060)))
    pcap.add(udp(response(1), ("2001:db8::1", 5060), ("2001:db8::7", 5060)))
    records, _ = read(pcap.to_bytes())
    assert [record.raw for record in records] == [request(1), response(1)]
    assert [record.transport for record in records] == ["udp", "udp"]
    assert records[0].source == Address("2001:db8::7", 5060)


def test_a_port_that_means_something_else_can_be_named(read: Read) -> None:
    pcap = Pcap()
    flow = TcpFlow(pcap, server=("192.0.2.1", 1433))
    flow.open()
    flow.send(request(1))
    assert read(pcap.to_bytes())[0] == []
    records, _ = read(pcap.to_bytes(), decode_as=(1433,))
    assert [record.raw for record in records] == [request(1)]


@pytest.mark.parametrize("port", [5061, 443, 25061])
def test_tls_is_decrypted_with_a_key_log(read: Read, tmp_path: Path, port: int) -> None:
    keylog = tmp_path / "keys"
    pcap = tls_session(keylog, port, [request(1), request(2) + request(3)], [response(1)])
    records, notices = read(pcap, keylog=keylog)
    assert sorted(record.raw for record in records) == sorted([request(1), request(2), request(3), response(1)])
    assert {record.transport for record in records} == {"tls"}
    assert notices == []


def test_tls_without_a_key_log_is_told(read: Read, tmp_path: Path) -> None:
    records, (notice,) = read(tls_session(tmp_path / "keys", 5061, [request(1)], [response(1)]))
    assert records == []
    assert notice.kind == "undecrypted-tls"
    assert "5061" in notice.text
    assert "--keylog" in notice.text


def test_a_key_log_of_another_session_is_told(read: Read, tmp_path: Path) -> None:
    other = tmp_path / "other"
    tls_session(other, 5061, [request(1)], [])
    _, (notice,) = read(tls_session(tmp_path / "keys", 5061, [request(1)], []), keylog=other)
    assert (notice.kind, "does not fit" in notice.text) == ("undecrypted-tls", True)


def test_a_cut_capture_gives_what_is_whole_and_says_so(read: Read) -> None:
    pcap = Pcap()
    flow = TcpFlow(pcap)
    flow.open()
    for number in range(1, 6):
        flow.send(request(number))
    records, (notice,) = read(pcap.to_bytes()[:-50])
    assert [record.raw for record in records] == [request(number) for number in range(1, 5)]
    assert notice.kind == "truncated"


def test_a_capture_without_sip_says_so(read: Read) -> None:
    pcap = Pcap()
    pcap.add(udp(b"hello", CLIENT, ("192.0.2.1", 9)))
    records, (notice,) = read(pcap.to_bytes())
    assert (records, notice.kind) == ([], "no-sip")


def test_the_kind() -> None:
    assert PcapReader("x").kind is InputKind.CAPTURE


def tls_session(keylog: Path, port: int, from_client: list[bytes], from_server: list[bytes]) -> bytes:
    """A real TLS session, framed by hand."""
    authority = trustme.CA()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hs1.litwareinc.com").configure_cert(server_context)
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)
    client_context.keylog_filename = str(keylog)
    pcap = Pcap()
    flow = TcpFlow(pcap, server=("192.0.2.1", port))
    flow.open()
    client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
    client = client_context.wrap_bio(client_in, client_out, server_hostname="hs1.litwareinc.com")
    server = server_context.wrap_bio(server_in, server_out, server_side=True)

    def carry() -> None:
        for out, into, is_client in ((client_out, server_in, True), (server_out, client_in, False)):
            if data := out.read():
                into.write(data)
                flow.send(data, from_client=is_client)

    def step(peer: ssl.SSLObject) -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.do_handshake()
        carry()

    for _ in range(4):
        step(client)
        step(server)
    for data in from_client:
        client.write(data)
        carry()
    for data in from_server:
        server.write(data)
        carry()
    return pcap.to_bytes()
