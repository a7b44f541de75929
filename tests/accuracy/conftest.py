"""Shares deployments between rows, and prints how often the first cause is right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.accuracy.examination import Examiner


@pytest.fixture(scope="session")
def examiner() -> Iterator[Examiner]:
    examiner = Examiner()
    yield examiner
    examiner.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [one for outcome in ("passed", "failed") for one in terminalreporter.getreports(outcome)]
    rows = [dict(one.user_properties) for one in reports if one.when == "call"]
    rows = [row for row in rows if "expected" in row]
    if not rows:
        return
    right = sum(bool(row["expected"]) and row["expected"] == row["named"] for row in rows)
    faulty, named = (sum(bool(row[key]) for row in rows) for key in ("expected", "named"))
    terminalreporter.section("first causes")
    terminalreporter.line(f"{len(rows)} rows, {faulty} of them with a fault; a first cause is named in {named}")
    terminalreporter.line(f"precision {_share(right, named)}, recall {_share(right, faulty)}")
    for row in rows:
        if row["expected"] != row["named"]:
            terminalreporter.line(
                f"WRONG {row['row']}: {row['named'] or 'nothing'}, not {row['expected'] or 'nothing'}"
            )
    for row in rows:
        if row["undecidable"]:
            terminalreporter.line(f"undecidable {row['row']}: {row['named']}; {row['undecidable']}")


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole} ({part / whole:.1%})" if whole else "of nothing"
