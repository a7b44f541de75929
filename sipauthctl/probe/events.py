"""What happens while a registration runs, for whoever watches it live (the ladder, the trace)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sipauthctl.association.clock import ClockReading
from sipauthctl.network.evidence import Endpoint, TlsEvidence
from sipauthctl.probe.results import SignatureCheck
from sipauthctl.sip.message import Request, Response


@dataclass(frozen=True, slots=True)
class Discovered:
    """Where the server was found: an SRV or host name, and the candidates in the order of trying."""

    source: str
    candidates: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Connecting:
    """A connection is being made."""

    server: Endpoint


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection stands. `tls` is None over plain TCP."""

    server: Endpoint
    tls: TlsEvidence | None
    elapsed_ms: float


@dataclass(frozen=True, slots=True)
class RequestSent:
    """A request went out; `purpose` is a few plain words.

    `signature` describes our signature on it, if any; `others` are those for the other servers on its path.
    """

    server: Endpoint
    request: Request
    purpose: str
    signature: SignatureCheck | None
    others: tuple[SignatureCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """An answer came in. `signature` is the check of the server's signature, None where none was due.

    Where several servers signed it, `others` are the checks of all but the first. `clock` is what its Date header
    showed; `remark` is a few plain words on what its token showed, such as `challenge from LITWAREINC`.
    """

    server: Endpoint
    response: Response
    elapsed_ms: float
    signature: SignatureCheck | None
    clock: ClockReading | None = None
    remark: str = ""
    others: tuple[SignatureCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class StrayResponse:
    """An answer that nobody waits for; `signatures` are those that were used before."""

    server: Endpoint
    response: Response
    signatures: tuple[SignatureCheck, ...]


@dataclass(frozen=True, slots=True)
class OfferPassedOver:
    """An offer of a scheme that registers nobody here; `offer` is its text, `reason` a few plain words."""

    server: Endpoint
    offer: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """A connection failed or was closed; `reason` is one plain sentence."""

    server: Endpoint
    reason: str


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """The server sent a request of its own. `signatures` are the checks of its signatures, none where it has none."""

    server: Endpoint
    request: Request
    signatures: tuple[SignatureCheck, ...]


@dataclass(frozen=True, slots=True)
class ResponseSent:
    """Our answer to it."""

    server: Endpoint
    response: Response


@dataclass(frozen=True, slots=True)
class Holding:
    """The registration stands, and nothing is to be done for `seconds`; `reason` is one plain sentence."""

    server: Endpoint
    seconds: float
    reason: str


Event = (
    Discovered
    | Connecting
    | Connected
    | RequestSent
    | ResponseReceived
    | StrayResponse
    | OfferPassedOver
    | ConnectionLost
    | RequestReceived
    | ResponseSent
    | Holding
)


def step_of(event: Event) -> str | None:
    """What is being done after an event, in a few plain words; None where it changes nothing."""
    if isinstance(event, Connecting):
        return f"the connection to {event.server.host} port {event.server.port}"
    if isinstance(event, RequestSent):
        return f"{event.request.method} {event.request.cseq.number} to {event.server.host} ({event.purpose})"
    if isinstance(event, Holding):
        return f"the wait while registered at {event.server.host}"
    return None


Observer = Callable[[Event], None]
"""Whoever watches: called for each event, in order, from the event loop; it must return quickly."""
