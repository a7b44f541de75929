"""From what a capture showed to findings: one file per family, each a function that reads one association."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sipauthctl.analysis.diagnosis import (
    account,
    clock,
    digest,
    domain,
    endpoint,
    flow,
    kerberos,
    ntlm,
    offers,
    tls_dsk,
    trace,
)
from sipauthctl.analysis.results import State
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.diagnosis.ranking import after_success
from sipauthctl.findings import Finding, Scope, catalogue, finding

# In the order in which a cause comes before its consequences.
_FAMILIES = (
    clock.findings,
    offers.findings,
    ntlm.findings,
    kerberos.findings,
    kerberos.client_clock,
    trace.findings,
    account.findings,
    endpoint.findings,
    domain.findings,
    digest.findings,
    tls_dsk.findings,
    flow.findings,
)


def findings(tracked: Tracked, *, local_times: bool) -> Iterator[Finding]:
    """All findings on one association.

    Args:
        tracked: the association, when it is over.
        local_times: the times of its input are those of a local clock of unknown zone.
    """
    told = [one for family in _FAMILIES for one in family(tracked, local_times)]
    told += [
        finding(one.id, one.detail, one.evidence, severity=one.severity, **dict[str, Any](one.fields))
        for one in tracked.problems
    ]
    registered = tracked.state is State.ESTABLISHED and tracked.answer is None
    yield from map(after_success, told) if registered else told


def of_the_server(tracked: Tracked, found: Iterable[Finding], *, local_times: bool) -> tuple[Finding, ...]:
    """Those of its findings that concern the server and not its client, whose own clock may be the one that is off."""
    told = trace.findings(tracked, local_times)
    of_client = [*kerberos.client_clock(tracked, local_times), *(one for one in told if one.id == "clock-skew")]
    return tuple(one for one in found if catalogue()[one.id].scope is Scope.SERVER and one not in of_client)
