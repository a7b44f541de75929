"""A server that speaks TLS 1.1 at most and says so properly.

asyncio drops a failed handshake without sending the alert that tells the client why, so this one is done by hand.
"""

from __future__ import annotations

import asyncio
import ssl

_READ_BYTES = 16_384


async def refuse_new_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext) -> None:
    """Answers a ClientHello of TLS 1.2 or later with the alert protocol_version, then ends the connection."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    while data := await reader.read(_READ_BYTES):
        incoming.write(data)
        try:
            tls.do_handshake()
            finished = True
        except ssl.SSLWantReadError:
            finished = False
        except ssl.SSLError:
            finished = True
        writer.write(outgoing.read())
        await writer.drain()
        if finished:
            return
