"""What a directory under the attacker's control may answer, and what it gets."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from sipauthctl.directory.errors import DirectoryError, DirectorySilent
from sipauthctl.directory.session import DirectoryServer, DirectorySession, by_ntlm
from sipauthctl.mechanisms.base import MalformedToken, MechanismError
from sipauthctl.mechanisms.ntlm.sasl import NtlmSasl
from tests.cleared import NTLM
from tests.hostile.leaks import Kind, read_der
from tests.hostile.peers import Handler, Recorder, Services, Stream, der
from tests.hostile.sip_peer import CONNECTIONLESS, FLAGS, OWN_NAMES, challenge, pairs
from tests.hostile.world import TCP, Scenario, play, shown
from tests.network.peers import Authority

Bind = Callable[[], DirectorySession]


class Client:
    """The client's side of a bind, which does not come to its second token."""

    def first(self) -> bytes:
        return b"token"

    def answer(self, token: bytes) -> bytes:
        return b""


def nested(depth: int) -> bytes:
    element = der(0x04)
    for _ in range(depth):
        element = der(0x30, element)
    return element


@pytest.mark.parametrize(
    "answer",
    [
        nested(5000),
        der(0x30, der(0x02, b"\x01"), der(0x61, nested(2000))),
        der(0x30, der(0x02, b"\x01"), der(0x61, der(0x0A, b"\xff" * 9), der(0x04), der(0x04))),
        der(0x30, der(0x02, b"\x01"), der(0x61)),
        der(0x30, der(0x61, der(0x02, b"\x01"))),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
    ids=["nested", "nested-bind", "long-code", "empty-bind", "no-number", "http"],
)
def test_an_answer_that_cannot_be_read(answer: bytes, authority: Authority) -> None:
    async def serve(stream: Stream) -> None:
        await stream.read()
        await stream.send(answer)
        await stream.drain()

    async def scenario() -> None:
        services = Services("127.0.0.1", Recorder())
        context = authority.context("dc1.litwareinc.com")
        port = await services.listen("ldaps", serve, 0, context)
        server = DirectoryServer("dc1.litwareinc.com", "127.0.0.1", 1, port)
        client = ssl.create_default_context(cafile=authority.file)
        with pytest.raises(DirectorySilent):
            await asyncio.to_thread(by_ntlm, server, lambda certificate: Client(), client, 1.0)
        await services.stop()

    asyncio.run(scenario())


EMPTY, DN = der(0x04), der(0x04, b"CN=ned")


async def asked(stream: Stream) -> bytes:
    """The number of the next request, as it stands in its answers."""
    _, body, _ = read_der(await stream.read())
    _, number, _ = read_der(body)
    return der(0x02, number)


async def accept_bind(stream: Stream) -> None:
    number = await asked(stream)
    await stream.send(der(0x30, number, der(0x61, der(0x0A, b"\0"), EMPTY, EMPTY)))


async def with_directory(
    serve: Handler, services: Services, authority: Authority, ask: Callable[[Bind], None]
) -> None:
    """Runs `ask` in a thread; it is given what signs in to the directory."""
    port = await services.listen("ldaps", serve, 0, authority.context("dc1.litwareinc.com"))
    server = DirectoryServer("dc1.litwareinc.com", "127.0.0.1", 1, port)
    client = ssl.create_default_context(cafile=authority.file)
    try:
        async with asyncio.timeout(15):
            await asyncio.to_thread(ask, lambda: by_ntlm(server, lambda certificate: Client(), client, 0.5))
    finally:
        await services.stop()


@pytest.mark.parametrize("what", ["bind", "search", "entries"])
def test_an_answer_that_drips_does_not_extend_the_limit(what: str, authority: Authority) -> None:
    """One byte now and then of an answer that never ends, or one entry after the other."""

    async def serve(stream: Stream) -> None:
        if what != "bind":
            await accept_bind(stream)
        number = await asked(stream)
        piece = der(0x30, number, der(0x64, DN, der(0x30))) if what == "entries" else b"\x04"
        await stream.send(b"" if what == "entries" else b"\x30\x84\x01\0\0\0")
        while True:
            await stream.send(piece)
            await asyncio.sleep(0.05)

    def ask(bind: Bind) -> None:
        with pytest.raises(DirectorySilent), bind() as session:
            session.search("", "(objectClass=*)", ["cn"])

    asyncio.run(with_directory(serve, Services("127.0.0.1", Recorder()), authority, ask))


def test_a_referral_is_not_followed(authority: Authority) -> None:
    """Neither one in the place of a result nor a reference among the entries."""
    recorder = Recorder()

    async def scenario() -> None:
        services = Services("127.0.0.1", recorder)
        evil = await services.listen("evil", Stream.drain, 0, authority.context("dc1.litwareinc.com"))
        to = der(0x04, f"ldaps://127.0.0.1:{evil}/DC=litwareinc,DC=com".encode())

        async def serve(stream: Stream) -> None:
            await accept_bind(stream)
            number = await asked(stream)
            reference = der(0x30, number, der(0x73, to))
            done = der(0x30, number, der(0x65, der(0x0A, b"\x0a"), EMPTY, EMPTY, der(0xA3, to)))
            await stream.send(reference + der(0x30, number, der(0x64, DN, der(0x30))) + done)
            await stream.drain()

        def ask(bind: Bind) -> None:
            with bind() as session, pytest.raises(DirectoryError, match="referral"):
                session.search("DC=litwareinc,DC=com", "(objectClass=*)", ["cn"])

        await with_directory(serve, services, authority, ask)

    asyncio.run(scenario())
    assert [record.place for record in recorder.records] == ["ldaps"]


def test_a_damaged_challenge_is_told_as_such(authority: Authority) -> None:
    whole = challenge(pairs(OWN_NAMES), flags=FLAGS & ~CONNECTIONLESS)
    certificate = authority.ca.issue_cert("dc1.litwareinc.com").cert_chain_pems[0].bytes().decode()
    damaged = [whole[:length] for length in range(8, len(whole), 3)]
    damaged += [whole[:at] + b"\xff\xff" + whole[at + 2 :] for at in range(12, len(whole) - 2)]
    refused = 0
    for token in damaged:
        client = NtlmSasl("ned@litwareinc.com", "x", NTLM, ssl.PEM_cert_to_DER_cert(certificate))
        client.first()
        try:
            client.answer(token)
        except MalformedToken:
            refused += 1
    assert refused > 20  # the others can be read all the same


@pytest.mark.parametrize("level", ["0", "01", " 2", "+2", "x", "6"])
def test_ntlmv1_is_not_asked_for_however_it_is_written(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LM_COMPAT_LEVEL", level)
    with pytest.raises(MechanismError, match="LM_COMPAT_LEVEL"):
        NtlmSasl("ned@litwareinc.com", "x", NTLM, b"")


DIRECTORY = "_ldap._tcp.dc._msdcs.litwareinc.com. 9 IN SRV 0 0 {ldap} dc1.litwareinc.com."


@pytest.mark.slow
@pytest.mark.parametrize("quote", [bytes.hex, lambda data: base64.b64encode(data).decode()], ids=["hex", "base64"])
def test_a_response_that_comes_back_is_not_shown(
    quote: Callable[[bytes], str], authority: Authority, tmp_path: Path
) -> None:
    got: list[bytes] = []

    def thrown_back(response: bytes) -> str:
        got.append(response)
        return quote(response)

    scenario = Scenario(command="doctor", options=TCP, zone=DIRECTORY, directory_quotes=thrown_back)
    outcome = play(scenario, authority, tmp_path)
    assert got and "data 52e" in outcome.out, outcome.out
    assert not shown(got[0][-200:], outcome.out + outcome.err), outcome.out


@pytest.mark.slow
def test_the_directory_of_the_user_gets_a_response_and_no_password(authority: Authority, tmp_path: Path) -> None:
    outcome = play(Scenario(command="doctor", options=TCP, zone=DIRECTORY), authority, tmp_path)
    places = {place: leaks for place, leaks in outcome.leaks.items() if leaks}
    assert [{leak.kind for leak in leaks} for leaks in places.values()] == [{Kind.NTLM_RESPONSE}], outcome.out
    assert set(places) <= {"ldap", "ldaps"}
