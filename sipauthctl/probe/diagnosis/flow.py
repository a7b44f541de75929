"""How the exchange went: ends in the middle, redirects, servers that start over."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from sipauthctl.association.client import StopReason
from sipauthctl.findings import Finding, Severity, finding, sentence
from sipauthctl.network.errors import AnswerTimeout, ConnectionClosed
from sipauthctl.probe.diagnosis.signatures import evidence_of
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.redirect import RedirectProblem
from sipauthctl.probe.results import HopResult
from sipauthctl.sip.message import Response

_REDIRECTS = {RedirectProblem.LOOP: "redirect-loop", RedirectProblem.FOREIGN: "dns-domain-mismatch"}
_STARTED_OVER = (StopReason.STARTED_OVER, StopReason.MALFORMED_HEADER, StopReason.MECHANISM_FAILED)


def findings(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    """One pass over the hops, and what is left behind."""
    for hop in run.hops:
        yield from _redirect(hop, options)
        yield from _ended(hop, run.interrupted)
    if run.registration_left:
        short = "The run was ended by a second interruption, before an answer showed that it is taken back."
        yield finding("registration-left", short if run.cut_short else run.not_removed)


def _redirect(hop: HopFacts, options: ProbeOptions) -> Iterator[Finding]:
    for response, result in hop.unsound.first:
        if isinstance(response, Response) and 300 <= response.status < 400 and not result.trusted:
            detail = f"The {response.status} of {hop.server.host} was not followed: {result.detail}."
            yield finding("redirect-unsigned", detail, evidence_of(response, result), host=hop.server.host)
    refused = hop.refused_redirect
    if refused is None:
        return
    id_ = _REDIRECTS.get(refused.problem, "redirect-refused")
    contacts = hop.last.headers.get_all("Contact") if hop.last is not None else ()
    sip_uri = f"sip:{options.user.user}@{options.user.host}"
    yield finding(
        id_,
        sentence(refused.detail),
        [f"Contact: {value}" for value in contacts],
        sip_uri=sip_uri,
        severity=Severity.ERROR,
        remedy=refused.problem.value,
        domain=options.sip_domain,
        server_domain=refused.foreign,
    )


def _ended(hop: HopFacts, interrupted: bool) -> Iterator[Finding]:
    host, port = hop.server.host, hop.server.port
    stopped = hop.stopped
    if stopped is not None and stopped.reason is StopReason.OTHER_SERVER:
        detail = f"The second challenge of {host} comes from {stopped.detail}."
        yield finding("realm-mismatch", detail, port=port)
    if stopped is not None and stopped.reason in _STARTED_OVER:
        yield finding("handshake-incomplete", f"At {host}: {stopped.detail}.", _last(hop), host=host, port=port)
    # Silence before any answer is for the family of reaching the server.
    answered = any(exchange.status is not None for exchange in hop.exchanges)
    late = isinstance(hop.error, AnswerTimeout | ConnectionClosed) and (
        answered or isinstance(hop.error, ConnectionClosed)
    )
    if late and not interrupted:
        done = hop.result is HopResult.REGISTERED
        what = "After the sign-in" if done else f"In the handshake, {_count(hop)}"
        severity = Severity.WARNING if done else None
        detail = f"{what}, at {host}: {hop.error}."
        yield finding("handshake-incomplete", detail, _last(hop), severity=severity, host=host, port=port)


def _count(hop: HopFacts) -> str:
    # Those after the request without an answer belong to the de-registration.
    answers = len(list(takewhile(lambda exchange: exchange.status is not None, hop.exchanges)))
    return "before any answer" if not answers else "after 1 answer" if answers == 1 else f"after {answers} answers"


def _last(hop: HopFacts) -> list[str]:
    return [] if hop.last is None else [f"SIP/2.0 {hop.last.status} {hop.last.reason}"]
