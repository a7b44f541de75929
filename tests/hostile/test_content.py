"""Answers with lies in them: lengths, numbers, names, identifiers. None is believed, none breaks the program."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from tests.cli.program import sipauthctl
from tests.hostile.leaks import Kind
from tests.hostile.sip_peer import (
    EVIL_NAMES,
    FLAGS,
    OFFER,
    OWN_NAMES,
    REALM,
    SipPeer,
    challenge,
    field,
    ntlm,
    pairs,
    response,
    token,
    with_token,
)
from tests.hostile.table import Table
from tests.hostile.world import TCP, TLS, Scenario, acting_characters, play, shown_as_markup
from tests.network.peers import Authority

RESPONSE = frozenset({Kind.NTLM_RESPONSE})
"""The server is the one that the user meant, and proved so; what it does with the response is another matter."""
scenario = Table(options=TLS)


@scenario.all()
def test_lies_break_nothing(scenario: Scenario, authority: Authority, tmp_path: Path) -> None:
    outcome = play(scenario, authority, tmp_path)
    outcome.judge(scenario)
    assert "REGISTERED" not in outcome.out


# A CHALLENGE whose fields lead elsewhere: no response is made of it.


@scenario()
async def a_name_beyond_the_challenge(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(pairs(OWN_NAMES), fields={16: 0xFFFFFFF0}))


@scenario()
async def a_target_info_beyond_the_challenge(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(pairs(OWN_NAMES), fields={44: 0x7FFFFFFF}))


@scenario(fast=True)
async def a_target_info_longer_than_the_challenge(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(pairs(OWN_NAMES), fields={40: 0xFFFFFFFF}))


@scenario(tolerated=RESPONSE)
async def a_target_info_within_the_header(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(pairs(OWN_NAMES), fields={44: 0}))


@scenario()
async def a_pair_longer_than_the_target_info(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(struct.pack("<HH", 4, 0xFFFF) + b"x"))


@scenario(tolerated=RESPONSE)
async def a_target_info_without_end(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(pairs(OWN_NAMES)[:-4]))


@scenario(tolerated=RESPONSE)
async def a_target_info_of_thousands_of_pairs(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(struct.pack("<HH", 9, 2) + b"x\0" + struct.pack("<HH", 3, 0) * 9000 + bytes(4)))


@scenario()
async def a_challenge_of_three_bytes(peer: SipPeer) -> None:
    await ntlm(peer, data=b"NTL")


@scenario()
async def an_authenticate_in_place_of_a_challenge(peer: SipPeer) -> None:
    await ntlm(peer, data=b"NTLMSSP\0\x03\0\0\0" + bytes(76))


@scenario(tolerated=RESPONSE)
async def no_flags_at_all(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(pairs(OWN_NAMES), flags=0))


@scenario(tolerated=RESPONSE)
async def without_extended_session_security(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(pairs(OWN_NAMES), flags=FLAGS & ~0x80000))


@scenario()
async def names_that_are_no_utf_16(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(struct.pack("<HH", 2, 3) + b"\x00\xd8x" + bytes(4)))


@scenario(tolerated=RESPONSE)
async def a_timestamp_of_the_year_60056(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(struct.pack("<HHQ", 7, 8, 0xFFFFFFFFFFFFFFFF) + pairs(OWN_NAMES)))


@scenario(tolerated=RESPONSE)
async def a_timestamp_of_the_year_1601(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(struct.pack("<HHQ", 7, 8, 0) + pairs(OWN_NAMES)))


@scenario(command="doctor", options=TCP)
async def a_timestamp_of_the_year_60056_for_the_doctor(peer: SipPeer) -> None:
    await a_timestamp_of_the_year_60056(peer)


# Values of any length and any number.


@scenario()
async def a_realm_of_a_megabyte(peer: SipPeer) -> None:
    await ntlm(peer, offer=OFFER.replace("SIP Communications Service", "R" * (1 << 20)))


@scenario()
async def a_targetname_of_a_megabyte(peer: SipPeer) -> None:
    await ntlm(peer, offer=OFFER.replace("hs1.litwareinc.com", "T" * (1 << 20)))


LONG = REALM.replace("SIP Communications Service", "R" * 30_000).replace("hs1.litwareinc.com", "T" * 30_000)


@scenario(tolerated=RESPONSE)
async def a_realm_and_a_targetname_as_long_as_a_line(peer: SipPeer) -> None:
    await ntlm(peer, offer=f"WWW-Authenticate: NTLM {LONG}", realm=LONG)


@scenario(tolerated=RESPONSE)
async def a_token_of_48_kilobytes(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(bytes(48_000)))


@scenario()
async def a_token_that_is_no_base64(peer: SipPeer) -> None:
    while True:
        request = await peer.request()
        data = 'gssapi-data="\\"\N{LATIN SMALL LETTER E WITH ACUTE}==", ' if token(request) is not None else ""
        await peer.answer(request, "401 Unauthorized", f"WWW-Authenticate: NTLM {data}{REALM}")


DIGITS = "9" * 5000


@scenario()
async def a_version_of_5000_digits(peer: SipPeer) -> None:
    await ntlm(peer, offer=OFFER.replace("version=4", f"version={DIGITS}"))


@scenario(tolerated=RESPONSE)
async def an_snum_of_5000_digits(peer: SipPeer) -> None:
    info = f'Authentication-Info: NTLM rspauth="00", srand="00", snum="{DIGITS}", opaque="A1", {REALM}'
    await ntlm(peer, "200 OK", info)


@scenario()
async def a_content_length_of_5000_digits(peer: SipPeer) -> None:
    request = await peer.request()
    await peer.send(
        response(request, "401 x", OFFER).replace(b"Content-Length: 0", b"Content-Length: " + DIGITS.encode())
    )
    await peer.drain()


@scenario()
async def a_cseq_of_5000_digits(peer: SipPeer) -> None:
    request = await peer.request()
    await peer.answer(request, "401 Unauthorized", OFFER, cseq=f"{DIGITS} REGISTER")
    await peer.drain()


@scenario()
async def a_status_of_5000_digits(peer: SipPeer) -> None:
    await peer.answer(await peer.request(), f"{DIGITS} Unauthorized", OFFER)
    await peer.drain()


@scenario(tolerated=RESPONSE)
async def diagnostics_of_5000_digits(peer: SipPeer) -> None:
    await ntlm(
        peer, "403 Forbidden", f'ms-diagnostics: {DIGITS};reason="x";HRESULT="0x{DIGITS}"', f"Retry-After: {DIGITS}"
    )


@scenario(tolerated=RESPONSE)
async def expires_of_5000_digits(peer: SipPeer) -> None:
    await ntlm(
        peer,
        "423 Interval Too Brief",
        f"Expires: {DIGITS}",
        f"Min-Expires: {DIGITS}",
        f"ms-keep-alive: UAS;timeout={DIGITS}",
    )


async def dated(peer: SipPeer, date: str) -> None:
    while True:
        await peer.answer(await peer.request(), "401 Unauthorized", OFFER, f"Date: {date}")


@scenario()
async def a_date_in_the_year_1(peer: SipPeer) -> None:
    await dated(peer, "Mon, 01 Jan 0001 00:00:00 GMT")


@scenario(command="doctor", options=TCP)
async def a_date_in_the_year_9999_for_the_doctor(peer: SipPeer) -> None:
    await dated(peer, "Fri, 31 Dec 9999 23:59:59 GMT")


@scenario()
async def a_date_of_5000_digits(peer: SipPeer) -> None:
    await dated(peer, f"Fri, 31 Dec {DIGITS} 23:59:59 GMT")


@scenario(options=TCP, command="doctor")
async def thousands_of_offers_for_the_doctor(peer: SipPeer) -> None:
    await thousands_of_offers(peer)


# Answers to what was not asked, and answers that nothing proves.


@scenario(tolerated=RESPONSE)
async def an_answer_before_the_request(peer: SipPeer) -> None:
    await peer.send(b"SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\nCall-ID: x\r\nContent-Length: 0\r\n\r\n")
    await ntlm(peer)


@scenario()
async def success_without_a_challenge(peer: SipPeer) -> None:
    await peer.answer(await peer.request(), "200 OK", "Expires: 600")
    await peer.drain()


async def success_with(peer: SipPeer, **changed: str) -> None:
    """A challenge and an answer, all of which have something changed."""
    while True:
        request = await peer.request()
        await peer.answer(request, "401 Unauthorized", OFFER, **changed)
        await peer.answer(request, "200 OK", "Expires: 600", **changed)


@scenario()
async def another_call_id(peer: SipPeer) -> None:
    await success_with(peer, call_id="another")


@scenario()
async def another_cseq(peer: SipPeer) -> None:
    await success_with(peer, cseq="4711 REGISTER")


@scenario()
async def another_method(peer: SipPeer) -> None:
    await success_with(peer, cseq="1 INVITE")


@scenario()
async def another_via(peer: SipPeer) -> None:
    await success_with(peer, via="SIP/2.0/TLS evil.fabrikam.com;branch=z9hG4bKevil")


@scenario()
async def another_from(peer: SipPeer) -> None:
    await success_with(peer, from_="<sip:eve@fabrikam.com>;tag=1")


@scenario(tolerated=RESPONSE)
async def a_stripped_signature(peer: SipPeer) -> None:
    await ntlm(peer, "200 OK", "Expires: 600")


@scenario(tolerated=RESPONSE)
async def a_forged_signature(peer: SipPeer) -> None:
    signature = 'rspauth="01000000000000000000000064000000", srand="0A1B2C3D", snum="1"'
    info = f'Authentication-Info: NTLM {signature}, opaque="A1", {REALM}'
    await ntlm(peer, "200 OK", info, "Expires: 600")


@scenario(tolerated=RESPONSE)
async def an_unsigned_redirect(peer: SipPeer) -> None:
    await ntlm(peer, "301 Moved", "Contact: <sip:evil.fabrikam.com:5061;transport=tls>")


@scenario()
async def a_redirect_without_a_challenge(peer: SipPeer) -> None:
    await peer.answer(await peer.request(), "302 Moved", "Contact: <sip:evil.fabrikam.com:5061;transport=tls>")
    await peer.drain()


@scenario(tolerated=RESPONSE)
async def challenged_again_and_again(peer: SipPeer) -> None:
    await ntlm(peer, "401 Unauthorized", OFFER)


@scenario(tolerated=RESPONSE)
async def challenged_under_ever_new_names(peer: SipPeer) -> None:
    turn = 0
    while True:
        request = await peer.request()
        sent, realm = token(request), REALM.replace("hs1", f"hs{turn}")
        if sent == "":
            await peer.answer(request, "401 Unauthorized", with_token(challenge(pairs(OWN_NAMES)), realm))
        else:
            turn += 1
            realm = REALM.replace("hs1", f"hs{turn}")
            await peer.answer(request, "407 Proxy", f"Proxy-Authenticate: NTLM {realm}")


@scenario(options=TCP, said=("more offers were ignored",))
async def thousands_of_offers(peer: SipPeer) -> None:
    turn = 0
    while True:
        request = await peer.request()
        turn += 1
        junk = ["WWW-Authenticate: " + ", ".join(f"K{turn}x{i} r={j}" for i in range(1600)) for j in range(3)]
        await peer.answer(request, "401 Unauthorized", OFFER, *junk)


# What the attacker would like to be shown.

ACTING = "\x1b[31m\x9b2J\x07\x08\u202egnp\u2066\u200b\ufeff\ue000"
MARKUP = "[bold]zzMARKzz[/bold][link=http://evil.fabrikam.com]x[/link] :warning: [/]"
SHOWN = f"{ACTING} {MARKUP}".replace("\x07", "")


def shown_names() -> dict[int, str]:
    return {number: f"{name}{SHOWN}"[:200] for number, name in EVIL_NAMES.items()}


async def showing(peer: SipPeer) -> None:
    """Puts it wherever an answer has text."""
    quoted = SHOWN.replace('"', "")
    realm = f'realm="{quoted}", targetname="hs1.litwareinc.com{quoted}", version=4'
    offers = (
        f"WWW-Authenticate: NTLM {realm}",
        f'WWW-Authenticate: Kerberos realm="{quoted}", targetname="http/{quoted}", version=4',
        f'WWW-Authenticate: TLS-DSK realm="{quoted}", targetname="{quoted}", sts-uri="https://{quoted}", version=4',
        f"Date: {quoted}",
        f"Server: {quoted}",
    )
    while True:
        request = await peer.request()
        via = f"{field(request, 'Via')};received={quoted};ms-received-port=1"
        if token(request) is None:
            await peer.answer(request, f"401 {SHOWN}", *offers, via=via)
        elif not token(request):
            await peer.answer(request, f"401 {SHOWN}", with_token(challenge(pairs(shown_names())), realm))
        else:
            await peer.answer(request, f"403 {SHOWN}", f'ms-diagnostics: 1000;reason="{quoted}";source="{quoted}"')


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize("command", ["register", "doctor"])
def test_text_acts_on_nothing(command: str, more: tuple[str, ...], authority: Authority, tmp_path: Path) -> None:
    scenario = Scenario(showing, command, TLS, tolerated=RESPONSE)
    outcome = play(scenario, authority, tmp_path, *more)
    outcome.judge(scenario)
    text = outcome.out + outcome.err
    assert "zzMARKzz" in text
    assert shown_as_markup(text, "zzMARKzz") == []
    assert "\N{WARNING SIGN}" not in text
    if more:
        json.loads(outcome.out)


@pytest.mark.slow
def test_the_trace_of_it_acts_on_nothing_in_any_output(authority: Authority, tmp_path: Path) -> None:
    trace, page = tmp_path / "trace", tmp_path / "page.html"
    play(Scenario(showing, "register", TLS, tolerated=RESPONSE), authority, tmp_path, "--trace", str(trace))
    texts = {}
    for name, args in {
        "text": ["analyze", str(trace)],
        "json": ["analyze", str(trace), "--json", "--html", str(page)],
        "doctor": ["doctor", "--from", str(trace)],
        "doctor json": ["doctor", "--from", str(trace), "--json"],
    }.items():
        result = sipauthctl(*args)
        assert result.code == 1, result.err
        texts[name] = result.out + result.err
    texts["page"] = page.read_text("utf-8")
    for name, text in texts.items():
        assert "zzMARKzz" in text, name
        assert acting_characters(text) == "", name
        assert shown_as_markup(text, "zzMARKzz") == [], name
    assert texts["page"].count("<script>") == 1
    json.loads(texts["json"])
    json.loads(texts["doctor json"])
