"""One question to a KDC, RFC 4120 7.2: by UDP, and by TCP where that brings no usable answer."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sipauthctl.network import datagrams
from sipauthctl.network.datagrams import NoAnswer
from sipauthctl.network.dial import abort, dial, reason
from sipauthctl.network.errors import ConnectionRefused, NetworkError
from sipauthctl.network.evidence import Endpoint, Transport

KDC_PORT = 88
MAX_ANSWER_BYTES = 1 << 16
_LENGTH = struct.Struct("!I")
_UDP_SHARE = 0.4  # of the time limit: enough for one repetition, and TCP keeps the greater part


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and when the question left and it came (UTC). `by` is `UDP` or `TCP`."""

    data: bytes
    sent: datetime
    received: datetime
    by: str


async def ask(
    address: str,
    port: int,
    request: bytes,
    *,
    seconds: float,
    now: Callable[[], datetime],
    settles: Callable[[bytes], bool],
) -> Answered:
    """The answer of one KDC.

    Args:
        address: its IP address.
        port: usually 88.
        request: an encoded message.
        seconds: limit for all of it.
        now: the time in UTC.
        settles: whether an answer by UDP is the last word; one that says "too big for UDP" is not.

    Raises:
        NoAnswer: none came; the text names both ways.
    """
    sent = now()
    try:
        data = await datagrams.ask(address, port, request, seconds * _UDP_SHARE)
        if settles(data):
            return Answered(data, sent, now(), "UDP")
        problem = ""
    except NoAnswer as error:
        problem = f"{error}; "
    return await _by_tcp(address, port, request, seconds * (1 - _UDP_SHARE), now, problem)


async def _by_tcp(
    address: str, port: int, request: bytes, seconds: float, now: Callable[[], datetime], before: str
) -> Answered:
    where = f"{address} port {port} by TCP"
    try:
        async with asyncio.timeout(seconds):
            tcp = await dial(Endpoint(address, port, Transport.TCP), address, seconds)
            reader, writer = await asyncio.open_connection(sock=tcp)
            try:
                sent = now()
                writer.write(_LENGTH.pack(len(request)) + request)
                (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
                if length > MAX_ANSWER_BYTES:
                    raise NoAnswer(f"{before}{where}: an answer of {length} bytes, which no KDC gives", refused=False)
                return Answered(await reader.readexactly(length), sent, now(), "TCP")
            finally:
                abort(writer)
    except NetworkError as error:
        raise NoAnswer(f"{before}{error}", refused=isinstance(error, ConnectionRefused)) from None
    except TimeoutError:
        raise NoAnswer(f"{before}{where}: no answer within {seconds:g} s", refused=False) from None
    except asyncio.IncompleteReadError:
        raise NoAnswer(f"{before}{where}: it closed the connection without an answer", refused=False) from None
    except OSError as error:
        raise NoAnswer(f"{before}{where}: {reason(error)}", refused=False) from None
