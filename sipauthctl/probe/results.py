"""What a registration showed, as frozen values. Console, JSON and the exit code all come from these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sipauthctl.association.clock import ClockReading
from sipauthctl.association.offers import Offer
from sipauthctl.association.verdict import Verdict
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


@dataclass(frozen=True, slots=True)
class Hop:
    """The talk with one server."""

    server: Endpoint
    tls: TlsEvidence | None
    offers: tuple[Offer, ...]
    clock: ClockReading | None
    exchanges: tuple[Exchange, ...]
    association: AssociationSummary | None
    signatures: tuple[SignatureCheck, ...]
    result: HopResult


@dataclass(frozen=True, slots=True)
class Registration:
    """The whole run. `scheme` is the one that was used, None when it never came to one."""

    outcome: Outcome
    user: str
    scheme: Scheme | None
    hops: tuple[Hop, ...]
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        """Whether the exit code is 1: not registered, or a finding of severity error."""
        return self.outcome is not Outcome.REGISTERED or any(f.severity is Severity.ERROR for f in self.findings)
