"""Whether the servers take connections: TCP, TLS, the certificate."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sipauthctl.doctor.case import Case, Reached
from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.findings import Finding, Severity
from sipauthctl.network.discovery import Candidate
from sipauthctl.network.errors import ConnectionRefused, ConnectTimeout, HostUnresolvable, NetworkError
from sipauthctl.network.evidence import Endpoint
from sipauthctl.network.reach import connect_candidate
from sipauthctl.probe.diagnosis import reaching
from sipauthctl.probe.facts import HopFacts, RunFacts

PASSED_OVER = (ConnectionRefused, ConnectTimeout, HostUnresolvable)
"""A client tries the next server after these."""


class ReachabilityCheck(Check):
    """Connects to every candidate at the same time, and says nothing to them."""

    id = "reachability"
    title = "connections to the servers, and their certificates"
    needs = ("dns",)
    steps = 4

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        candidates = await _candidates(case)
        if not candidates:
            return self.skipped("no server is known")
        case.reached = list(await asyncio.gather(*(self._reach(case, candidate) for candidate in candidates)))
        case.used = next((one for one in case.reached if not isinstance(one.error, PASSED_OVER)), None)
        return self.judged(_words(case), self._findings(case))

    async def _reach(self, case: Case, candidate: Candidate) -> Reached:
        probe, server, seconds = case.asked.probe, candidate.server, (self.steps - 1) * case.step_seconds
        try:
            async with asyncio.timeout(seconds):
                connection = await connect_candidate(candidate, probe.policy, probe.timeouts)
        except TimeoutError:
            return Reached(server, None, ConnectTimeout(server, f"no connection within {seconds:g} s"))
        except NetworkError as error:
            return Reached(server, error.tls, error)
        await connection.close()
        return Reached(server, connection.tls, None, connection.distrust)

    def _findings(self, case: Case) -> list[Finding]:
        run = RunFacts(queries=tuple(case.tools.resolver.queries))
        found: list[Finding] = []
        for one in case.reached:
            met = case.tools.now() if one.error is None else None
            run.hops = [HopFacts(one.server, met=met, tls=one.tls, error=one.error, distrust=one.distrust)]
            # A client that reaches one server does not notice what is wrong with the others.
            spared = case.used is not None and one is not case.used
            found += [
                replace(item, severity=Severity.WARNING) if spared and item.severity is Severity.ERROR else item
                for item in reaching.findings(run, case.asked.probe)
            ]
        return found


async def _candidates(case: Case) -> tuple[Candidate, ...]:
    probe = case.asked.probe
    if probe.server is None:
        return case.discovery.candidates if case.discovery is not None else ()
    server = Endpoint(probe.server.host, probe.server.port or probe.transport.port, probe.transport)
    return (Candidate(server, await case.tools.resolver.addresses(server.host)),)


def _words(case: Case) -> str:
    used = case.used
    if used is None:
        return "no server takes a connection"
    where = f"{used.server.host} port {used.server.port}"
    if used.error is not None:
        return f"{where}: {used.error}"
    if used.tls is None:
        return f"{where} takes connections, without protection"
    proof = "certificate verified" if used.tls.verified else "certificate not verified"
    until = f" until {used.tls.not_after:%Y-%m-%d}" if used.tls.not_after is not None else ""
    return f"{where}, {used.tls.version}, {proof}{until}"
