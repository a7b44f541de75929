"""The TLS part of a connection: the handshake, what its failure means, and a look at a server that was refused."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

from sipauthctl.network.dial import abort, dial, reason
from sipauthctl.network.errors import (
    ConnectTimeout,
    NetworkError,
    NotTls,
    TlsExpired,
    TlsFailed,
    TlsNameMismatch,
    TlsNoCommonCipher,
    TlsReset,
    TlsTooOld,
    TlsUntrusted,
    TlsWeakCertificate,
)
from sipauthctl.network.evidence import Endpoint, TlsEvidence
from sipauthctl.network.tls import evidence

_LOOK_SECONDS = 3.0
_SIP = b"SIP/2.0 "

# X509_V_ERR_* of OpenSSL, as in ssl.SSLCertVerificationError.verify_code
_NOT_YET_VALID, _EXPIRED, _HOSTNAME_MISMATCH, _IP_MISMATCH = 9, 10, 62, 64
_TOO_WEAK = (66, 67, 68)  # EE_KEY_TOO_SMALL, CA_KEY_TOO_SMALL, CA_MD_TOO_WEAK

# Parts of OpenSSL's reasons. Renegotiation and signature types fail with Windows servers that lack updates.
_TOO_OLD = (
    "UNSUPPORTED_PROTOCOL",
    "PROTOCOL_VERSION",
    "NO_PROTOCOLS_AVAILABLE",
    "UNSAFE_LEGACY_RENEGOTIATION",
    "WRONG_SIGNATURE_TYPE",
)
_NO_COMMON_CIPHER = ("HANDSHAKE_FAILURE", "NO_CIPHERS", "INSUFFICIENT_SECURITY", "DH_KEY_TOO_SMALL")
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")


async def secure(
    server: Endpoint, tcp: socket.socket, context: ssl.SSLContext, seconds: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, TlsEvidence]:
    """Makes TLS of a connected socket; closes it on failure.

    Raises:
        NetworkError: one of the Tls classes of `errors`, or ConnectTimeout.
    """
    name = server.host.rstrip(".")
    try:
        if not name:  # asyncio would then not check the certificate's name
            raise ValueError
        # asyncio's own limit ends in a ConnectionAbortedError that cannot be told from a real one.
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(
                sock=tcp,
                ssl=context,
                server_hostname=name,
                ssl_handshake_timeout=seconds + 1,
            )
    except BaseException as error:
        tcp.close()
        if isinstance(error, TimeoutError):
            raise ConnectTimeout(server, f"the TLS handshake took longer than {seconds:g} s") from None
        if isinstance(error, ssl.SSLError):
            raise tls_error(server, error) from None
        if isinstance(error, OSError):
            raise TlsReset(server, f"the server ended the TLS handshake: {reason(error)}") from None
        if isinstance(error, ValueError):
            raise TlsFailed(server, f"{server.host!a} cannot be a TLS server name") from None
        raise
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    return reader, writer, evidence(tls, verified=context.verify_mode is ssl.CERT_REQUIRED)


async def look(server: Endpoint, address: str, context: ssl.SSLContext, seconds: float) -> TlsEvidence | None:
    """What a server that was refused shows to a second connection, which makes the handshake and says nothing.

    `context` must not verify. `seconds` is a limit for each of its steps. None where that fails too.
    """
    try:
        seconds = min(seconds, _LOOK_SECONDS)
        tcp = await dial(server, address, seconds)
        _, writer, tls = await secure(server, tcp, context, seconds)
    except NetworkError:
        return None
    abort(writer)
    return tls


async def distrust(
    server: Endpoint, address: str, context: ssl.SSLContext, seconds: float
) -> TlsUntrusted | TlsNameMismatch | TlsExpired | None:
    """Why a client that verifies would refuse the certificate, by a second connection as in `look`; None where it
    would not. `context` must verify."""
    try:
        seconds = min(seconds, _LOOK_SECONDS)
        tcp = await dial(server, address, seconds)
        _, writer, _ = await secure(server, tcp, context, seconds)
    except (TlsUntrusted, TlsNameMismatch, TlsExpired) as error:
        return error
    except NetworkError:
        return None
    abort(writer)
    return None


async def speaks_sip(server: Endpoint, address: str, seconds: float) -> bool:
    """Whether the port answers an OPTIONS without TLS: such a server ends a TLS handshake without a word, too."""
    seconds = min(seconds, _LOOK_SECONDS)
    try:
        tcp = await dial(server, address, seconds)
    except NetworkError:
        return False
    with tcp, contextlib.suppress(OSError):  # a time-out is one
        loop, (here, port, *_) = asyncio.get_running_loop(), tcp.getsockname()
        async with asyncio.timeout(seconds):
            await loop.sock_sendall(tcp, _options(server.host, f"[{here}]" if ":" in here else here, port))
            return (await loop.sock_recv(tcp, len(_SIP))) == _SIP
    return False


def _options(host: str, here: str, port: int) -> bytes:
    return (
        f"OPTIONS sip:{host} SIP/2.0\r\nVia: SIP/2.0/TCP {here}:{port};branch=z9hG4bK0\r\nMax-Forwards: 0\r\n"
        f"From: <sip:{here}>;tag=0\r\nTo: <sip:{host}>\r\nCall-ID: 0@{here}\r\nCSeq: 1 OPTIONS\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode("ascii", "replace")


def tls_error(server: Endpoint, error: ssl.SSLError) -> NetworkError:
    """The typed error behind what OpenSSL reports."""
    if isinstance(error, ssl.SSLCertVerificationError):
        message = f"the certificate was refused: {error.verify_message} (OpenSSL's error {error.verify_code})"
        if error.verify_code in (_EXPIRED, _NOT_YET_VALID):
            return TlsExpired(server, message)
        if error.verify_code in (_HOSTNAME_MISMATCH, _IP_MISMATCH):
            return TlsNameMismatch(server, message)
        if error.verify_code in _TOO_WEAK:
            return TlsWeakCertificate(server, message)
        return TlsUntrusted(server, message)
    cause = error.reason or "unknown"
    if any(word in cause for word in _TOO_OLD):
        return TlsTooOld(server, f"no common version of TLS ({cause})")
    if any(word in cause for word in _NO_COMMON_CIPHER):
        return TlsNoCommonCipher(server, f"no common cipher suite ({cause})")
    if cause in _NOT_TLS:
        return NotTls(server, "the server does not speak TLS on this port")
    return TlsFailed(server, f"the TLS handshake failed ({cause})")
