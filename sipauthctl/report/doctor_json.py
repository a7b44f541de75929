"""An examination as a JSON document, described by `schema/doctor-1.json`."""

from __future__ import annotations

from typing import Any

from sipauthctl.doctor.verdict import Verdict
from sipauthctl.report.json_output import finding_list

DOCTOR_SCHEMA = "sipauthctl/doctor/1"


def doctor_document(verdict: Verdict, user: str, source: str) -> dict[str, Any]:
    """The document of `doctor --json`; `user` and `source` as in `report.doctor.print_verdict`."""
    return {
        "schema": DOCTOR_SCHEMA,
        "user": user or None,
        "user_from": source or None,
        "registered": verdict.registered,
        "checks": [{"id": check.id, "status": check.status.value, "detail": check.detail} for check in verdict.checks],
        "root_cause": verdict.root_cause,
        "findings": finding_list(verdict.findings, user=user or None),
    }
