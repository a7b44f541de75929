"""What KDCs refused to a client that signs in: the clock, the account, the service principal name."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.analysis.kdc_errors import SignIn
from sipauthctl.association.clock import KERBEROS_SKEW_LIMIT, ClockReading
from sipauthctl.capture.record import KdcError
from sipauthctl.diagnosis.clock import words
from sipauthctl.diagnosis.kdc_answers import account_finding, answer_line
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.kerberos.as_exchange import KdcAnswer, MalformedAnswer, read_answer
from sipauthctl.mechanisms.kerberos.names import KerberosName

SKEW = 37  # KRB_AP_ERR_SKEW, RFC 4120 7.5.9
_UNKNOWN_SERVICE, _NOT_UNIQUE = 7, 8
_UNCERTAIN_SECONDS = 2.0
_OF_THE_REALM = "krbtgt/"
_OURS = "sip/"


def findings(error: KdcError, sign_in: SignIn) -> Iterator[Finding]:
    """The findings on one refusal; it is of little weight where the sign-in succeeded all the same."""
    try:
        answer = read_answer(error.data)
    except MalformedAnswer:
        return
    skew = _skew(error, answer)
    if skew is not None:
        yield _clock(error, answer, skew, sign_in)
    elif answer.code == SKEW:
        yield _clock(error, answer, None, sign_in)
    severity = Severity.INFO if sign_in.by_kerberos else Severity.WARNING if sign_in.established else None
    service = answer.service.lower()
    if service.startswith(_OF_THE_REALM) and _is_the_user(answer, sign_in):
        yield from _account(error, answer, sign_in, severity)
    if service.startswith(_OURS) and answer.code in (_UNKNOWN_SERVICE, _NOT_UNIQUE):
        id_ = "spn-not-registered" if answer.code == _UNKNOWN_SERVICE else "spn-duplicate"
        detail = f"The KDC {error.kdc.host} makes no ticket for {answer.service}, which {sign_in.user} needs"
        result = f"; {sign_in.user} signs in otherwise." if sign_in.established else "."
        evidence = _evidence(error, answer)
        yield finding(id_, detail + result, evidence, severity=severity, spn=answer.service, realm=answer.realm)


def _account(error: KdcError, answer: KdcAnswer, sign_in: SignIn, severity: Severity | None) -> Iterator[Finding]:
    name = KerberosName(answer.client or _user(sign_in), answer.realm)
    found = account_finding(answer, name, error.kdc.host, severity=severity)
    if found is None:
        return
    about = f" It was asked for {sign_in.user} at {sign_in.host}." if not answer.client else ""
    detail = f"{found.detail}{about}{' The sign-in succeeded all the same.' if sign_in.established else ''}"
    user = name.user.partition("@")[0]
    yield finding(found.id, detail, _evidence(error, answer), severity=severity, user=user, account=user)


def _is_the_user(answer: KdcAnswer, sign_in: SignIn) -> bool:
    """Whether the answer is about the one who signs in; where it names nobody, its computer has to do."""
    client = answer.client.partition("@")[0].lower()
    return not client or client == _user(sign_in).lower()


def _user(sign_in: SignIn) -> str:
    return sign_in.user.removeprefix("sip:").partition("@")[0]


def _skew(error: KdcError, answer: KdcAnswer) -> ClockReading | None:
    if answer.time is None or error.time is None:
        return None
    clock = ClockReading((answer.time - error.time).total_seconds(), _UNCERTAIN_SECONDS)
    return clock if clock.surely_exceeds(KERBEROS_SKEW_LIMIT) else None


def _clock(error: KdcError, answer: KdcAnswer, skew: ClockReading | None, sign_in: SignIn) -> Finding:
    kdc = error.kdc.host
    seen = (
        f"The clock of the KDC {kdc} is {words(skew)} that of the computer where the input was recorded."
        if skew
        else ""
    )
    refused = f"The KDC {kdc} refuses a request of {sign_in.host} for its time." if answer.code == SKEW else ""
    # Windows takes the KDC's time from such an answer and asks again.
    severity = None if answer.code == SKEW and not sign_in.by_kerberos else Severity.WARNING
    detail = " ".join(part for part in (refused, seen) if part)
    told = f"stime {answer.time:%Y-%m-%d %H:%M:%S} UTC, captured {error.time:%Y-%m-%d %H:%M:%S} UTC"
    return finding("kdc-clock-skew", detail, [*_evidence(error, answer), told], severity=severity)


def _evidence(error: KdcError, answer: KdcAnswer) -> list[str]:
    return [f"{error.input}:{error.place}", answer_line(answer, error.kdc.host)]
