"""Why a server refuses somebody, as far as it tells."""

from __future__ import annotations

from sipauthctl.diagnosis.answers import hresults, ids, lines, words
from sipauthctl.findings import Finding, finding
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
from sipauthctl.sip.message import Response

_NOT_AUTHORIZED, _NOT_ENABLED, _UNKNOWN_USER, _TIME_SKEW = 4004, frozenset({4005, 4006}), 1003, 1013

# By NTSTATUS, and by the HRESULT of the Win32 error that Windows maps it to ([MS-ERREF] 2.2 and 2.3.1).
FINDING_OF_CODE = {
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
"""The finding for what Windows says of a refused logon."""


def refusal(
    answer: Response, *, host: str, user: str, sip_uri: str, scheme: str, dns_domain: str, of_credentials: bool
) -> Finding:
    """The finding for a final answer that says no.

    Args:
        answer: that answer.
        host: the server's name.
        user: the logon name, or the SIP URI where that is not known.
        sip_uri: the address that was to be registered.
        scheme: the scheme that was used.
        dns_domain: the domain that the server named, empty where it is not known.
        of_credentials: it was a challenge after the last token.
    """
    evidence = lines(answer)
    account = user.rpartition("\\")[2].split("@")[0].removeprefix("sip:")
    fields: dict[str, object] = {"user": account, "sip_uri": sip_uri, "dns_domain": dns_domain}
    told = next((FINDING_OF_CODE[code] for code in hresults(answer) if code in FINDING_OF_CODE), None)
    if told is not None:
        return finding(told, f"{host} refuses {user} and gives the reason.", evidence, severity=None, **fields)
    if _UNKNOWN_USER in ids(answer):
        return finding("user-unknown", f"{host} says that {user} does not exist.", evidence, severity=None, **fields)
    if of_credentials:
        if _TIME_SKEW in ids(answer):
            detail = f"{host} refuses {user} and reports time skew."
        else:
            detail = f"{host} refuses {user} by {scheme}. It does not tell a wrong password from the other causes."
        return finding("credentials-refused", detail, evidence, severity=None, **fields)
    if _NOT_AUTHORIZED in ids(answer):
        detail = f"{user} signed in, but may not register {sip_uri}."
        return finding("uri-not-authorized", detail, evidence, severity=None, **fields)
    if answer.status == 404 or ids(answer) & _NOT_ENABLED:
        detail = f"{user} signed in, but {host} knows no user with the address {sip_uri}."
        return finding("user-not-enabled", detail, evidence, severity=None, **fields)
    return finding("server-diagnostic", f"{host} answers {answer.status}: {words(answer)}.", evidence)
