"""The TCP part of a connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

from sipauthctl.network.errors import ConnectionRefused, ConnectTimeout
from sipauthctl.network.evidence import Endpoint


async def dial(server: Endpoint, address: str, seconds: float) -> socket.socket:
    """Connects to an IP address.

    Raises:
        ConnectionRefused: nothing listens there, or no way leads there.
        ConnectTimeout: no answer within `seconds`.
    """
    where = f"{address} port {server.port}"
    tcp: socket.socket | None = None
    try:
        tcp = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        tcp.setblocking(False)
        # One that is reset was taken before: whoever uses it finds it ended.
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().sock_connect(tcp, (address, server.port))
    except BaseException as error:
        if tcp is not None:
            tcp.close()
        if isinstance(error, TimeoutError):
            raise ConnectTimeout(server, f"no connection to {where} within {seconds:g} s") from None
        if isinstance(error, OSError):
            raise ConnectionRefused(server, f"{where}: {reason(error)}") from None
        raise
    return tcp


def reason(error: OSError) -> str:
    """The system's words for an error; asyncio puts its own in their place."""
    return os.strerror(error.errno).lower() if error.errno else "the connection was closed"


def abort(writer: asyncio.StreamWriter) -> None:
    """Drops a connection at once, whatever state it is in."""
    with contextlib.suppress(AttributeError):  # Python 3.11.2 raises it for TLS that is closed already
        writer.transport.abort()
