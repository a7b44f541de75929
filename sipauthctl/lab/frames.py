"""A server by TCP whose messages follow their length: DNS and Kerberos."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sipauthctl.lab.connection import PATIENCE, Connection
from sipauthctl.lab.listener import Accepted


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """How messages stand in the stream: bytes of the length before each, and the longest message that is taken."""

    prefix: int
    longest: int


async def answer_frames(form: FrameFormat, answer: Callable[[bytes], bytes | None], accepted: Accepted) -> None:
    """Answers message by message until one gets no answer, is too long, or does not come in `PATIENCE` seconds."""
    connection, received = Connection(accepted.socket, None), bytearray()
    while True:
        try:
            async with asyncio.timeout(PATIENCE):
                message = await _next(form, connection, received)
            reply = None if message is None else answer(message)
            if reply is None:
                return
            await connection.write(len(reply).to_bytes(form.prefix) + reply)
        except TimeoutError:
            return
        await asyncio.sleep(0)  # the turn of others, also where many messages came at once


async def _next(form: FrameFormat, connection: Connection, received: bytearray) -> bytes | None:
    """The next message, taken out of what was received; None when the client has ended or announces too much."""
    while True:
        if len(received) >= form.prefix:
            length = int.from_bytes(received[: form.prefix])
            if length > form.longest:
                return None
            end = form.prefix + length
            if len(received) >= end:
                message = bytes(received[form.prefix : end])
                del received[:end]
                return message
        data = await connection.read()
        if not data:
            return None
        received += data
