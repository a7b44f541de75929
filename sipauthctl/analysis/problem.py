"""What is seen wrong while messages come in, and the words for where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sipauthctl.capture.record import Address, Record
from sipauthctl.findings import Severity
from sipauthctl.sip.message import Message, Response

PROBLEMS_KEPT = 12
"""Of one kind, with one association."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that becomes a finding of this id."""

    id: str
    detail: str
    evidence: tuple[str, ...] = ()
    severity: Severity | None = None
    fields: Mapping[str, object] = field(default_factory=dict)


def address_text(address: Address | None) -> str | None:
    """`192.0.2.1:5061`, `[2001:db8::1]:5061`, or the host alone where the port is not known."""
    if address is None:
        return None
    if address.port is None:
        return address.host
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"


def place_text(record: Record) -> str:
    """Where a record stands, for evidence."""
    return f"{record.input}:{record.place}"


def status_lines(message: Message, names: tuple[str, ...]) -> tuple[str, ...]:
    """The status line and these headers as they stand, for evidence."""
    first = f"SIP/2.0 {message.status} {message.reason}" if isinstance(message, Response) else message.method
    return (first, *(f"{name}: {value}" for name in names for value in message.headers.get_all(name)))
