"""Questions by UDP: one datagram out, repeated while nothing comes, one answer in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sipauthctl.network.dial import reason

FIRST_WAIT_SECONDS = 1.0
"""After this time without an answer the question is repeated, then after twice that time, and so on."""


class NoAnswer(Exception):
    """Nobody answers; `refused` where the host said that nothing listens there."""

    def __init__(self, message: str, *, refused: bool) -> None:
        super().__init__(message)
        self.refused = refused


async def ask(
    address: str, port: int, question: bytes, seconds: float, accepts: Callable[[bytes], bool] = lambda data: True
) -> bytes:
    """The first datagram from there that `accepts` takes; others are passed over.

    Raises:
        NoAnswer: none came within `seconds`, or the host says that nothing listens there.
    """
    where = f"{address} port {port} by UDP"
    loop = asyncio.get_running_loop()
    try:
        # A connected socket takes datagrams from nobody else, and hears when nothing listens there.
        transport, answers = await loop.create_datagram_endpoint(
            lambda: _Answers(accepts), remote_addr=(address, port)
        )
    except OSError as error:
        raise NoAnswer(f"{where}: {reason(error)}", refused=True) from None
    sender = asyncio.create_task(_repeat(transport, question))
    try:
        async with asyncio.timeout(seconds):
            return await answers.first
    except TimeoutError:
        raise NoAnswer(f"{where}: no answer within {seconds:g} s", refused=False) from None
    except OSError as error:
        raise NoAnswer(f"{where}: {reason(error)}", refused=True) from None
    finally:
        sender.cancel()
        transport.close()


async def _repeat(transport: asyncio.DatagramTransport, question: bytes) -> None:
    wait = FIRST_WAIT_SECONDS
    while True:
        transport.sendto(question)
        await asyncio.sleep(wait)
        wait *= 2


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, accepts: Callable[[bytes], bool]) -> None:
        self._accepts = accepts
        self.first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if not self.first.done() and self._accepts(data):
            self.first.set_result(data)

    def error_received(self, error: Exception) -> None:
        if not self.first.done():
            self.first.set_exception(error)
