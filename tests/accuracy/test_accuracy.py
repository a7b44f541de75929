"""The measure of the doctor: the right cause first on every fault, and silence on a healthy deployment.

Each row is a test of its own (`pytest tests/accuracy -k clock`); how often the first cause is right is printed at the
end, see conftest.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from sipauthctl.findings import Severity
from tests.accuracy.examination import Examined, Examiner, Row
from tests.accuracy.other_domain import OTHER_DOMAIN, OTHER_DOMAIN_HEALTHY
from tests.accuracy.pairs import IN_DIRECTORY_PAIRS, PAIRS
from tests.accuracy.rows import DIRECTORY_HEALTHY, FAULTY, HEALTHY, IN_DIRECTORY, UNUSUAL
from tests.external import needs_kdc, needs_samba

pytestmark = [pytest.mark.external, needs_kdc]

Record = Callable[[str, object], None]


def each(rows: Sequence[Row]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows, ids=[row.id for row in rows])


def deployment(row: Row) -> str:
    """What rows of one deployment have in common, to sort them by."""
    return repr((row.faults, sorted(row.lab.items()), row.behaviour))


def wrong(row: Row, examined: Examined) -> list[str]:
    """What is wrong with the doctor's answer."""
    verdict, found = examined.verdict, []
    if verdict.root_cause != row.expected:
        found.append(f"root cause {verdict.root_cause} instead of {row.expected}")
    if row.tells is not None and row.tells not in examined.ids:
        found.append(f"does not tell {row.tells}")
    if row.expected is None:
        loud = [one.id for one in verdict.findings if one.severity is not Severity.INFO]
        found += [f"finds {id_}" for id_ in loud] + (["fails"] if verdict.failed else [])
    if sum(event.logon_status is not None for event in examined.lab_did("refused")) > 1:
        found.append("more than one failed sign-in")
    if set(examined.registrations().values()) - {"de-registered"}:
        found.append("a registration is left")
    return found


def judge(row: Row, examiner: Examiner, record: Record) -> Examined:
    examined = examiner.examine(row)
    record("expected", row.expected or "")
    record("named", examined.verdict.root_cause or "")
    record("row", f"{row.family}: {row.name}")
    record("undecidable", row.undecidable)
    assert wrong(row, examined) == [], row.reason
    return examined


@each(FAULTY)
def test_the_cause_comes_first(row: Row, examiner: Examiner, record_property: Record) -> None:
    judge(row, examiner, record_property)


@pytest.mark.slow
@each(PAIRS)
def test_the_cause_comes_first_among_two_faults(row: Row, examiner: Examiner, record_property: Record) -> None:
    judge(row, examiner, record_property)


@each([*OTHER_DOMAIN, *OTHER_DOMAIN_HEALTHY])
def test_a_domain_that_is_not_the_sip_domain(row: Row, examiner: Examiner, record_property: Record) -> None:
    judge(row, examiner, record_property)


@pytest.mark.slow
@each(HEALTHY)
def test_a_healthy_deployment_shows_nothing(row: Row, examiner: Examiner, record_property: Record) -> None:
    examined = judge(row, examiner, record_property)
    assert (examined.status("sign-in"), examined.status("signatures")) == ("passed", "passed")


@each(UNUSUAL)
def test_an_unusual_deployment_shows_nothing(row: Row, examiner: Examiner, record_property: Record) -> None:
    examined = judge(row, examiner, record_property)
    assert (examined.status("sign-in"), examined.status("signatures")) == ("passed", "passed")


@needs_samba
@pytest.mark.slow
@each(sorted([*DIRECTORY_HEALTHY, *IN_DIRECTORY, *IN_DIRECTORY_PAIRS], key=deployment))
def test_against_a_real_active_directory(row: Row, examiner: Examiner, record_property: Record) -> None:
    judge(row, examiner, record_property)


def test_every_row_has_a_name_of_its_own() -> None:
    rows = [*FAULTY, *PAIRS, *OTHER_DOMAIN, *OTHER_DOMAIN_HEALTHY, *HEALTHY, *UNUSUAL, *IN_DIRECTORY]
    ids = [row.id for row in (*rows, *DIRECTORY_HEALTHY, *IN_DIRECTORY_PAIRS)]
    assert len(set(ids)) == len(ids)
