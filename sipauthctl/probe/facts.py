"""What one run showed, beyond what it reports: the ground on which findings are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from sipauthctl.association.choice import Choice
from sipauthctl.association.client import Stopped, StopReason
from sipauthctl.association.clock import ClockReading
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.offers import Offer
from sipauthctl.mechanisms.base import MechanismError, Scheme
from sipauthctl.mechanisms.ntlm.messages import ChallengeFacts
from sipauthctl.network.discovery import Discovery
from sipauthctl.network.errors import NetworkError
from sipauthctl.network.evidence import Endpoint, TlsEvidence
from sipauthctl.network.resolver import Query
from sipauthctl.probe.kept import KeptChecks, KeptRequests, KeptUnsound
from sipauthctl.probe.redirect import RefusedRedirect
from sipauthctl.probe.results import (
    AssociationSummary,
    Exchange,
    Handshake,
    HopResult,
    Lapse,
    Refresh,
    SentProbe,
)
from sipauthctl.sip.message import Response
from sipauthctl.sip.via import ip_of
from sipauthctl.trust import Clearance, Credential, Destination, Origin, Trust, Withheld


class DateState(Enum):
    """The Date header of the first challenge."""

    UNSEEN = "unseen"  # no challenge came
    PRESENT = "present"
    MISSING = "missing"
    MALFORMED = "malformed"


@dataclass(slots=True)
class LifeFacts:
    """What became of the registration, see `results.Life`.

    `replaced` are the targetnames of associations that a re-registration over another path replaced; `lost` says why
    the registration could not be kept, empty where it could; `lost_by` is the answer that shows it, if any.
    """

    handshakes: list[Handshake] = field(default_factory=list)
    refreshes: list[Refresh] = field(default_factory=list)
    probes: list[SentProbe] = field(default_factory=list)
    server_requests: KeptRequests = field(default_factory=KeptRequests)
    lapses: list[Lapse] = field(default_factory=list)
    reconnections: int = 0
    keep_alives: int = 0
    granted: int | None = None  # by the first 200, in seconds
    registrar: str = ""  # who granted it: the server behind all proxies
    until: datetime | None = None  # the end of the registration, where it is not refreshed before
    replaced: list[str] = field(default_factory=list)
    lost: str = ""
    lost_by: Response | None = None


@dataclass(slots=True)
class HopFacts:
    """The talk with one server, filled in while it goes on.

    `named_by` is who named the server, `met` when it took the connection (UTC), `withheld` why a credential was not
    sent to it. `local` and `seen_as` are our address and port as we and as the server see them.
    """

    server: Endpoint
    named_by: Origin = Origin.USER
    met: datetime | None = None
    tls: TlsEvidence | None = None
    proven: bool = False
    distrust: NetworkError | None = None  # why a client that verifies would refuse a certificate that was not verified
    local: tuple[str, int] | None = None
    seen_as: tuple[str, int | None] | None = None
    offers: tuple[Offer, ...] = ()
    offers_left_out: int = 0  # too many to look at, or to keep
    choice: Choice | None = None
    scheme: Scheme | None = None
    withheld: Withheld | None = None
    mechanism_errors: dict[Scheme, MechanismError] = field(default_factory=dict)
    kerberos_client: str | None = None
    ticket_type: int | None = None  # the encryption type of the service ticket
    date: DateState = DateState.UNSEEN
    date_text: str = ""
    clock: ClockReading | None = None
    ntlm: ChallengeFacts | None = None
    ntlm_clock: ClockReading | None = None
    exchanges: list[Exchange] = field(default_factory=list)
    signatures: KeptChecks = field(default_factory=KeptChecks)
    unsound: KeptUnsound = field(default_factory=KeptUnsound)  # of what the server had to sign
    association: AssociationSummary | None = None
    last: Response | None = None
    stopped: Stopped | None = None
    error: NetworkError | None = None
    refused_redirect: RefusedRedirect | None = None
    result: HopResult = HopResult.INCOMPLETE
    life: LifeFacts = field(default_factory=LifeFacts)

    @property
    def refused_refresh(self) -> Response | None:
        """The answer that refused to keep the registration: to a refresh, or to the credentials for it."""
        answer = self.life.lost_by
        if answer is None or answer.status < 400 or self.result is not HopResult.REGISTERED:
            return None
        refused = self.stopped is not None and self.stopped.reason is StopReason.CREDENTIALS_REFUSED
        return answer if refused or HeaderFamily.of_status(answer.status) is None else None

    def may_name(self, host: str, trust: Trust) -> bool:
        """Whether a ticket for a host that this server names may go to it: one for itself, by any name that its
        certificate proves, or for a host of a domain that somebody with a say named."""
        own = {self.server.host, *(self.tls.names if self.tls is not None and self.proven else ())}
        if host.lower() in {name.rstrip(".").lower() for name in own}:
            return True
        return isinstance(trust.clear(Credential.SERVICE_TICKET, Destination(host, Origin.PEER)), Clearance)

    @property
    def translated(self) -> bool:
        """Whether the server sees us under another address, however it writes ours."""
        if self.local is None or self.seen_as is None:
            return False
        own, seen = ip_of(self.local[0]), ip_of(self.seen_as[0])
        return own is not None and seen is not None and own != seen


@dataclass(slots=True)
class RunFacts:
    """The whole run. `discovery` is None where the server was given or nothing was found."""

    hops: list[HopFacts] = field(default_factory=list)
    discovery: Discovery | None = None
    discovered_nothing: bool = False
    unresolvable: list[Endpoint] = field(default_factory=list)
    queries: tuple[Query, ...] = ()
    interrupted: bool = False
    step: str = ""  # what was being done when it was interrupted
    cut_short: bool = False  # interrupted once more, while it waited for an answer
    registration_left: bool = False  # the server may still hold the registration
    registration_removed: bool = False
    not_removed: str = ""  # why the de-registration failed, in a sentence
