"""A directory that answers nonsense is one that does not answer."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from sipauthctl.directory.errors import DirectorySilent
from sipauthctl.directory.session import DirectoryServer, by_ntlm
from tests.hostile.peers import Recorder, Services, Stream, der
from tests.network.peers import Authority


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
