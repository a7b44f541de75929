"""One connection to a SIP server: TCP or TLS, SIP messages out and in, each step with its own time limit."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass, replace

from sipauthctl.network.errors import (
    AnswerTimeout,
    ConnectionClosed,
    ConnectionRefused,
    ConnectTimeout,
    NetworkError,
    NotTls,
    ProtocolError,
    TlsExpired,
    TlsFailed,
    TlsNameMismatch,
    TlsTooOld,
    TlsUntrusted,
)
from sipauthctl.network.evidence import Endpoint, TlsEvidence, Transport
from sipauthctl.network.tls import TlsPolicy, evidence
from sipauthctl.sip.errors import IncompleteMessage, SipError
from sipauthctl.sip.framer import KeepAlive, StreamFramer
from sipauthctl.sip.message import Message
from sipauthctl.sip.recognise import looks_like

_READ_BYTES = 65_536
_CLOSE_SECONDS = 1.0

# X509_V_ERR_* of OpenSSL, as in ssl.SSLCertVerificationError.verify_code
_NOT_YET_VALID, _EXPIRED, _HOSTNAME_MISMATCH, _IP_MISMATCH = 9, 10, 62, 64

# Parts of OpenSSL's reasons. Renegotiation, signature types and DH keys fail with Windows servers that lack updates.
_TOO_OLD = (
    "UNSUPPORTED_PROTOCOL",
    "PROTOCOL_VERSION",
    "NO_PROTOCOLS_AVAILABLE",
    "HANDSHAKE_FAILURE",
    "NO_CIPHERS",
    "INSUFFICIENT_SECURITY",
    "UNSAFE_LEGACY_RENEGOTIATION",
    "WRONG_SIGNATURE_TYPE",
    "DH_KEY_TOO_SMALL",
)
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in seconds: for the TCP connection, the TLS handshake, and each answer."""

    connect: float = 10.0
    handshake: float = 10.0
    answer: float = 15.0


class Connection:
    """An open connection; `connect` makes it. `tls` is None over plain TCP.

    `local` is our address and port, `peer` the server's.
    """

    def __init__(
        self,
        server: Endpoint,
        peer: tuple[str, int],
        tls: TlsEvidence | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        send_seconds: float,
    ) -> None:
        self.server = server
        self.tls = tls
        self.local: tuple[str, int] = writer.get_extra_info("sockname")[:2]
        self.peer = peer
        self._reader = reader
        self._writer = writer
        self._send_seconds = send_seconds
        self._framer = StreamFramer()
        self._beginning = b""  # of what was received, as far as it takes to recognise another protocol

    @property
    def proven(self) -> bool:
        """Whether TLS proved that this is the server that was meant."""
        return self.tls is not None and self.tls.verified

    async def send(self, data: bytes) -> None:
        """Sends bytes.

        Raises:
            AnswerTimeout: the server does not take them.
            ConnectionClosed: the server closed the connection.
        """
        try:
            self._writer.write(data)
            async with asyncio.timeout(self._send_seconds):
                await self._writer.drain()
        except TimeoutError:
            raise AnswerTimeout(self.server, f"the server took no data for {self._send_seconds:g} s") from None
        except OSError:
            raise ConnectionClosed(self.server, "the server closed the connection") from None

    async def receive(self, seconds: float) -> Message:
        """The next whole message, however slowly its bytes come, within `seconds`. Keep-alives are answered.

        Raises:
            AnswerTimeout: none came in time.
            ConnectionClosed: the connection ended first.
            ProtocolError: what came is not SIP or exceeds a limit.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._next()
        except TimeoutError:
            raise AnswerTimeout(self.server, f"no answer within {seconds:g} s") from None
        except SipError as error:
            raise ProtocolError(self.server, str(error), looks_like(self._beginning)) from None
        except OSError:
            raise ConnectionClosed(self.server, "the server broke the connection") from None

    async def close(self) -> None:
        """Closes the connection, within a second, whatever state it is in."""
        self._writer.close()
        try:
            with contextlib.suppress(OSError):  # a time-out is one
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._writer.wait_closed()
        finally:
            self._writer.transport.abort()

    async def _next(self) -> Message:
        while True:
            item = self._framer.next()
            if isinstance(item, KeepAlive):
                if item.ping:
                    self._writer.write(b"\r\n")
            elif item is not None:
                return item
            else:
                await self._read()

    async def _read(self) -> None:
        data = await self._reader.read(_READ_BYTES)
        if data:
            self._beginning = (self._beginning + data[:16])[:16]
            self._framer.feed(data)
            return
        try:
            self._framer.close()
        except IncompleteMessage:
            raise ConnectionClosed(
                self.server, "the server closed the connection in the middle of an answer"
            ) from None
        raise ConnectionClosed(self.server, "the server closed the connection without an answer")


async def connect(server: Endpoint, address: str, policy: TlsPolicy, timeouts: Timeouts) -> Connection:
    """Connects to a server.

    Args:
        server: its name is what the certificate must prove.
        address: the IP address to connect to.
        policy: whom to trust.
        timeouts: see there.

    Raises:
        NetworkError: one of the classes of `errors`.
        TrustError: the CA file cannot be used.
    """
    context = policy.context() if server.transport is Transport.TLS else None
    tcp = await _dial(server, address, timeouts)
    peer = (address, server.port)
    if context is None:
        reader, writer = await asyncio.open_connection(sock=tcp)
        return Connection(server, peer, None, reader, writer, timeouts.answer)
    try:
        reader, writer = await _secure(server, tcp, context, timeouts)
    except (TlsUntrusted, TlsNameMismatch, TlsExpired) as error:
        error.tls = await _look(server, address, timeouts)
        raise
    return Connection(server, peer, _evidence(writer, policy.verify), reader, writer, timeouts.answer)


async def _dial(server: Endpoint, address: str, timeouts: Timeouts) -> socket.socket:
    try:
        tcp = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise ConnectionRefused(server, f"{address} cannot be used: {_reason(error)}") from None
    tcp.setblocking(False)
    try:
        async with asyncio.timeout(timeouts.connect):
            await asyncio.get_running_loop().sock_connect(tcp, (address, server.port))
    except BaseException as error:
        tcp.close()
        if isinstance(error, TimeoutError):
            detail = f"no connection to {address} port {server.port} within {timeouts.connect:g} s"
            raise ConnectTimeout(server, detail) from None
        if isinstance(error, OSError):
            raise ConnectionRefused(server, f"{address} port {server.port}: {_reason(error)}") from None
        raise
    return tcp


async def _secure(
    server: Endpoint, tcp: socket.socket, context: ssl.SSLContext, timeouts: Timeouts
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        # asyncio's own limit ends in a ConnectionAbortedError that cannot be told from a real one.
        async with asyncio.timeout(timeouts.handshake):
            return await asyncio.open_connection(
                sock=tcp,
                ssl=context,
                server_hostname=server.host.rstrip("."),
                ssl_handshake_timeout=timeouts.handshake + 1,
            )
    except BaseException as error:
        tcp.close()
        if isinstance(error, TimeoutError):
            detail = f"the TLS handshake took longer than {timeouts.handshake:g} s"
            raise ConnectTimeout(server, detail) from None
        if isinstance(error, ssl.SSLError):
            raise tls_error(server, error) from None
        if isinstance(error, OSError):
            raise TlsFailed(server, f"the server ended the TLS handshake: {_reason(error)}") from None
        if isinstance(error, ValueError):
            raise TlsFailed(server, f"{server.host!a} cannot be a TLS server name") from None
        raise


def tls_error(server: Endpoint, error: ssl.SSLError) -> NetworkError:
    """The typed error behind what OpenSSL reports."""
    if isinstance(error, ssl.SSLCertVerificationError):
        message = f"the certificate was refused: {error.verify_message} (OpenSSL's error {error.verify_code})"
        if error.verify_code in (_EXPIRED, _NOT_YET_VALID):
            return TlsExpired(server, message)
        if error.verify_code in (_HOSTNAME_MISMATCH, _IP_MISMATCH):
            return TlsNameMismatch(server, message)
        return TlsUntrusted(server, message)
    reason = error.reason or "unknown"
    if any(word in reason for word in _TOO_OLD):
        return TlsTooOld(server, f"no common version of TLS or cipher ({reason})")
    if reason in _NOT_TLS:
        return NotTls(server, "the server does not speak TLS on this port")
    return TlsFailed(server, f"the TLS handshake failed ({reason})")


def _evidence(writer: asyncio.StreamWriter, verified: bool) -> TlsEvidence | None:
    connection = writer.get_extra_info("ssl_object")
    return evidence(connection, verified=verified) if isinstance(connection, ssl.SSLObject) else None


async def _look(server: Endpoint, address: str, timeouts: Timeouts) -> TlsEvidence | None:
    """The certificate of a server that was refused: a second connection that says nothing, only to see it."""
    short = replace(timeouts, connect=min(timeouts.connect, 5.0), handshake=min(timeouts.handshake, 5.0))
    try:
        connection = await connect(server, address, TlsPolicy(verify=False), short)
    except NetworkError:
        return None
    await connection.close()
    return connection.tls


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
