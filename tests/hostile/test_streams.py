"""Streams that never end, never begin, or end in the middle: nothing hangs, and memory stays bounded."""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path

from tests.hostile.leaks import Kind
from tests.hostile.peers import Kdc, Stream
from tests.hostile.sip_peer import OFFER, SipPeer, ntlm, response
from tests.hostile.table import Table
from tests.hostile.world import TCP, TLS, Scenario, play
from tests.network.peers import Authority

DRIP_SECONDS = 0.1
CHUNK = 1 << 16
scenario = Table(options=TCP, codes=frozenset({1}))


@scenario.all()
def test_it_ends_in_time_and_space(scenario: Scenario, authority: Authority, tmp_path: Path) -> None:
    play(scenario, authority, tmp_path).judge(scenario)


async def endless(peer: Stream, piece: bytes) -> None:
    """Sends it again and again, for as long as the client takes it."""
    while True:
        await peer.send(piece * max(1, CHUNK // len(piece)))


async def drip(peer: Stream, data: bytes) -> None:
    """Sends one byte after the other, slowly, and begins anew at the end."""
    while True:
        for byte in data:
            await peer.send(bytes([byte]))
            await asyncio.sleep(DRIP_SECONDS)


async def silent(stream: Stream) -> None:
    """Reads and says nothing."""
    await stream.drain()


@scenario()
async def no_answer(peer: SipPeer) -> None:
    await silent(peer)


@scenario()
async def a_status_line_without_end(peer: SipPeer) -> None:
    await peer.request()
    await peer.send(b"SIP/2.0 401 ")
    await endless(peer, b"A")


@scenario()
async def headers_without_end(peer: SipPeer) -> None:
    await peer.request()
    await peer.send(b"SIP/2.0 401 Unauthorized\r\n")
    await endless(peer, b"X-Filler: value\r\n")


@scenario()
async def a_folded_header_without_end(peer: SipPeer) -> None:
    await peer.request()
    await peer.send(b"SIP/2.0 401 Unauthorized\r\nSubject: x\r\n")
    await endless(peer, b" more\r\n")


@scenario()
async def provisional_answers_without_end(peer: SipPeer) -> None:
    request = await peer.request()
    await endless(peer, response(request, "100 Trying"))


@scenario()
async def a_provisional_answer_now_and_then(peer: SipPeer) -> None:
    request = await peer.request()
    while True:
        await peer.answer(request, "183 Session Progress")
        await asyncio.sleep(DRIP_SECONDS)


@scenario()
async def challenges_without_end(peer: SipPeer) -> None:
    request = await peer.request()
    await endless(peer, response(request, "401 Unauthorized", OFFER))


@scenario()
async def large_strays_without_end(peer: SipPeer) -> None:
    request = await peer.request()
    await endless(peer, response(request, "200 OK", body=bytes(4_000_000), call_id="another"))


@scenario()
async def requests_without_end(peer: SipPeer) -> None:
    request = await peer.request()
    body = response(request, "x").split(b"\r\n", 1)[1].replace(b"REGISTER", b"NOTIFY")
    await endless(peer, b"NOTIFY sip:ned@litwareinc.com SIP/2.0\r\n" + body)


@scenario()
async def line_ends_without_end(peer: SipPeer) -> None:
    await endless(peer, b"\r\n")


@scenario()
async def zeros_without_end(peer: SipPeer) -> None:
    await endless(peer, bytes(64))


@scenario()
async def an_answer_that_drips(peer: SipPeer) -> None:
    request = await peer.request()
    await drip(peer, response(request, "401 Unauthorized", OFFER))


@scenario()
async def keep_alives_that_drip(peer: SipPeer) -> None:
    await drip(peer, b"\r\n\r\n")


@scenario()
async def a_body_of_four_gigabytes(peer: SipPeer) -> None:
    await peer.request()
    await peer.send(b"SIP/2.0 401 Unauthorized\r\nContent-Length: 4294967296\r\n\r\n")
    await endless(peer, b"A")


@scenario()
async def a_body_that_never_comes(peer: SipPeer) -> None:
    request = await peer.request()
    await peer.send(
        response(request, "401 Unauthorized", OFFER).replace(b"Content-Length: 0", b"Content-Length: 4000000")
    )
    await peer.drain()


@scenario()
async def no_content_length(peer: SipPeer) -> None:
    request = await peer.request()
    await peer.send(response(request, "401 Unauthorized", OFFER).replace(b"Content-Length: 0\r\n", b""))
    await peer.drain()


@scenario()
async def half_closed_before_the_answer(peer: SipPeer) -> None:
    await peer.request()
    peer.writer.write_eof()
    await peer.drain()


@scenario()
async def half_closed_within_an_answer(peer: SipPeer) -> None:
    request = await peer.request()
    await peer.send(response(request, "401 Unauthorized", OFFER)[:-30])
    peer.writer.write_eof()
    await peer.drain()


@scenario()
async def closed_at_once(peer: SipPeer) -> None:
    return


@scenario()
async def reset_after_the_request(peer: SipPeer) -> None:
    await peer.request()
    tcp = peer.writer.get_extra_info("socket")
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@scenario(codes=frozenset({1}))
async def the_client_is_never_read(peer: SipPeer) -> None:
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(3600)


@scenario(options=TLS, bare=silent)
async def a_tls_handshake_that_stalls(peer: SipPeer) -> None:
    await ntlm(peer)


async def half_a_hello(stream: Stream) -> None:
    await stream.read()
    await stream.send(bytes.fromhex("160303004a0200004603"))
    await stream.drain()


@scenario(options=TLS, bare=half_a_hello)
async def a_tls_handshake_that_stalls_in_the_middle(peer: SipPeer) -> None:
    await ntlm(peer)


async def dripping_tls(stream: Stream) -> None:
    await drip(stream, bytes.fromhex("1603030040") + bytes(64))


@scenario(options=TLS, bare=dripping_tls)
async def a_tls_handshake_that_drips(peer: SipPeer) -> None:
    await ntlm(peer)


async def endless_tls(stream: Stream) -> None:
    await endless(stream, bytes.fromhex("160303400002003ffc0303") + bytes(0x4000 - 6))


@scenario(options=TLS, bare=endless_tls)
async def a_tls_handshake_without_end(peer: SipPeer) -> None:
    await ntlm(peer)


async def plain_http(stream: Stream) -> None:
    await stream.read()
    await stream.send(b"HTTP/1.1 400 Bad Request\r\nWWW-Authenticate: Negotiate\r\n\r\n")


@scenario(options=TLS, bare=plain_http)
async def http_in_place_of_tls(peer: SipPeer) -> None:
    await ntlm(peer)


@scenario(options=TLS, tolerated=frozenset({Kind.NTLM_RESPONSE}))
async def silence_after_the_ntlm_response(peer: SipPeer) -> None:
    await ntlm(peer, "100 Trying")


class DrippingKdc(Kdc):
    """Says nothing by UDP, and one byte now and then by TCP."""

    def answer(self, data: bytes) -> list[bytes]:
        return []

    async def serve(self, stream: Stream) -> None:
        await stream.read()
        await stream.send(bytes.fromhex("00001000"))
        await drip(stream, b"\x7e")


KERBEROS_OFFER = OFFER.replace("NTLM", "Kerberos").replace("hs1.", "sip/hs1.")
KERBEROS = f"{TCP} --auth kerberos --kdc {{address}}:{{kdc}}"


@scenario(kdc=DrippingKdc("LITWAREINC.COM"), options=KERBEROS, reached="kdc tcp")
async def a_kdc_that_drips(peer: SipPeer) -> None:
    await kerberos(peer)


@scenario(command="doctor", kdc=DrippingKdc("LITWAREINC.COM"), options=KERBEROS, reached="kdc tcp")
async def a_kdc_that_drips_for_the_doctor(peer: SipPeer) -> None:
    await kerberos(peer)


async def kerberos(peer: SipPeer) -> None:
    """Offers Kerberos, on and on."""
    while True:
        await peer.answer(await peer.request(), "401 Unauthorized", KERBEROS_OFFER)


@scenario(command="doctor", options=TLS, bare=silent)
async def a_tls_handshake_that_stalls_before_the_doctor(peer: SipPeer) -> None:
    await ntlm(peer)


@scenario(command="doctor")
async def no_answer_for_the_doctor(peer: SipPeer) -> None:
    await silent(peer)


@scenario(command="doctor")
async def headers_without_end_for_the_doctor(peer: SipPeer) -> None:
    await headers_without_end(peer)
