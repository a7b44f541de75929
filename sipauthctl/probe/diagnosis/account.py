"""Who is refused, and as far as the server tells it, why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sipauthctl.association.client import StopReason
from sipauthctl.findings import Finding, finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.status import (
    ACCOUNT_DISABLED,
    ACCOUNT_EXPIRED,
    ACCOUNT_LOCKED_OUT,
    INVALID_LOGON_HOURS,
    INVALID_WORKSTATION,
    NO_SUCH_USER,
    PASSWORD_EXPIRED,
    PASSWORD_MUST_CHANGE,
    WRONG_PASSWORD,
)
from sipauthctl.probe.diagnosis.diagnostics import NTLM_MISMATCH, diagnostic_lines, hresults, ids, reports
from sipauthctl.probe.diagnosis.kerberos import refused_by_server
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.results import HopResult

_NOT_AUTHORIZED, _NOT_ENABLED, _UNKNOWN_USER, _TIME_SKEW = 4004, (4005, 4006), 1003, 1013

# By NTSTATUS, and by the HRESULT of the Win32 error that Windows maps it to ([MS-ERREF] 2.2 and 2.3.1).
_BY_CODE = {
    WRONG_PASSWORD: "wrong-password",
    NO_SUCH_USER: "user-unknown",
    0x80070525: "user-unknown",  # ERROR_NO_SUCH_USER
    ACCOUNT_DISABLED: "account-disabled",
    0x80070533: "account-disabled",  # ERROR_ACCOUNT_DISABLED
    ACCOUNT_LOCKED_OUT: "account-locked",
    0x80070775: "account-locked",  # ERROR_ACCOUNT_LOCKED_OUT
    ACCOUNT_EXPIRED: "account-expired",
    0x80070701: "account-expired",  # ERROR_ACCOUNT_EXPIRED
    PASSWORD_EXPIRED: "password-expired",
    0x80070532: "password-expired",  # ERROR_PASSWORD_EXPIRED
    PASSWORD_MUST_CHANGE: "password-expired",
    0x80070773: "password-expired",  # ERROR_PASSWORD_MUST_CHANGE
    INVALID_LOGON_HOURS: "logon-hours",
    0x80070530: "logon-hours",  # ERROR_INVALID_LOGON_HOURS
    INVALID_WORKSTATION: "logon-workstation",
    0x80070531: "logon-workstation",  # ERROR_INVALID_WORKSTATION
}


def findings(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    """The refusal of the last server, if it is one."""
    for hop in run.hops:
        # A refusal for the strength of keys is for the family of NTLM to tell.
        # So is one of a ticket for the family of Kerberos.
        of_ticket = hop.scheme is Scheme.KERBEROS and refused_by_server(hop)
        if hop.result is HopResult.REJECTED and NTLM_MISMATCH not in hresults(hop) and not of_ticket:
            yield _refusal(hop, options)


def _refusal(hop: HopFacts, options: ProbeOptions) -> Finding:
    evidence = diagnostic_lines(hop)
    host, user = hop.server.host, options.logon_name
    sip_uri = f"sip:{options.user.user}@{options.user.host}"
    fields: dict[str, Any] = {"user": user.user.split("@")[0], "sip_uri": sip_uri, "dns_domain": _dns_domain(hop)}
    told = next((_BY_CODE[code] for code in hresults(hop) if code in _BY_CODE), None)
    if told is not None:
        return finding(told, f"{host} refuses {user.text} and gives the reason.", evidence, **fields)
    if _UNKNOWN_USER in ids(hop):
        return finding("user-unknown", f"{host} says that {user.text} does not exist.", evidence, **fields)
    if hop.stopped is not None and hop.stopped.reason is StopReason.CREDENTIALS_REFUSED:
        return _credentials(hop, options, evidence, fields)
    if _NOT_AUTHORIZED in ids(hop):
        detail = f"{user.text} signed in, but may not register {sip_uri}."
        return finding("uri-not-authorized", detail, evidence, **fields)
    status = hop.last.status if hop.last is not None else 0
    if status == 404 or ids(hop) & set(_NOT_ENABLED):
        detail = f"{user.text} signed in, but {host} knows no user with the address {sip_uri}."
        return finding("user-not-enabled", detail, evidence, **fields)
    words = "; ".join(reason for report in reports(hop) if (reason := report.get("reason"))) or "without a reason"
    return finding("server-diagnostic", f"{host} answers {status}: {words}.", evidence)


def _credentials(hop: HopFacts, options: ProbeOptions, evidence: list[str], fields: dict[str, Any]) -> Finding:
    host, name = hop.server.host, options.logon_name.text
    if _TIME_SKEW in ids(hop):
        detail = f"{host} refuses {name} and reports time skew."
    else:
        scheme = hop.scheme.value if hop.scheme is not None else Scheme.NTLM.value
        detail = f"{host} refuses {name} by {scheme}. It does not tell a wrong password from the other causes."
    return finding("credentials-refused", detail, evidence, **fields)


def _dns_domain(hop: HopFacts) -> str:
    return (hop.ntlm.names.dns_domain or "") if hop.ntlm is not None else ""
