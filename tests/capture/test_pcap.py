"""Captures through the real tshark: no message is lost, and each comes out byte for byte."""

from __future__ import annotations

import contextlib
import gzip
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

MPLS = b"\x88\x47\x00\x01\x01\x40"  # in place of the type of an Ethernet frame

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


@pytest.mark.parametrize("port", [443, 1433, 5061, 8080])
def test_plain_sip_is_found_on_ports_that_mean_something_else(read: Read, port: int) -> None:
    pcap = Pcap()
    flow = TcpFlow(pcap, server=("192.0.2.1", port))
    flow.open()
    for number in range(1, 4):
        flow.send(request(number))
    records, notices = read(pcap.to_bytes())
    assert [record.raw for record in records] == [request(number) for number in range(1, 4)]
    assert notices == []


def test_such_a_port_inside_a_tunnel_can_be_named(read: Read) -> None:
    pcap = Pcap()
    flow = TcpFlow(pcap, server=("192.0.2.1", 1433))
    flow.open()
    flow.send(request(1))
    pcap.frames = [frame[:12] + MPLS + frame[14:] for frame in pcap.frames]
    assert read(pcap.to_bytes())[0] == []
    records, _ = read(pcap.to_bytes(), decode_as=(1433,))
    assert [record.raw for record in records] == [request(1)]


def test_keep_alives_between_messages_lose_nothing(read: Read) -> None:
    pcap = Pcap()
    flow = TcpFlow(pcap, server=("192.0.2.1", 5060))
    flow.open()
    ping = b"\r\n\r\n"
    flow.send(request(1))
    flow.send(ping)
    flow.send(request(2) + ping + request(3) + b"\r\n")
    flow.send(request(4))
    records, _ = read(pcap.to_bytes())
    assert [record.raw for record in records] == [request(number) for number in range(1, 5)]


def test_keep_alives_in_tls_lose_nothing(read: Read, tmp_path: Path) -> None:
    ping = b"\r\n\r\n"
    sent = [request(1) + ping + request(2)[:40], request(2)[40:], ping + request(3), ping, request(4) + b"\r\n"]
    sent += [request(5)[:10], request(5)[10:200], request(5)[200:] + request(6)]
    keylog = tmp_path / "keys"
    records, _ = read(tls_session(keylog, 5061, sent, []), keylog=keylog)
    assert [record.raw for record in records] == [request(number) for number in range(1, 7)]


@pytest.mark.parametrize("over", ["udp", "tcp", "tls"])
def test_bytes_that_are_not_utf_8_come_out_as_they_are(read: Read, tmp_path: Path, over: str) -> None:
    odd = request(1).replace(b"X-Odd: ", b"").replace(b"Call-ID", b"X-Odd: \xff\xfe \xc3 K\xf6ln \\ \x01\r\nCall-ID")
    odd = odd.replace(b"Content-Length: 0\r\n\r\n", b"Content-Length: 6\r\n\r\n\x00\xff\r\n\r\n")
    keylog, pcap = tmp_path / "keys", Pcap()
    if over == "udp":
        pcap.add(udp(odd, CLIENT, SERVER))
    elif over == "tcp":
        flow = TcpFlow(pcap)
        flow.open()
        flow.send(odd + request(2))
    data = tls_session(keylog, 5061, [odd], []) if over == "tls" else pcap.to_bytes()
    records, _ = read(data, keylog=keylog if over == "tls" else None)
    assert records[0].raw == odd


def test_a_message_in_the_body_of_another_is_not_one_of_its_own(read: Read) -> None:
    outer = request(1, "Content-Type: message/sip\r\n", request(77))
    pcap = Pcap()
    pcap.add(udp(outer, CLIENT, SERVER))
    flow = TcpFlow(pcap)
    flow.open()
    flow.send(outer + request(2))
    records, _ = read(pcap.to_bytes())
    assert [record.raw for record in records] == [outer, outer, request(2)]


def test_a_packet_of_which_the_capture_has_only_the_beginning(read: Read) -> None:
    frame = udp(request(1, body=b"v=0" * 100), CLIENT, SERVER)
    whole = Pcap([frame]).to_bytes()
    cut = whole[:32] + (len(frame) - 100).to_bytes(4, "little") + whole[36:-100]
    (record,), _ = read(cut)
    assert record.raw == request(1, body=b"v=0" * 100)[:-100]


def test_one_connection_decrypted_and_another_not(read: Read, tmp_path: Path) -> None:
    known, unknown = tmp_path / "keys", tmp_path / "other"
    readable = tls_session(known, 5061, [request(1)], [])
    hidden = tls_session(unknown, 5061, [request(2)], [], client=("192.0.2.8", 41000))
    records, (notice,) = read(readable + hidden[24:], keylog=known)
    assert [record.raw for record in records] == [request(1)]
    assert notice.kind == "undecrypted-tls"
    assert "5061 (1 of 2 connections)" in notice.text


@pytest.mark.parametrize("port", [5061, 443, 25061])
def test_secrets_embedded_in_a_pcapng_are_used_on_every_port(read: Read, tmp_path: Path, port: int) -> None:
    keylog = tmp_path / "keys"
    packets = Pcap.frames_of(tls_session(keylog, port, [request(1)], [response(1)]))
    records, notices = read(Pcap(packets).to_pcapng(secrets=keylog.read_bytes()))
    assert sorted(record.raw for record in records) == sorted([request(1), response(1)])
    assert notices == []


def test_a_capture_packed_with_gzip(read: Read) -> None:
    pcap = Pcap()
    pcap.add(udp(b"hello", CLIENT, ("192.0.2.1", 9)))
    pcap.add(udp(request(1), CLIENT, SERVER))
    (record,), notices = read(gzip.compress(pcap.to_bytes()))
    assert (record.raw, record.place, notices) == (request(1), 2, [])


def test_a_capture_packed_with_gzip_that_is_cut_off(read: Read) -> None:
    pcap = Pcap()
    for number in range(200):
        pcap.add(udp(request(number, f"X-Random: {os.urandom(300).hex()}\r\n"), CLIENT, SERVER))
    records, notices = read(gzip.compress(pcap.to_bytes())[:-5000])
    assert 100 < len(records) < 200
    assert [notice.kind for notice in notices] == ["truncated", "truncated"]
    assert not any("unpacked" in notice.text for notice in notices)  # a file of our own, which nobody knows


@pytest.mark.parametrize("port", [5061, 443, 25061])
def test_tls_is_decrypted_with_a_key_log(read: Read, tmp_path: Path, port: int) -> None:
    keylog = tmp_path / "keys"
    pcap = tls_session(keylog, port, [request(1), request(2) + request(3)], [response(1)])
    records, notices = read(pcap, keylog=keylog)
    assert sorted(record.raw for record in records) == sorted([request(1), request(2), request(3), response(1)])
    assert {record.transport for record in records} == {"tls"}
    assert notices == []


def test_what_a_message_in_tls_hides_that_claims_to_be_longer_is_told(read: Read, tmp_path: Path) -> None:
    keylog, longer = tmp_path / "keys", request(2).replace(b"Content-Length: 0", b"Content-Length: 9000")
    records, notices = read(tls_session(keylog, 5061, [request(1), longer, request(3)], [response(1)]), keylog=keylog)
    assert [record.raw for record in records] == [request(1), response(1)]
    assert [(notice.kind, notice.place) for notice in notices] == [("content-length-too-large", records[0].place + 1)]


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


def tls_session(
    keylog: Path, port: int, from_client: list[bytes], from_server: list[bytes], client: tuple[str, int] = CLIENT
) -> bytes:
    """A real TLS session, framed by hand."""
    authority = trustme.CA()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hs1.litwareinc.com").configure_cert(server_context)
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)
    client_context.keylog_filename = str(keylog)
    pcap = Pcap()
    flow = TcpFlow(pcap, client, server=("192.0.2.1", port))
    flow.open()
    client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
    peer = client_context.wrap_bio(client_in, client_out, server_hostname="hs1.litwareinc.com")
    server = server_context.wrap_bio(server_in, server_out, server_side=True)

    def carry() -> None:
        for out, into, is_client in ((client_out, server_in, True), (server_out, client_in, False)):
            if data := out.read():
                into.write(data)
                flow.send(data, from_client=is_client)

    def step(end: ssl.SSLObject) -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
        carry()

    for _ in range(4):
        step(peer)
        step(server)
    for data in from_client:
        peer.write(data)
        carry()
    for data in from_server:
        server.write(data)
        carry()
    return pcap.to_bytes()
