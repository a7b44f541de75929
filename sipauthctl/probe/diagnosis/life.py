"""What became of the registration after sign-in."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.association.refreshing import SHORT_GRANTED, refresh_after
from sipauthctl.diagnosis.answers import lines
from sipauthctl.diagnosis.life import granted_too_short, lapse, unusual_success
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.results import Handshake, HopResult


def findings(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    """One pass over the servers that registered us."""
    for hop in run.hops:
        if hop.result is HopResult.REGISTERED:
            yield from _of(hop)


def _of(hop: HopFacts) -> Iterator[Finding]:
    life, host = hop.life, hop.server.host
    if life.lost:
        shown = [] if life.lost_by is None else lines(life.lost_by)
        # A refusal has a finding of its own, which is the cause.
        severity = Severity.WARNING if hop.refused_refresh is not None else None
        yield finding("registration-lost", f"At {host}: {life.lost}.", shown, severity=severity)
    for gap in life.lapses:
        yield lapse(gap.since, gap.until, host=host)
    gone = [made for made in life.handshakes if made.ended is not None]
    if gone:
        yield _expired(hop, gone)
    if life.replaced:
        now = hop.association.targetname if hop.association is not None else "another server"
        detail = f"A re-registration met {now}, whose association replaces that with {', '.join(life.replaced)}."
        yield finding("association-replaced", detail, [_line(made) for made in life.handshakes])
    for one in hop.exchanges:
        if one.method == "REGISTER" and one.status is not None and 200 < one.status < 300:
            yield unusual_success(one.status, one.reason or "", host=host)
            break
    if life.granted is not None and life.granted < SHORT_GRANTED:
        yield granted_too_short(life.granted, refresh_after(life.granted), host=life.registrar or host)


def _expired(hop: HopFacts, gone: list[Handshake]) -> Finding:
    unexpected = [made for made in gone if made.ended is not None and not made.ended.cause.expected]
    told = (unexpected or gone)[0]
    servers = tuple(dict.fromkeys(made.server for made in gone))
    who = f"{', '.join(servers[:-1])} and {servers[-1]}" if len(servers) > 1 else servers[0]
    times = "" if len(gone) == 1 else f" {len(gone)} times"
    failed = gone[-1].association is None
    after = "no new handshake succeeded" if failed else "a new handshake on the same registration followed"
    detail = f"{who} challenged a registered client again{times}: {told.detail}; {after}."
    broken = failed and hop.refused_refresh is None
    severity = Severity.ERROR if broken else Severity.WARNING if failed or unexpected else Severity.INFO
    return finding("association-expired", detail, [_line(made) for made in gone], severity=severity)


def _line(made: Handshake) -> str:
    return f"{made.time:%H:%M:%S} UTC {made.reason.value}: {made.detail}"
