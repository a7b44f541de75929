"""One accepted connection, with TLS or without, that goes on reading when the client no longer listens.

A client that signs out sends its last requests and closes at once, with answers unread. The kernel then refuses what
is still written to it, but keeps what it sent; asyncio's streams lose that, since they end with the first failed
write. They also drop a failed TLS handshake without the alert that tells the client why.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

_READ_BYTES = 65_536


class Connection:
    """Bytes from and to a client.

    Args:
        accepted: the socket, not blocking; whoever gives it closes it.
        context: for TLS, None without.
    """

    def __init__(self, accepted: socket.socket, context: ssl.SSLContext | None) -> None:
        self._socket = accepted
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True) if context else None

    async def read(self) -> bytes:
        """What comes next; empty when the client has ended or TLS has failed."""
        if self._tls is None:
            return await self._receive()
        while True:
            try:
                return self._tls.read(_READ_BYTES)  # makes the handshake first
            except ssl.SSLWantReadError:
                await self._send_pending()
            except ssl.SSLError:
                await self._send_pending()
                return b""
            data = await self._receive()
            if not data:
                return b""
            self._incoming.write(data)

    async def write(self, data: bytes) -> None:
        """Sends to a client that still listens, and does nothing otherwise."""
        if self._tls is None:
            await self._send(data)
        elif data:
            self._tls.write(data)
            await self._send_pending()

    def end(self) -> None:
        """Says TLS's own good-bye where there is TLS, without waiting for anything."""
        if self._tls is not None:
            with contextlib.suppress(ssl.SSLError):  # it wants to wait for the client's
                self._tls.unwrap()
            with contextlib.suppress(OSError):
                self._socket.send(self._outgoing.read())

    async def _receive(self) -> bytes:
        try:
            return await asyncio.get_running_loop().sock_recv(self._socket, _READ_BYTES)
        except OSError:
            return b""

    async def _send_pending(self) -> None:
        await self._send(self._outgoing.read())

    async def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(self._socket, data)
