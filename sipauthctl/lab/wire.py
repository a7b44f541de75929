"""Ports that do not behave as ports of a SIP server: wrong protection, another protocol, silence, resets."""

from __future__ import annotations

import socket
import ssl
import struct
from enum import Enum

from sipauthctl.lab.connection import Connection


class WireFlaw(Enum):
    """What a port does instead."""

    PLAIN_ON_TLS = "plain-on-tls"
    TLS_ON_TCP = "tls-on-tcp"
    MAIL = "mail"  # a mail server, which speaks first
    MUTE = "mute"  # takes connections, and not even the TLS handshake is answered
    RESET = "reset"
    TLS_RESET = "tls-reset"  # after the client's first message of TLS


_MAIL_BANNER = b"220 mail.litwareinc.com ESMTP Postfix\r\n"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time left


def port_contexts(context: ssl.SSLContext, flaw: WireFlaw | None) -> tuple[ssl.SSLContext | None, ...]:
    """The contexts of the port for TLS and the port for TCP; None where TLS is not spoken."""
    if flaw is WireFlaw.PLAIN_ON_TLS:
        return None, None
    return (context, context) if flaw is WireFlaw.TLS_ON_TCP else (context, None)


async def misbehave(accepted: socket.socket, flaw: WireFlaw) -> None:
    """Deals with a connection to a port that is no SIP server's, until the client ends it.

    Args:
        accepted: the socket, not blocking; whoever gives it closes it.
        flaw: MAIL, MUTE, RESET or TLS_RESET.
    """
    if flaw in (WireFlaw.RESET, WireFlaw.TLS_RESET):
        if flaw is WireFlaw.TLS_RESET:
            await Connection(accepted, None).read()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        return
    connection = Connection(accepted, None)
    if flaw is WireFlaw.MAIL:
        await connection.write(_MAIL_BANNER)
    while await connection.read():
        pass


def replaces_server(flaw: WireFlaw | None, *, tls: bool) -> bool:
    """Whether `misbehave` takes the connections to a port; `tls` says whether the port speaks TLS."""
    return flaw in (WireFlaw.MAIL, WireFlaw.MUTE, WireFlaw.RESET) or (tls and flaw is WireFlaw.TLS_RESET)
