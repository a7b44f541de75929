"""Answers that refuse a REGISTER where no handshake in the input ends with them: to the first request, to a refresh,
without their request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sipauthctl.analysis.memory import Memory
from sipauthctl.analysis.problem import address_text, place_text
from sipauthctl.analysis.reading import Endpoint, endpoint
from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.association.diagnostics import diagnostics
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.offers import host_of, offers
from sipauthctl.association.redaction import without_tokens
from sipauthctl.capture.record import Record
from sipauthctl.diagnosis.answers import proven
from sipauthctl.diagnosis.refusals import refusal
from sipauthctl.findings import Finding, Severity
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Response

FINAL_HANDSHAKE_FAILED = 1000  # [MS-OCER] 7.1
_INTERVAL_TOO_BRIEF = 423  # RFC 3261 21.4.17: the client asks again for longer
_KEPT = 256
_ENDED = (Step.TOKEN_GIVEN, Step.FINAL_SENT)


def ends_handshake(message: Response) -> bool:
    """Whether a challenge says that the handshake before it failed."""
    reports = diagnostics(message) if HeaderFamily.of_status(message.status) is not None else ()
    return any(report.id == FINAL_HANDSHAKE_FAILED for report in reports) or (
        bool(reports) and proven(message, Scheme.NTLM.value) is not None
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """One such answer. `of_credentials` when it is a challenge that ends a handshake."""

    user: Endpoint
    server: str
    answer: Response
    place: str
    of_credentials: bool

    def findings(self) -> Iterator[Finding]:
        """What it says."""
        address = self.user.address
        found = refusal(
            self.answer,
            host=self.server,
            user=address,
            sip_uri=address,
            scheme=_scheme(self.answer),
            dns_domain="",
            of_credentials=self.of_credentials,
        )
        severity = Severity.WARNING if self.answer.status == _INTERVAL_TOO_BRIEF else found.severity
        evidence = (self.place, *found.evidence)
        yield replace(found, evidence=evidence, severity=severity)


class RefusedWatch:
    """Takes final answers of 400 or more to REGISTERs, after the handshakes that they may end."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._refusals: list[Refusal] = []

    def take(self, record: Record, message: Response) -> None:
        """Takes one answer."""
        challenge = HeaderFamily.of_status(message.status) is not None
        if message.status < 400 or message.cseq.method != "REGISTER" or (challenge and not ends_handshake(message)):
            return
        client = endpoint(message.from_)
        told = [*self._memory.open.of_client(client), *self._memory.done]
        if any(one.answer is message for one in told):
            return
        if challenge:
            ended = self._handshake(client, message)
            if ended is not None:
                ended.step, ended.answer = Step.REFUSED, message
                self._memory.finish(ended)
                return
        refused = Refusal(client, _server(record, message), message, place_text(record), challenge)
        self._refusals = [*self._refusals, refused][-_KEPT:]

    def _handshake(self, client: Endpoint, message: Response) -> Tracked | None:
        """The handshake that a challenge ends, where the client's last token is not in the input."""
        open_ = self._memory.open.of_client(client)
        return next((one for one in open_ if one.call_id == message.call_id and one.step in _ENDED), None)

    def over(self) -> list[Refusal]:
        """Gives those since this was last asked."""
        refusals, self._refusals = self._refusals, []
        return refusals


def _scheme(answer: Response) -> str:
    try:
        schemes = [offer.scheme for offer in offers(answer)]
    except SipError:
        schemes = []
    return next((scheme.value for scheme in schemes if scheme is not None), Scheme.NTLM.value)


def _server(record: Record, message: Response) -> str:
    try:
        named = next((offer.targetname for offer in offers(message) if offer.targetname), "")
    except SipError:
        named = ""
    source = next((name for report in diagnostics(message) if (name := report.get("source"))), "")
    return without_tokens(host_of(named or "")) or source or address_text(record.source) or "the server"
