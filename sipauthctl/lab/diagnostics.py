"""The ms-diagnostics that a server of this family gives, [MS-OCER] 7 and 8."""

from __future__ import annotations

from dataclasses import dataclass

from sipauthctl import codes
from sipauthctl.association.endpoint import EndpointProblem
from sipauthctl.lab.names import HOME_HOST, SIP_DOMAIN
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
_DETAILS = {
    1000: (("HRESULT", UNAUTHORIZED),),
    1008: (("domain", SIP_DOMAIN), ("dns-srv-result", "NegativeResult"), ("dns-source", "InternalCache")),
    1009: (("domain", SIP_DOMAIN), ("fqdn1", "sip.fabrikam.com:5061")),
    1010: (
        ("ErrorType", "The peer certificate is not chained off a trusted root"),
        ("tls-target", HOME_HOST),
        ("PeerServer", HOME_HOST),
        ("HRESULT", "0x800B0109(CERT_E_UNTRUSTEDROOT)"),
    ),
    1014: (("fqdn", HOME_HOST),),
    1038: (
        ("fqdn", f"{HOME_HOST}:5061"),
        ("peer-type", "InternalServer"),
        ("winsock-code", "10060"),
        ("winsock-info", "The peer did not respond to the connection attempt"),
    ),
}
"""What servers tell beside the reason, as logs have it."""
_PUBLIC = (4003, 4004)
"""For these [MS-OCER] has ms-diagnostics-public, which external clients get too."""


@dataclass(frozen=True, slots=True)
class Report:
    """One diagnostic: its number, its words, and parameters beside them."""

    id: int
    reason: str
    details: tuple[tuple[str, str], ...] = ()

    @staticmethod
    def of(id_: int) -> Report:
        """The report with a number, with the words of [MS-OCER] where it has them."""
        known = codes.diagnostic(id_)
        return Report(id_, "Unspecified" if known is None else known.name, _DETAILS.get(id_, ()))

    def header(self, source: str, name: str = "ms-diagnostics") -> tuple[str, str]:
        """The header, as the server `source` sends it."""
        params = (("reason", self.reason), ("source", source), *self.details)
        return name, ";".join((str(self.id), *(f'{key}="{value}"' for key, value in params)))


HANDSHAKE_FAILED = Report.of(1000)
SECURITY_LEVEL = Report(1000, HANDSHAKE_FAILED.reason, (("HRESULT", NTLM_MISMATCH),))
NOT_THE_USERS_URI = Report.of(4004)
NO_SUCH_URI = Report.of(4005)
ENDPOINT_REPORTS = {problem: Report.of(problem.value) for problem in EndpointProblem}


def telling(logon_status: int) -> Report:
    """A refusal that gives the logon error away."""
    hresult = _LOGON_HRESULTS.get(logon_status, UNAUTHORIZED)
    return Report(1000, HANDSHAKE_FAILED.reason, (("HRESULT", hresult),))


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """A final answer that a fault demands."""

    status: int
    report: Report | None

    @staticmethod
    def parse(text: str) -> GivenAnswer:
        """Reads `STATUS` or `STATUS:ID`.

        Raises:
            ValueError: it is not of that form.
        """
        status, colon, id_ = text.partition(":")
        if not (status.isascii() and status.isdigit() and 200 <= int(status[:4]) <= 699):
            raise ValueError(f"{status!r} is no status from 200 to 699")
        if colon and not (id_.isascii() and id_.isdigit() and len(id_) <= 5):
            raise ValueError(f"{id_!r} is no number of ms-diagnostics")
        return GivenAnswer(int(status), Report.of(int(id_)) if colon else None)

    def headers(self, source: str) -> tuple[tuple[str, str], ...]:
        """What the server `source` adds to the answer for its status and its report."""
        more = {423: (("Min-Expires", "14400"),), 503: (("Retry-After", "120"),)}.get(self.status, ())
        if self.report is None:
            return more
        name = "ms-diagnostics-public" if self.report.id in _PUBLIC else "ms-diagnostics"
        return (*more, self.report.header(source, name))
