"""A server by UDP: one datagram in, one out or none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from sipauthctl.lab.listener import loopback


class Datagrams(asyncio.DatagramProtocol):
    """Sends what `answer` gives for each datagram back to where that came from."""

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self._answer = answer
        self._paused = False
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        # Python 3.11's transport is one without being a subclass.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Called by asyncio."""
        if self._transport is None or self._paused:  # as by UDP everything may be lost, nothing is kept for later
            return
        answer = self._answer(data)
        if answer is not None:
            self._transport.sendto(answer, address)

    def pause_writing(self) -> None:
        """Called by asyncio when nobody takes the answers."""
        self._paused = True

    def resume_writing(self) -> None:
        """Called by asyncio."""
        self._paused = False


async def answer_datagrams(
    address: str, port: int, answer: Callable[[bytes], bytes | None]
) -> asyncio.DatagramTransport:
    """Begins to answer on a loopback address; with port 0 the system picks one.

    Raises:
        OSError: the port is taken, or needs root.
        ValueError: the address is not on loopback.
    """
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Datagrams(answer), local_addr=(loopback(address), port)
    )
    return transport
