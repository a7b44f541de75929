"""TLS-DSK that fails: in its TLS handshake, or because the server does not take the certificate."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.analysis.results import State
from sipauthctl.analysis.tls_dsk import TlsDskSeen
from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.diagnosis.answers import lines
from sipauthctl.diagnosis.offers import tls_dsk_offer
from sipauthctl.diagnosis.tls_dsk import alert_words
from sipauthctl.findings import Finding, finding
from sipauthctl.mechanisms.base import Scheme


def findings(tracked: Tracked, local_times: bool) -> Iterator[Finding]:
    """One pass over one association."""
    if tracked.scheme is not Scheme.TLS_DSK or tracked.state is State.ESTABLISHED:
        return
    seen = tracked.tls or TlsDskSeen()
    alert = seen.handshake.alert
    if alert is not None:
        other = "server" if alert.side.value == "client" else "client"
        detail = (
            f"The TLS handshake of {tracked.who} with {tracked.where} ends with the alert {alert.name} of the "
            f"{alert.side.value}: {alert_words(alert.name, other)}."
        )
    elif tracked.step in (Step.REFUSED, Step.STARTED_OVER):
        state = "after a complete TLS handshake" if seen.handshake.completed else "in the middle of the TLS handshake"
        detail = f"{tracked.where} refuses {tracked.who} {state}."
    else:
        return
    offers = tracked.offered.offers if tracked.offered is not None else ()
    offer = tls_dsk_offer(offers)
    evidence = [*(lines(tracked.answer) if tracked.answer is not None else ()), *_evidence(seen)]
    sts_uri = offer.sts_uri if offer is not None else None
    yield finding("tls-dsk-failed", detail, evidence, host=tracked.where, sip_uri=tracked.who, sts_uri=sts_uri)


def _evidence(seen: TlsDskSeen) -> Iterator[str]:
    facts, certificate = seen.facts, seen.client_certificate
    if facts.version is not None:
        yield f"{facts.version}, {facts.cipher_suite}"
    if facts.server_subject is not None:
        yield f"certificate of the server: {facts.server_subject}"
    if certificate is not None:
        until = f"{certificate.not_after:%Y-%m-%d %H:%M:%S} UTC"
        yield f"certificate of the client: {certificate.subject}, issued by {certificate.issuer}, valid until {until}"
    elif seen.handshake.client_certificate == b"":
        yield "the client sent no certificate"
