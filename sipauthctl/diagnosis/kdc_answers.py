"""What a KDC's answer says of an account."""

from __future__ import annotations

from sipauthctl.codes import kerberos, of_windows, windows_text
from sipauthctl.findings import Finding, Severity, catalogue, finding
from sipauthctl.mechanisms.kerberos.as_exchange import KdcAnswer
from sipauthctl.mechanisms.kerberos.names import KerberosName

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
    known = kerberos(code)
    return f"{code} {known.name}" if known is not None else str(code)


def answer_line(answer: KdcAnswer, host: str) -> str:
    """The answer in one line, as evidence."""
    status = f", NTSTATUS {windows_text(answer.status)}" if answer.status is not None else ""
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
    codes = [of_windows(answer.status) if answer.status is not None else None, kerberos(answer.code)]
    told = (code.finding for code in codes if code is not None and code.finding is not None)
    id_ = next((id_ for id_ in told if id_ == "etype-unsupported" or catalogue()[id_].family == "account"), None)
    if id_ is None:
        return None
    user = name.user.partition("@")[0]
    says = _SAYS.get(id_, "refuses {user}").format(user=name.shown)
    detail = f"The KDC {host} {says}."
    return finding(id_, detail, [answer_line(answer, host)], severity=severity, user=user, account=user)
