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

PATIENCE = 32.0
"""Seconds in which a client has to complete what it has begun, and to take what it is sent: 64*T1, RFC 3261 17.1."""


class Connection:
    """Bytes from and to a client. Reading lets others have their turn, however much a client sends.

    Args:
        accepted: the socket, not blocking; whoever gives it closes it.
        context: for TLS, None without.
        patience: seconds for the client to make the TLS handshake, and to take what is written.
    """

    def __init__(self, accepted: socket.socket, context: ssl.SSLContext | None, patience: float = PATIENCE) -> None:
        self._socket = accepted
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True) if context else None
        self._patience = patience
        self._writing = asyncio.Lock()  # answers, and what the server sends unasked

    async def handshake(self) -> bool:
        """Makes TLS's, where there is TLS; whether it succeeded.

        Raises:
            TimeoutError: the client does not complete it.
        """
        if self._tls is None:
            return True
        async with asyncio.timeout(self._patience):
            while True:
                try:
                    self._tls.do_handshake()
                except ssl.SSLWantReadError:
                    await self._send_pending()
                except ssl.SSLError:
                    await self._send_pending()
                    return False
                else:
                    await self._send_pending()
                    return True
                if not await self._receive_tls():
                    return False

    async def read(self) -> bytes:
        """What comes next; empty when the client has ended or TLS has failed.

        Raises:
            TimeoutError: the client does not take what TLS has to say.
        """
        if self._tls is None:
            return await self._receive()
        while True:
            try:
                return self._tls.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                await self._send_pending()
            except ssl.SSLError:
                await self._send_pending()
                return b""
            if not await self._receive_tls():
                return b""

    async def write(self, data: bytes) -> None:
        """Sends to a client that still listens, and does nothing otherwise.

        Raises:
            TimeoutError: the client does not take it. The connection is of no more use.
        """
        if not data:
            return
        async with asyncio.timeout(self._patience), self._writing:
            if self._tls is not None:
                with contextlib.suppress(ssl.SSLError):  # TLS has failed
                    self._tls.write(data)
                data = self._outgoing.read()
            await self._send(data)

    def end(self) -> None:
        """Says TLS's own good-bye where there is TLS, without waiting for anything."""
        if self._tls is not None:
            with contextlib.suppress(ssl.SSLError):  # it wants to wait for the client's
                self._tls.unwrap()
            with contextlib.suppress(OSError):
                self._socket.send(self._outgoing.read())

    async def _receive_tls(self) -> bool:
        data = await self._receive()
        self._incoming.write(data)
        return bool(data)

    async def _receive(self) -> bytes:
        await asyncio.sleep(0)  # sock_recv returns at once while there is data
        try:
            return await asyncio.get_running_loop().sock_recv(self._socket, _READ_BYTES)
        except OSError:
            return b""

    async def _send_pending(self) -> None:
        """What TLS has to say by itself."""
        if self._outgoing.pending:
            async with asyncio.timeout(self._patience), self._writing:
                await self._send(self._outgoing.read())

    async def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(self._socket, data)
