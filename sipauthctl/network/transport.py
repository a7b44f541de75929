"""One connection to a SIP server: TCP or TLS, SIP messages out and in, each step with its own time limit."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, replace

from sipauthctl.network.dial import abort, dial
from sipauthctl.network.errors import (
    AnswerTimeout,
    ConnectionClosed,
    NetworkError,
    NotTls,
    ProtocolError,
    TlsExpired,
    TlsFailed,
    TlsNameMismatch,
    TlsNoCommonCipher,
    TlsReset,
    TlsTooOld,
    TlsUntrusted,
)
from sipauthctl.network.evidence import Endpoint, TlsEvidence, Transport
from sipauthctl.network.handshake import distrust, look, secure, speaks_sip
from sipauthctl.network.tls import OLD_VERSIONS, TlsPolicy, lenient_context
from sipauthctl.sip.errors import IncompleteMessage, SipError
from sipauthctl.sip.framer import KeepAlive, StreamFramer
from sipauthctl.sip.message import Message
from sipauthctl.sip.recognise import looks_like

_READ_BYTES = 65_536
_CLOSE_SECONDS = 1.0


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
        self.distrust: NetworkError | None = None
        """Why a client that verifies would refuse the certificate, where it was not verified."""
        self.local: tuple[str, int] = writer.get_extra_info("sockname")[:2]
        self.peer = peer
        self._reader = reader
        self._writer = writer
        self._send_seconds = send_seconds
        self._framer = StreamFramer()
        self._beginning = b""  # of what was received, as far as it takes to recognise another protocol
        self._closed = False

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
        except (OSError, AttributeError):  # the second: Python 3.11 raises it for TLS that is closed already
            raise ConnectionClosed(self.server, "the server closed the connection") from None

    async def receive(self, seconds: float | None) -> Message:
        """The next whole message, however slowly its bytes come, within `seconds`; None waits for as long as it takes.

        Keep-alives are answered.

        Raises:
            AnswerTimeout: none came in time, or the server takes no answers to its keep-alives.
            ConnectionClosed: the connection ended first.
            ProtocolError: what came is not SIP or exceeds a limit.
        """
        try:
            async with asyncio.timeout(seconds):
                await asyncio.sleep(0)  # timers and Ctrl-C have their turn, however much the server sends
                return await self._next()
        except TimeoutError:
            raise AnswerTimeout(self.server, f"no answer within {seconds or 0:g} s") from None
        except SipError as error:
            raise ProtocolError(self.server, str(error), looks_like(self._beginning)) from None
        except OSError:
            raise ConnectionClosed(self.server, "the server broke the connection") from None

    async def close(self) -> None:
        """Closes the connection, within a second, whatever state it is in; a second call does nothing."""
        if self._closed:  # what `wait_closed` waits for is cancelled where the first call gave up
            return
        self._closed = True
        self._writer.close()
        try:
            with contextlib.suppress(OSError):  # a time-out is one
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._writer.wait_closed()
        finally:
            abort(self._writer)

    async def _next(self) -> Message:
        while True:
            item = self._framer.next()
            if isinstance(item, KeepAlive):
                if item.ping:
                    await self.send(b"\r\n")
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
    tcp = await dial(server, address, timeouts.connect)
    peer = (address, server.port)
    if context is None:
        reader, writer = await asyncio.open_connection(sock=tcp)
        return Connection(server, peer, None, reader, writer, timeouts.answer)
    try:
        reader, writer, tls = await secure(server, tcp, context, timeouts.handshake)
    except (TlsUntrusted, TlsNameMismatch, TlsExpired) as error:
        error.tls = await look(server, address, TlsPolicy(verify=False).context(), timeouts.handshake)
        raise
    except (TlsTooOld, TlsNoCommonCipher, TlsFailed) as error:
        raise await _explained(error, address, context, timeouts.handshake) from None
    connection = Connection(server, peer, tls, reader, writer, timeouts.answer)
    if not policy.verify:
        verifying = replace(policy, verify=True).context()
        connection.distrust = await distrust(server, address, verifying, timeouts.handshake)
    return connection


async def _explained(error: NetworkError, address: str, context: ssl.SSLContext, seconds: float) -> NetworkError:
    """Looks whether an older version or another cipher suite works: Windows ends a handshake without a common one
    without an alert. `context` is the one that failed."""
    if isinstance(error, NotTls):
        return error
    tls = await look(error.server, address, lenient_context(), seconds)
    if tls is None:
        plain = isinstance(error, TlsReset) and await speaks_sip(error.server, address, seconds)
        return NotTls(error.server, "the server speaks SIP without TLS on this port") if plain else error
    if tls.version in OLD_VERSIONS:
        words = f"the server offers no more than {tls.version}, which is no longer accepted"
        return TlsTooOld(error.server, words, tls)
    refused = tls.cipher not in {cipher["name"] for cipher in context.get_ciphers()}
    if refused and isinstance(error, TlsNoCommonCipher | TlsReset):
        words = f"no common cipher suite: the server takes {tls.cipher} ({tls.version}), which is not accepted here"
        return TlsNoCommonCipher(error.server, words, tls)
    return error
