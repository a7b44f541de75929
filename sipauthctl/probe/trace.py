"""Writes every message of a run as text, with what is secret taken out: it can be sent to a vendor as it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO

from sipauthctl.association.known_secrets import KnownSecrets
from sipauthctl.association.redaction import without_secrets
from sipauthctl.network.evidence import Endpoint
from sipauthctl.probe.events import (
    Event,
    RequestReceived,
    RequestSent,
    ResponseReceived,
    ResponseSent,
    StrayResponse,
)


class Trace:
    """An observer that writes to a file.

    Args:
        file: open for writing bytes.
        now: the time in UTC.
        known: the secrets of the run, which an answer may bring back.
    """

    MARK = ">>> "

    def __init__(self, file: BinaryIO, now: Callable[[], datetime], known: KnownSecrets) -> None:
        self._file = file
        self._now = now
        self._known = known

    def __call__(self, event: Event) -> None:
        """Writes requests and responses of both sides; other events leave no mark."""
        if isinstance(event, RequestSent):
            self._write(self.MARK, event.server, without_secrets(event.request.to_bytes()))
        elif isinstance(event, ResponseReceived | StrayResponse):
            self._write("<<< ", event.server, event.response.to_bytes())
        elif isinstance(event, RequestReceived):
            self._write("<<< ", event.server, event.request.to_bytes())
        elif isinstance(event, ResponseSent):
            self._write(self.MARK, event.server, event.response.to_bytes())

    def _write(self, arrow: str, server: Endpoint, message: bytes) -> None:
        time = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        head = f"{arrow}{time} {server.host}:{server.port} {server.transport.value}\r\n"
        told = head.encode("utf-8", "surrogateescape") + message.rstrip(b"\r\n") + b"\r\n\r\n"
        text = self._known.removed_from(told.decode("latin-1"), keep_length=True)  # a body keeps its Content-Length
        self._file.write(text.encode("latin-1"))
        self._file.flush()
