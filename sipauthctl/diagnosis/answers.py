"""What an answer says of a refusal: its status, ms-diagnostics and HRESULTs."""

from __future__ import annotations

from sipauthctl.association.diagnostics import HEADERS, diagnostics
from sipauthctl.sip.message import Response

UNAUTHORIZED = 0xC3E93EC3
NTLM_MISMATCH = 0xC3E93EE4


def hresults(response: Response) -> frozenset[int]:
    """The HRESULTs in its reports."""
    return frozenset(report.hresult for report in diagnostics(response) if report.hresult is not None)


def ids(response: Response) -> frozenset[int]:
    """The numbers of its reports."""
    return frozenset(report.id for report in diagnostics(response))


def lines(response: Response) -> list[str]:
    """The status line and the reports as they stand, for evidence."""
    reports = [f"{name}: {value}" for name in HEADERS for value in response.headers.get_all(name)]
    return [f"SIP/2.0 {response.status} {response.reason}", *reports]


def words(response: Response) -> str:
    """The reasons in words."""
    return (
        "; ".join(reason for report in diagnostics(response) if (reason := report.get("reason"))) or "without a reason"
    )
