"""The measure of the doctor: the right cause first on every fault, and silence on a healthy deployment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from sipauthctl.findings import Severity
from tests.accuracy.examination import Examined, Row, examine_rows
from tests.accuracy.rows import DIRECTORY_HEALTHY, FAULTY, HEALTHY, IN_DIRECTORY
from tests.external import needs_kdc, needs_samba

pytestmark = [pytest.mark.external, needs_kdc]


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    row: Row
    examined: Examined

    @property
    def wrong(self) -> list[str]:
        """What is wrong with the doctor's answer."""
        verdict, wrong = self.examined.verdict, []
        if verdict.root_cause != self.row.expected:
            wrong.append(f"root cause {verdict.root_cause}")
        if self.row.tells is not None and self.row.tells not in self.examined.ids:
            wrong.append(f"does not tell {self.row.tells}")
        if self.row.expected is None:
            loud = [f.id for f in verdict.findings if f.severity is not Severity.INFO]
            wrong += [f"finds {id_}" for id_ in loud] + (["fails"] if verdict.failed else [])
        if len(self.examined.lab_did("refused")) > 1:
            wrong.append("more than one failed sign-in")
        if set(self.examined.registrations().values()) - {"de-registered"}:
            wrong.append("a registration is left")
        return wrong

    @property
    def text(self) -> str:
        """As it is printed."""
        outcome = "right" if not self.wrong else f"WRONG: {', '.join(self.wrong)}"
        return (
            f"{self.row.family:<11}{self.row.name:<45}{self.row.expected or self.row.tells or 'nothing':<27}{outcome}"
        )


async def _all(rows: Sequence[Row]) -> list[Line]:
    examined = [examined async for examined in examine_rows(rows)]
    return [Line(row, one) for row, one in zip(rows, examined, strict=True)]


def _print(lines: Sequence[Line], capsys: pytest.CaptureFixture[str]) -> None:
    wrong = sum(bool(line.wrong) for line in lines)
    with capsys.disabled():
        print(f"\n\n{'family':<11}{'fault':<45}{'injected cause':<27}the doctor's root cause")
        for line in lines:
            print(line.text)
        print(f"{len(lines)} rows: {len(lines) - wrong} right, {wrong} wrong")


@pytest.mark.timeout(300)
def test_the_injected_fault_is_the_root_cause_in_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    lines = asyncio.run(_all(FAULTY))
    _print(lines, capsys)
    assert len({line.row.name for line in lines}) == len(lines) >= 40
    assert [line.text for line in lines if line.wrong] == []


@pytest.mark.timeout(300)
def test_a_healthy_deployment_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    lines = asyncio.run(_all(HEALTHY))
    _print(lines, capsys)
    assert [line.text for line in lines if line.wrong] == []
    assert {line.examined.status("sign-in") for line in lines} == {"passed"}
    assert {line.examined.status("signatures") for line in lines} == {"passed"}


@needs_samba
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_against_a_real_active_directory(capsys: pytest.CaptureFixture[str]) -> None:
    lines = asyncio.run(_all([*DIRECTORY_HEALTHY, *IN_DIRECTORY]))
    _print(lines, capsys)
    assert [line.text for line in lines if line.wrong] == []
