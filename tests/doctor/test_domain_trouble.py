"""A domain controller that dies or falls silent in the middle of a run: it ends, and tells what was not checked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest

from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.doctor.verdict import Verdict
from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.samba.domain import SambaDomain
from sipauthctl.lab.settings import DirectoryKind, LabSettings
from tests.accuracy.examination import BOTH, Row, examine_deployment
from tests.external import needs_samba

pytestmark = [pytest.mark.external, pytest.mark.slow, needs_samba, pytest.mark.timeout(120)]


def processes(domain: SambaDomain) -> set[int]:
    """The domain controller's processes: those that name its folder, and their descendants."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text("utf-8").rpartition(")")[2].split()[1])
                if str(domain.folder).encode() in (entry / "cmdline").read_bytes():
                    found.add(int(entry.name))
            except OSError:
                continue
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def send(number: signal.Signals, to: set[int]) -> None:
    for process in to:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


async def examine(number: signal.Signals, after: str) -> Verdict:
    """Sends the signal to the domain controller when a check has ended."""
    async with Deployment(LabSettings(schemes=BOTH, directory=DirectoryKind.SAMBA)) as deployment:
        domain = deployment.domain
        assert domain is not None
        stopped: set[int] = set()

        def observe(check: Check, result: CheckResult | None) -> None:
            if result is not None and check.id == after:
                stopped.update(processes(domain))
                send(number, stopped)

        try:
            verdict = await examine_deployment(Row("", "", None, seconds=1.0), deployment, observe)
        finally:
            if number is signal.SIGSTOP:
                send(signal.SIGCONT, stopped)
        assert stopped
        return verdict


def results(verdict: Verdict) -> dict[str, tuple[str, str]]:
    return {check.id: (check.status.value, check.detail) for check in verdict.checks}


def test_a_domain_controller_that_dies_in_the_middle() -> None:
    verdict = asyncio.run(examine(signal.SIGKILL, "kdc"))
    found = results(verdict)
    assert found["kdc"][0] == "passed"
    status, reason = found["directory"]
    assert status == "skipped"
    assert reason  # refused, or broken off: the signal may come when the connection stands
    assert found["spn-owner"] == ("skipped", "needs directory, which was skipped")
    assert verdict.root_cause == "kdc-unreachable"
    assert verdict.failed


def test_a_domain_controller_that_falls_silent_in_the_middle() -> None:
    verdict = asyncio.run(examine(signal.SIGSTOP, "offers"))
    found = results(verdict)
    assert found["offers"][0] == "passed"
    status, reason = found["directory"]
    assert status == "skipped"
    assert reason
    assert verdict.root_cause == "kdc-unreachable"
    assert all(detail for _, detail in found.values())
