"""Results as JSON documents; the keys are promises, described by the schemas beside this file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import resources
from typing import Any, TextIO

from sipauthctl.association.clock import ClockReading
from sipauthctl.findings import Finding
from sipauthctl.network.evidence import Endpoint, TlsEvidence
from sipauthctl.probe.results import AssociationSummary, Hop, Interruption, Life, Registration
from sipauthctl.report.text import for_json

REGISTER_SCHEMA = "sipauthctl/register/1"


def registration_document(registration: Registration) -> dict[str, Any]:
    """The document of `register --json`."""
    return {
        "schema": REGISTER_SCHEMA,
        "outcome": registration.outcome.value,
        "user": registration.user,
        "scheme": registration.scheme.value if registration.scheme is not None else None,
        "interrupted": _interruption(registration.interruption),
        "hops": [_hop(hop) for hop in registration.hops],
        "findings": finding_list(registration.findings, **_subject(registration)),
    }


def _interruption(ended: Interruption | None) -> dict[str, Any] | None:
    return None if ended is None else {"step": ended.step, "registration": ended.registration.value}


def _subject(registration: Registration) -> dict[str, str | None]:
    """Whom its findings are about. Where several servers were met, each finding names its server in words."""
    only = registration.hops[0] if len(registration.hops) == 1 else None
    return {
        "user": registration.user,
        "server": only.server.host if only is not None else None,
        "association": only.association.opaque if only is not None and only.association is not None else None,
    }


def finding_list(
    findings: Iterable[Finding],
    *,
    user: str | None = None,
    server: str | None = None,
    association: str | None = None,
) -> list[dict[str, Any]]:
    """Findings as every document has them; user, server and association stand for those that do not say."""
    return [
        {
            "id": finding.id,
            "severity": finding.severity.value,
            "title": finding.title,
            "detail": finding.detail,
            "evidence": list(finding.evidence),
            "remedy": finding.remedy,
            "reference": finding.reference,
            "explained_by": finding.explained_by,
            "user": finding.user or user,
            "server": finding.server or server,
            "association": finding.association or association,
        }
        for finding in findings
    ]


def dump(document: dict[str, Any], stream: TextIO) -> None:
    """Writes one document and a line end. Everything beyond ASCII is escaped, so that nothing acts on a terminal."""
    stream.write(json.dumps(readable(document), indent=2, ensure_ascii=True) + "\n")
    stream.flush()


def readable(value: Any) -> Any:
    """A value of a document, each text in it as `for_json` gives it."""
    if isinstance(value, str):
        return for_json(value)
    if isinstance(value, dict):
        return {key: readable(item) for key, item in value.items()}
    return [readable(item) for item in value] if isinstance(value, list) else value


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of a document: `register`, `lab`.

    Raises:
        FileNotFoundError: there is none of this name.
    """
    text = resources.files(__package__).joinpath("schema", f"{name}-1.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _hop(hop: Hop) -> dict[str, Any]:
    return {
        "server": _endpoint(hop.server),
        "tls": _tls(hop.tls),
        "offers": [
            {
                "scheme": offer.scheme_text,
                "realm": offer.realm,
                "targetname": offer.targetname,
                "version": offer.version,
                "algorithm": offer.algorithm,
                "sts_uri": offer.sts_uri,
            }
            for offer in hop.offers
        ],
        "offers_left_out": hop.offers_left_out,
        "clock": _clock(hop.clock),
        "exchanges": [
            {
                "method": exchange.method,
                "cseq": exchange.cseq,
                "status": exchange.status,
                "reason": exchange.reason,
                "elapsed_ms": None if exchange.elapsed_ms is None else round(exchange.elapsed_ms, 3),
            }
            for exchange in hop.exchanges
        ],
        "association": _association(hop.association),
        "signatures": [
            {
                "from": check.sender,
                "num": check.num,
                "verdict": check.verdict.value,
                "detail": check.detail,
                "targetname": check.targetname,
            }
            for check in hop.signatures
        ],
        "signatures_left_out": sum(hop.signatures_left_out.values()),
        **_life(hop.life),
        "result": hop.result.value,
    }


def _life(life: Life) -> dict[str, Any]:
    return {
        "handshakes": [
            {
                "time": made.time.isoformat(),
                "reason": made.reason.value,
                "detail": made.detail,
                "age_seconds": _rounded(made.age_seconds),
                "idle_seconds": _rounded(made.idle_seconds),
                "association": _association(made.association),
            }
            for made in life.handshakes
        ],
        "refreshes": [
            {
                "time": refresh.time.isoformat(),
                "status": refresh.status,
                "trusted": refresh.trusted,
                "granted_seconds": refresh.granted_seconds,
            }
            for refresh in life.refreshes
        ],
        "probes": [
            {
                "method": probe.method,
                "in_dialog": probe.in_dialog,
                "status": probe.status,
                "trusted": probe.trusted,
                "credentials": list(probe.credentials),
            }
            for probe in life.probes
        ],
        "server_requests": [
            {"method": request.method, "verdicts": [verdict.value for verdict in request.verdicts]}
            for request in life.server_requests
        ],
        "server_requests_left_out": life.server_requests_left_out,
        "lapses": [
            {"since": lapse.since.isoformat(), "until": None if lapse.until is None else lapse.until.isoformat()}
            for lapse in life.lapses
        ],
        "lost": life.lost,
        "reconnections": life.reconnections,
        "keep_alives": life.keep_alives,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _endpoint(server: Endpoint) -> dict[str, Any]:
    return {"host": server.host, "port": server.port, "transport": server.transport.value}


def _clock(clock: ClockReading | None) -> dict[str, Any] | None:
    if clock is None:
        return None
    return {
        "skew_seconds": round(clock.skew_seconds, 3),
        "uncertainty_seconds": round(clock.uncertainty_seconds, 3),
    }


def _association(association: AssociationSummary | None) -> dict[str, Any] | None:
    if association is None:
        return None
    return {
        "scheme": association.scheme.value,
        "realm": association.realm,
        "targetname": association.targetname,
        "opaque": association.opaque,
        "version": association.version,
        "established": association.established.isoformat(),
        "expires": association.expires.isoformat(),
    }


def _tls(tls: TlsEvidence | None) -> dict[str, Any] | None:
    if tls is None:
        return None
    return {
        "version": tls.version,
        "cipher": tls.cipher,
        "subject": tls.subject,
        "issuer": tls.issuer,
        "names": list(tls.names),
        "not_after": tls.not_after.isoformat() if tls.not_after is not None else None,
        "verified": tls.verified,
    }
