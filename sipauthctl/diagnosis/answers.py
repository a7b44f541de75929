"""What an answer says of a refusal: its status, ms-diagnostics and HRESULTs."""

from __future__ import annotations

from sipauthctl.association.diagnostics import HEADERS, diagnostics
from sipauthctl.codes import Code, diagnostic, of_windows
from sipauthctl.findings import catalogue
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.message import Message, Response

NTLM_MISMATCH = 0xC3E93EE4


def hresults(response: Response) -> frozenset[int]:
    """The HRESULTs in its reports."""
    return frozenset(report.hresult for report in diagnostics(response) if report.hresult is not None)


def proven(message: Message, scheme: str) -> Code | None:
    """The first code in its reports that proves a cause; an HRESULT is finer than the number beside it.

    Args:
        message: the answer, or a request that brings a report.
        scheme: the scheme that was used: what concerns tickets is no cause where Kerberos was not.
    """
    for report in diagnostics(message):
        windows = of_windows(report.hresult) if report.hresult is not None else None
        for code in (windows, diagnostic(report.id)):
            if code is None or code.finding is None:
                continue
            if scheme == Scheme.KERBEROS.value or catalogue()[code.finding].family != "Kerberos":
                return code
    return None


def lines(response: Response) -> list[str]:
    """The status line, the reports, and what the server asks of the next attempt, as they stand, for evidence."""
    names = (*HEADERS, "Retry-After", "Min-Expires")  # RFC 3261 20.33 and 20.23
    told = [f"{name}: {value}" for name in names for value in response.headers.get_all(name)]
    return [f"SIP/2.0 {response.status} {response.reason}".rstrip(), *told]


def words(message: Message) -> str:
    """The status with its reason phrase, and the reasons in the reports."""
    status = f"{message.status} {message.reason}".rstrip() if isinstance(message, Response) else ""
    reasons = "; ".join(reason for report in diagnostics(message) if (reason := report.get("reason")))
    return ": ".join(part for part in (status, reasons) if part) or "without a reason"
