"""What an answer says of a refusal: its status, ms-diagnostics and HRESULTs."""

from __future__ import annotations

from collections.abc import Iterable

from sipauthctl.association.diagnostics import HEADERS, diagnostics
from sipauthctl.codes import Code, diagnostic, of_windows
from sipauthctl.findings import catalogue
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.message import Message, Response

NTLM_MISMATCH = 0xC3E93EE4
NEXT_HOP = "next-hop-failed"
"""The finding for a request that a server could not pass on."""


def hresults(response: Response) -> frozenset[int]:
    """The HRESULTs in its reports."""
    return frozenset(report.hresult for report in diagnostics(response) if report.hresult is not None)


def proven(message: Message, scheme: str) -> Code | None:
    """The first code in its reports that proves a cause; an HRESULT is finer than the number beside it, unless the
    number says that it is about the connection to another server.

    Args:
        message: the answer, or a request that brings a report.
        scheme: the scheme that was used, empty where it is not known; see `possible`.
    """
    for report in diagnostics(message):
        windows = of_windows(report.hresult) if report.hresult is not None else None
        number = diagnostic(report.id)
        of_next_hop = number is not None and number.finding == NEXT_HOP
        for code in (number, windows) if of_next_hop else (windows, number):
            if code is not None and code.finding is not None and possible(code.finding, scheme):
                return code
    return None


def possible(id_: str, scheme: str) -> bool:
    """Whether a finding can be the cause where a scheme was used: what concerns tickets is none without Kerberos. Any
    can be where the scheme is not known (empty)."""
    return scheme in ("", Scheme.KERBEROS.value) or catalogue()[id_].family != "Kerberos"


def open_code(response: Response, scheme: str, traced: Iterable[int] = ()) -> Code | None:
    """The first known code that leaves the cause open, one with candidates before others. A number of ms-diagnostics
    counts only with candidates.

    Args:
        response: the answer.
        scheme: the scheme that was used, empty where it is not known.
        traced: result codes on this answer in a trace of the server, which are finer than those in the answer.
    """
    reports = diagnostics(response)
    windows = [*traced, *(report.hresult for report in reports if report.hresult is not None)]
    known = [code for number in windows if (code := of_windows(number)) is not None and code.finding is None]
    numbers = [code for report in reports if (code := diagnostic(report.id)) is not None and code.finding is None]
    narrow = [code for code in (*known, *numbers) if candidates(code, scheme)]
    return next(iter([*narrow, *known]), None)


def candidates(code: Code, scheme: str) -> list[str]:
    """The ids of the causes that a code may mean where a scheme was used."""
    return [id_ for id_ in code.see if possible(id_, scheme) and not catalogue()[id_].unspecific]


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
