"""A server that signs rightly, and abuses that: where it sends the user, and what it sends once the user is in.

The user meant this server and proved his password to it; whoever it leads him to is another matter.
"""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.hostile.insider import Insider, signed
from tests.hostile.leaks import Kind
from tests.hostile.sip_peer import SipPeer, field
from tests.hostile.table import Table
from tests.hostile.world import MEANT, TLS, Scenario, play
from tests.network.peers import Authority

RESPONSE = frozenset({Kind.NTLM_RESPONSE})
scenario = Table(options=TLS, tolerated=RESPONSE)


@scenario.all()
def test_a_redirect_leads_nobody_astray(scenario: Scenario, authority: Authority, tmp_path: Path) -> None:
    outcome = play(scenario, authority, tmp_path)
    outcome.judge(scenario)
    assert outcome.leaks[MEANT], f"the server that was meant got no response, so nothing was shown\n{outcome.err}"


async def redirecting(peer: SipPeer, *contacts: str, status: str = "301 Moved") -> None:
    """Sends everybody on, with a right signature; `TLS`, `TCP` and `EVIL` in a contact are ports of the world."""
    ports = {"TLS": peer.names["tls"], "TCP": peer.names["evil_tcp"], "EVIL": peer.names["evil"]}
    for word, port in ports.items():
        contacts = tuple(contact.replace(f":{word}", f":{port}") for contact in contacts)
    await Insider(peer).serve(status, *(f"Contact: {contact}" for contact in contacts))


@scenario()
async def to_itself(peer: SipPeer) -> None:
    await redirecting(peer, "<sip:hs1.litwareinc.com:TLS;transport=tls>")


@scenario()
async def to_itself_in_other_letters(peer: SipPeer) -> None:
    await redirecting(peer, "<sip:HS1.LitwareInc.COM.:TLS;transport=tls>")


turns = iter(range(1, 1_000_000))
ENDLESS = "".join(f"hs1-{number}.litwareinc.com. 9 IN A {{address}}\n" for number in range(1, 80))


@scenario(options=TLS + " --max-redirects 20", zone=ENDLESS, certificate="*.litwareinc.com")
async def to_ever_new_servers(peer: SipPeer) -> None:
    await redirecting(peer, f"<sip:hs1-{next(turns) % 79 + 1}.litwareinc.com:TLS;transport=tls>")


@scenario()
async def to_64_places_at_once(peer: SipPeer) -> None:
    await redirecting(peer, ", ".join(f"<sip:evil.fabrikam.com:{port};transport=tls>" for port in range(1, 65)))


@scenario()
async def to_another_domain(peer: SipPeer) -> None:
    await redirecting(peer, "<sip:evil.fabrikam.com:EVIL;transport=tls>")


@scenario()
async def to_plain_tcp(peer: SipPeer) -> None:
    await redirecting(peer, "<sip:hs1.litwareinc.com:TCP;transport=tcp>")


@scenario()
async def to_udp(peer: SipPeer) -> None:
    await redirecting(peer, "<sip:hs1.litwareinc.com:TLS;transport=udp>")


@scenario()
async def to_a_loopback_address(peer: SipPeer) -> None:
    await redirecting(peer, "<sip:127.0.0.1:EVIL;transport=tls>")


@scenario()
async def to_a_link_local_address(peer: SipPeer) -> None:
    await redirecting(peer, "<sip:[fe80::1]:EVIL;transport=tls>")


@scenario()
async def to_an_address_written_as_a_number(peer: SipPeer) -> None:
    await redirecting(peer, "<sip:2130706433:EVIL;transport=tls>")


@scenario()
async def to_a_port_of_5000_digits(peer: SipPeer) -> None:
    await redirecting(peer, f"<sip:hs1.litwareinc.com:{'9' * 5000};transport=tls>")


@scenario()
async def to_port_0(peer: SipPeer) -> None:
    await redirecting(peer, "<sip:hs1.litwareinc.com:0;transport=tls>")


@scenario()
async def to_a_host_with_a_line_end_in_its_name(peer: SipPeer) -> None:
    await redirecting(peer, "<sip:hs1.litwareinc.com%0d%0aEvil:%20x:TLS;transport=tls>")


@scenario()
async def to_a_host_of_60_kilobytes(peer: SipPeer) -> None:
    await redirecting(peer, f"<sip:{'h' * 60_000}.litwareinc.com:TLS;transport=tls>")


@scenario()
async def to_the_other_side_of_a_302(peer: SipPeer) -> None:
    await redirecting(peer, "<sip:evil.fabrikam.com:EVIL;transport=tls>", status="302 Moved Temporarily")


@scenario()
async def through_a_proxy_of_a_305(peer: SipPeer) -> None:
    await redirecting(peer, "<sip:evil.fabrikam.com:EVIL;transport=tls>", status="305 Use Proxy")


# Once the user is registered.

REGISTERED = frozenset({0, 1})


@scenario(options=TLS + " --hold 2s", codes=REGISTERED)
async def requests_without_end(peer: SipPeer) -> None:
    insider = Insider(peer)
    await insider.register()
    while True:
        await peer.send(
            b"NOTIFY sip:ned@litwareinc.com SIP/2.0\r\nVia: SIP/2.0/TLS hs1.litwareinc.com;branch=z9hG4bK1\r\n"
            b"From: <sip:eve@fabrikam.com>;tag=1\r\nTo: <sip:ned@litwareinc.com>\r\nCall-ID: evil\r\n"
            b"CSeq: 1 NOTIFY\r\nContent-Length: 0\r\n\r\n" * 100
        )


@scenario(options=TLS + " --hold 2s", codes=REGISTERED)
async def line_ends_without_end(peer: SipPeer) -> None:
    await Insider(peer).register()
    while True:
        await peer.send(b"\r\n\r\n" * 10_000)


@scenario(options=TLS + " --refresh 5")
async def no_time_at_all(peer: SipPeer) -> None:
    insider = Insider(peer)
    while True:
        await insider.register(expires=0)


@scenario(options=TLS + " --hold 3s", codes=REGISTERED)
async def a_time_of_5000_digits(peer: SipPeer) -> None:
    insider = Insider(peer)
    while True:
        text, association = await insider.authenticated()
        headers = (f"Expires: {'9' * 5000}", f"ms-keep-alive: UAS;tcp=no;timeout={'9' * 5000}")
        await peer.send(signed(association, text, "200 OK", *headers))


@scenario(options=TLS + " --hold 3s", codes=REGISTERED)
async def a_keep_alive_of_zero_seconds(peer: SipPeer) -> None:
    insider = Insider(peer)
    while True:
        await insider.register("ms-keep-alive: UAS;tcp=no;hop-hop=yes;end-end=no;timeout=0")


@scenario(options=TLS + " --hold 3s", codes=REGISTERED)
async def a_connection_that_breaks_after_each_answer(peer: SipPeer) -> None:
    await Insider(peer).register()


@scenario(options=TLS + " --refresh 3", codes=REGISTERED)
async def silence_once_registered(peer: SipPeer) -> None:
    await Insider(peer).register()
    await peer.drain()


@scenario(options=TLS + " --refresh 2", codes=REGISTERED)
async def another_answer_to_the_refresh(peer: SipPeer) -> None:
    insider = Insider(peer)
    await insider.register()
    while True:
        text, association = await insider.authenticated()
        await peer.send(signed(association, text, "200 OK", "Expires: 600", to=f"{field(text, 'To')};tag=2;x=\x1b[2J"))


@scenario(options=TLS + " --probe subscribe", codes=REGISTERED)
async def a_route_of_900_servers(peer: SipPeer) -> None:
    insider = Insider(peer)
    route = "Record-Route: " + ", ".join(f"<sip:h{number}.fabrikam.com;lr>" for number in range(900))
    while True:
        text, association = await insider.authenticated()
        await peer.send(signed(association, text, "200 OK", "Expires: 600", route))


@scenario(options=TLS + " --probe message", codes=REGISTERED)
async def a_signed_answer_of_four_megabytes(peer: SipPeer) -> None:
    await Insider(peer).serve("200 OK", "Expires: 600", body=bytes(4_000_000))


# As the registration is taken back.


@scenario(codes=frozenset({0}), said=("answered the de-registration with 200, and lists this endpoint still.",))
async def a_contact_that_stays(peer: SipPeer) -> None:
    insider = Insider(peer)
    while True:
        text, association = await insider.authenticated()
        contact = f"Contact: {field(text, 'Contact')};expires=600"
        await peer.send(signed(association, text, "200 OK", "Expires: 600", contact))


@scenario(said=("to the de-registration cannot be believed: the message carries no signature.",))
async def an_unsigned_end(peer: SipPeer) -> None:
    await Insider(peer).register()
    await peer.answer(await peer.request(), "200 OK", "Expires: 0")


@scenario(said=("no answer within 1 s -> REGISTER 4 de-registers, signed cnum=2", "snum=2 valid"))
async def a_registration_that_comes_too_late(peer: SipPeer) -> None:
    insider = Insider(peer)
    registering, deregistering = await insider.authenticated(), await insider.authenticated()
    for text, association in (registering, deregistering):
        await peer.send(signed(association, text, "200 OK", "Expires: 600"))


@scenario(said=("REGISTER 5 de-registers, signed cnum=3", "answered the de-registration with 401."))
async def a_server_that_is_gone_before_it_answers_the_credentials(peer: SipPeer) -> None:
    """They are not sent again in order to de-register: that may lock the account."""
    await Insider(peer).authenticated()


@pytest.mark.slow
def test_an_honest_server_is_signed_in_to(authority: Authority, tmp_path: Path) -> None:
    """The world itself is sound: without an attack the same parts end well."""

    async def honest(peer: SipPeer) -> None:
        insider = Insider(peer)
        while True:
            await asyncio.sleep(0)
            await insider.register("Date: " + formatdate(usegmt=True))

    outcome = play(Scenario(honest, options=TLS, tolerated=RESPONSE), authority, tmp_path)
    assert outcome.code == 0 and "REGISTERED" in outcome.out, outcome.out
    assert outcome.leaks["sip tls"]
