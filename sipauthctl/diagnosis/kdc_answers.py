"""What a KDC's answer says of an account."""

from __future__ import annotations

from sipauthctl.diagnosis.refusals import FINDING_OF_CODE
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.kerberos.as_exchange import CLIENT_UNKNOWN, KdcAnswer
from sipauthctl.mechanisms.kerberos.names import KerberosName
from sipauthctl.mechanisms.status import status_text

_BY_CODE = {
    1: "account-expired",
    CLIENT_UNKNOWN: "user-unknown",
    14: "etype-unsupported",
    18: "account-revoked",
    23: "password-expired",
    24: "wrong-password",
}
_NAMES = {
    1: "KDC_ERR_NAME_EXP",
    6: "KDC_ERR_C_PRINCIPAL_UNKNOWN",
    7: "KDC_ERR_S_PRINCIPAL_UNKNOWN",
    8: "KDC_ERR_PRINCIPAL_NOT_UNIQUE",
    12: "KDC_ERR_POLICY",
    14: "KDC_ERR_ETYPE_NOSUPP",
    18: "KDC_ERR_CLIENT_REVOKED",
    23: "KDC_ERR_KEY_EXPIRED",
    24: "KDC_ERR_PREAUTH_FAILED",
    25: "KDC_ERR_PREAUTH_REQUIRED",
    29: "KDC_ERR_SVC_UNAVAILABLE",
    37: "KRB_AP_ERR_SKEW",
    60: "KRB_ERR_GENERIC",
    68: "KDC_ERR_WRONG_REALM",
}
_SAYS = {
    "account-disabled": "says that the account of {user} is disabled",
    "account-expired": "says that the account of {user} has expired",
    "account-locked": "says that the account of {user} is locked out",
    "account-revoked": "refuses {user}: the account is disabled, locked out, expired or outside its hours",
    "etype-unsupported": "has no key of {user} of a type that is still in use",
    "logon-hours": "says that {user} may not sign in at this hour",
    "logon-workstation": "says that {user} may not sign in from this computer",
    "password-expired": "says that the password of {user} has expired or must be changed",
    "user-unknown": "knows no {user}",
    "wrong-password": "refuses the password of {user}",
}


def code_text(code: int) -> str:
    """`18 KDC_ERR_CLIENT_REVOKED`, RFC 4120 7.5.9."""
    return f"{code} {_NAMES[code]}" if code in _NAMES else str(code)


def answer_line(answer: KdcAnswer, host: str) -> str:
    """The answer in one line, as evidence."""
    status = f", NTSTATUS {status_text(answer.status)}" if answer.status is not None else ""
    words = f" ({answer.text})" if answer.text else ""
    return f"KRB-ERROR of {host}: {code_text(answer.code)}{words}{status}" if answer.code else f"AS-REP of {host}"


def account_finding(
    answer: KdcAnswer, name: KerberosName, host: str, *, severity: Severity | None = None
) -> Finding | None:
    """The finding behind an answer; None where it says nothing against the account.

    Args:
        answer: of the KDC.
        name: who was asked for.
        host: the KDC's name.
        severity: another one than the catalogue's.
    """
    # The NTSTATUS is the finer one; [MS-KILE] 2.2.1.
    id_ = FINDING_OF_CODE.get(answer.status or 0) or _BY_CODE.get(answer.code)
    if id_ is None:
        return None
    user = name.user.partition("@")[0]
    detail = f"The KDC {host} {_SAYS[id_].format(user=name.shown)}."
    return finding(id_, detail, [answer_line(answer, host)], severity=severity, user=user, account=user)
