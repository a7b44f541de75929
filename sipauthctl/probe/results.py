"""What a registration showed, as frozen values. Console, JSON and the exit code all come from these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from sipauthctl.association.clock import ClockReading
from sipauthctl.association.offers import Offer
from sipauthctl.association.verdict import Verdict
from sipauthctl.diagnosis.ending import AssociationEnd, EndCause
from sipauthctl.findings import Finding, Severity
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.network.evidence import Endpoint, TlsEvidence


class Outcome(str, Enum):
    """How the whole run ended."""

    REGISTERED = "registered"
    REJECTED = "rejected"  # the server answered and said no
    UNTRUSTED = "untrusted"  # an answer's signature, certificate or redirect cannot be believed
    UNREACHABLE = "unreachable"
    INCOMPLETE = "incomplete"  # ended in the middle: time-out, protocol error, interrupted


class FirstReason(str, Enum):
    """Why there was a handshake with a server that had no association with us; of one that had, see `EndCause`."""

    SIGN_IN = "sign-in"
    NEXT_SERVER = "next-server"  # another server on the path of the same request asked too
    OTHER_PATH = "other-path"  # a later request met a server that had not asked before


class HopResult(str, Enum):
    """How the talk with one server ended."""

    REGISTERED = "registered"
    REDIRECTED = "redirected"
    REJECTED = "rejected"
    UNTRUSTED = "untrusted"
    UNREACHABLE = "unreachable"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its final answer. `status`, `reason` and `elapsed_ms` are None when no answer came."""

    method: str
    cseq: int
    status: int | None
    reason: str | None
    elapsed_ms: float | None


@dataclass(frozen=True, slots=True)
class AssociationSummary:
    """A security association that was established."""

    scheme: Scheme
    realm: str
    targetname: str
    opaque: str | None
    version: int
    established: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """One signature: who made it (`client` or `server`), its cnum or snum, the verdict, and what it was about."""

    sender: str
    num: int | None
    verdict: Verdict
    detail: str
    targetname: str | None = None


@dataclass(frozen=True, slots=True)
class Handshake:
    """One handshake: when the challenge came, why, and what it made (None where it failed).

    `server` names the one that asked, `why` what made it ask: where we had an association with it, its end.
    """

    time: datetime
    server: str
    why: FirstReason | AssociationEnd
    detail: str
    association: AssociationSummary | None = None

    @property
    def ended(self) -> AssociationEnd | None:
        """The end of the association before."""
        return self.why if isinstance(self.why, AssociationEnd) else None

    @property
    def age_seconds(self) -> float | None:
        """How old that one was."""
        return None if self.ended is None else self.ended.age

    @property
    def idle_seconds(self) -> float | None:
        """How long that one had not been used."""
        return None if self.ended is None else self.ended.idle

    @property
    def reason(self) -> FirstReason | EndCause:
        """Why it was made, in one word."""
        return self.why.cause if isinstance(self.why, AssociationEnd) else self.why


@dataclass(frozen=True, slots=True)
class Refresh:
    """One refresh of the registration. `granted_seconds` and `status` are None where no 200 or no answer came."""

    time: datetime
    status: int | None
    trusted: bool
    granted_seconds: int | None


@dataclass(frozen=True, slots=True)
class SentProbe:
    """One request beside the registration. `credentials` are the targetnames that it was signed for."""

    method: str
    in_dialog: bool
    status: int | None
    trusted: bool
    credentials: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """A request that the server sent; `verdicts` are those of its signatures, `missing` where one is due and there is
    none."""

    method: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Lapse:
    """A time without registration: when it ended, and when the next answer registered again (None if none did)."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Life:
    """What became of a registration after sign-in."""

    handshakes: tuple[Handshake, ...] = ()
    refreshes: tuple[Refresh, ...] = ()
    probes: tuple[SentProbe, ...] = ()
    server_requests: tuple[ServerRequest, ...] = ()
    server_requests_left_out: int = 0  # of a server that sends very many
    lapses: tuple[Lapse, ...] = ()
    lost: str = ""  # why it could not be kept, empty where it could
    reconnections: int = 0
    keep_alives: int = 0


@dataclass(frozen=True, slots=True)
class Hop:
    """The talk with one server. `offers_left_out` and, by side and verdict, `signatures_left_out` count those that are
    too many to keep."""

    server: Endpoint
    tls: TlsEvidence | None
    offers: tuple[Offer, ...]
    clock: ClockReading | None
    exchanges: tuple[Exchange, ...]
    association: AssociationSummary | None
    signatures: tuple[SignatureCheck, ...]
    result: HopResult
    life: Life = Life()
    offers_left_out: int = 0
    signatures_left_out: Mapping[tuple[str, Verdict], int] = field(default_factory=dict)

    def verdicts(self, sender: str) -> Counter[Verdict]:
        """How many signatures of `client` or `server` came to which verdict."""
        return verdicts_of(self.signatures, self.signatures_left_out, sender)


def verdicts_of(
    first: Iterable[SignatureCheck], left_out: Mapping[tuple[str, Verdict], int], sender: str
) -> Counter[Verdict]:
    """The sum of what was kept and what was counted only, of one side."""
    counts = Counter(check.verdict for check in first if check.sender == sender)
    counts.update({verdict: count for (side, verdict), count in left_out.items() if side == sender})
    return counts


class Remains(str, Enum):
    """What is left of a registration that was interrupted."""

    NONE = "none"  # nothing was registered
    REMOVED = "removed"
    LEFT = "left"  # the server may still hold it


@dataclass(frozen=True, slots=True)
class Interruption:
    """An end by the user: `step` says during what, in a few plain words."""

    step: str
    registration: Remains


@dataclass(frozen=True, slots=True)
class Registration:
    """The whole run. `scheme` is the one that was used, None when it never came to one."""

    outcome: Outcome
    user: str
    scheme: Scheme | None
    hops: tuple[Hop, ...]
    findings: tuple[Finding, ...]
    interruption: Interruption | None = None

    @property
    def lost(self) -> bool:
        """Whether it registered, and the registration ended before the run did."""
        life = self.hops[-1].life if self.hops else Life()
        ended = bool(life.lost) or any(lapse.until is None for lapse in life.lapses)
        return self.outcome is Outcome.REGISTERED and ended

    @property
    def failed(self) -> bool:
        """Whether the exit code is 1: not registered, or a finding of severity error."""
        return self.outcome is not Outcome.REGISTERED or any(f.severity is Severity.ERROR for f in self.findings)
