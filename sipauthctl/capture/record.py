"""One SIP message as a capture or a log shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol


class InputKind(str, Enum):
    """What an input is; the value is the word in every output."""

    CAPTURE = "capture"
    CLIENT_LOG = "client-log"  # *.uccapilog
    SERVER_TRACE = "server-trace"  # OCSLogger, CLS, SIPStack
    SIPE_LOG = "sipe-log"
    SIPP_TRACE = "sipp-trace"
    TEXT = "text"  # plain SIP messages, and the traces of this tool


UNFINISHED = frozenset({"reader-failed", "corrupt"})
"""Kinds of notices that report an input whose reading had to stop before its end."""

LOCAL_TIMES = (InputKind.CLIENT_LOG, InputKind.SERVER_TRACE, InputKind.SIPP_TRACE)
"""Kinds whose times are those of a clock without a zone."""


@dataclass(frozen=True, slots=True)
class Address:
    """One end of a connection; `port` is None where the input does not tell it."""

    host: str
    port: int | None


@dataclass(frozen=True, slots=True)
class Record:
    """One message.

    `time` is in UTC, None where the input has none. `raw` are the exact bytes of the message. `place` is the frame
    number in a capture, the line number in a log, both from 1. `input` is the path as it was given.
    """

    time: datetime | None
    source: Address | None
    destination: Address | None
    transport: str | None  # tcp, udp or tls
    raw: bytes = field(repr=False)
    input: str
    place: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that an input says beside its messages, or that kept a part of it from being read.

    `kind` is a short word: security-error (a TF_SECURITY record), routing-error (a TF_DIAG record), truncated,
    corrupt, undecrypted-tls, reader-failed, damaged-message, lost-segments, content-length-too-large, large-message,
    no-sip, unreadable (the whole input), unreadable-messages. `text` is one plain sentence; `call_id` joins an error
    of a server to its messages.
    """

    kind: str
    text: str
    input: str
    place: int | None = None
    time: datetime | None = None
    call_id: str | None = None

    @property
    def input_is_cut(self) -> bool:
        """Whether the input goes on after what was read of it, in the file or where it was recorded."""
        return self.kind in UNFINISHED or (self.kind == "truncated" and self.place is None)


@dataclass(frozen=True, slots=True)
class KdcError(Notice):
    """A KRB-ERROR that a KDC sent to a client; `data` is the message in DER, RFC 4120 5.9.1."""

    kdc: Address = field(kw_only=True)
    client: Address = field(kw_only=True)
    data: bytes = field(kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class RoutingError(Notice):
    """A message that a server could not pass on, as its trace says."""

    method: str | None = field(kw_only=True)  # of the request; None where the record does not tell
    next_hop: str | None = field(kw_only=True)  # the host that the server looked for
    of_certificate: bool = field(kw_only=True)  # the record names the host in the certificate of the next hop


class Reader(Protocol):
    """Reads one input; memory does not grow with it."""

    @property
    def kind(self) -> InputKind:
        """What the input is."""

    def __iter__(self) -> Iterator[Record | Notice]:
        """The messages in the order of the input, and notices where they arise.

        Raises:
            ReadError: nothing can be read at all.
        """


class ReadError(Exception):
    """An input cannot be read; the text is one or two plain sentences with what to do."""
