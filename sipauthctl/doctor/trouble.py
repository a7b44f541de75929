"""What became of the sign-in, for checks whose findings matter only where it failed."""

from __future__ import annotations

from sipauthctl.doctor.case import Case
from sipauthctl.findings import catalogue


def refused_without_reason(case: Case) -> bool:
    """Whether a server refused the credentials, and neither it nor the KDC nor the directory told why."""
    found = {item.id for result in case.results.values() for item in result.findings}
    return "credentials-refused" in found and not any(map(_explains_refusal, found))


def _explains_refusal(id_: str) -> bool:
    entry = catalogue()[id_]
    return entry.family == "account" and "credentials-refused" in entry.explains
