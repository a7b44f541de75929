"""Writes every message of a run as text, with what is secret taken out: it can be sent to a vendor as it is."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO

from sipauthctl.network.evidence import Endpoint
from sipauthctl.probe.events import Event, RequestSent, ResponseReceived

# The client's token proves the password (NTLM) or is a ticket (Kerberos). The server's CHALLENGE is no secret.
_TOKEN = re.compile(rb'(gssapi-data\s*=\s*)"?([A-Za-z0-9+/=]+)"?', re.IGNORECASE)


class Trace:
    """An observer that writes to a file.

    Args:
        file: open for writing bytes.
        now: the time in UTC.
    """

    def __init__(self, file: BinaryIO, now: Callable[[], datetime]) -> None:
        self._file = file
        self._now = now

    def __call__(self, event: Event) -> None:
        """Writes requests and responses; other events leave no mark."""
        if isinstance(event, RequestSent):
            self._write(">>>", event.server, without_secrets(event.request.to_bytes()))
        elif isinstance(event, ResponseReceived):
            self._write("<<<", event.server, event.response.to_bytes())

    def _write(self, arrow: str, server: Endpoint, message: bytes) -> None:
        time = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        head = f"{arrow} {time} {server.host}:{server.port} {server.transport.value}\r\n"
        self._file.write(head.encode("utf-8", "surrogateescape") + message.rstrip(b"\r\n") + b"\r\n\r\n")
        self._file.flush()


def without_secrets(request: bytes) -> bytes:
    """A request with its token replaced by what it was."""
    return _TOKEN.sub(_describe, request)


def _describe(match: re.Match[bytes]) -> bytes:
    try:
        token = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        token = b""
    kind = "NTLM AUTHENTICATE" if token.startswith(b"NTLMSSP\x00\x03") else "token"
    return match[1] + b'"(%s of %d bytes removed)"' % (kind.encode("ascii"), len(token))
