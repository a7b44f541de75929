"""A server by UDP: one datagram in, one out or none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast


class Datagrams(asyncio.DatagramProtocol):
    """Sends what `answer` gives for each datagram back to where that came from."""

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        # Python 3.11's transport is one without being a subclass.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Called by asyncio."""
        answer = self._answer(data)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, address)
