"""The ms-diagnostics that a server of this family gives, [MS-OCER] 7.1."""

from __future__ import annotations

from dataclasses import dataclass

from sipauthctl.association.endpoint import EndpointProblem
from sipauthctl.mechanisms.status import (
    ACCOUNT_DISABLED,
    ACCOUNT_LOCKED_OUT,
    NO_SUCH_USER,
    WRONG_PASSWORD,
)

UNAUTHORIZED = "0xC3E93EC3(SIP_E_AUTH_UNAUTHORIZED)"
NTLM_MISMATCH = "0xC3E93EE4(SIP_E_AUTH_NTLMMISMATCH)"

# HRESULT_FROM_WIN32 of the logon errors, [MS-ERREF] 2.1.2 and 2.2.
_LOGON_HRESULTS = {
    WRONG_PASSWORD: "0x8007052E(ERROR_LOGON_FAILURE)",
    NO_SUCH_USER: "0x80070525(ERROR_NO_SUCH_USER)",
    ACCOUNT_DISABLED: "0x80070533(ERROR_ACCOUNT_DISABLED)",
    ACCOUNT_LOCKED_OUT: "0x80070775(ERROR_ACCOUNT_LOCKED_OUT)",
}


@dataclass(frozen=True, slots=True)
class Report:
    """One diagnostic: its number, its words, and an HRESULT with its name where there is one."""

    id: int
    reason: str
    hresult: str | None = None

    def header(self, source: str) -> tuple[str, str]:
        """The header, as the server `source` sends it."""
        hresult = f';HRESULT="{self.hresult}"' if self.hresult else ""
        return "ms-diagnostics", f'{self.id};reason="{self.reason}";source="{source}"{hresult}'


HANDSHAKE_FAILED = Report(1000, "Final handshake failed", UNAUTHORIZED)
SECURITY_LEVEL = Report(1000, "Final handshake failed", NTLM_MISMATCH)
NOT_THE_USERS_URI = Report(4004, "Credentials provided are not authorized to act as specified from URI")
NO_SUCH_URI = Report(4005, "Destination URI either not enabled for SIP or does not exist")
ENDPOINT_REPORTS = {
    EndpointProblem.MISSING: Report(EndpointProblem.MISSING, "Missing endpoint identifier"),
    EndpointProblem.NO_EPID: Report(EndpointProblem.NO_EPID, "Epid not present"),
    EndpointProblem.TOO_LONG: Report(EndpointProblem.TOO_LONG, "Epid too long"),
}


def telling(logon_status: int) -> Report:
    """A refusal that gives the logon error away."""
    return Report(1000, "Final handshake failed", _LOGON_HRESULTS.get(logon_status, UNAUTHORIZED))
