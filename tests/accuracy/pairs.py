"""Pairs of faults in one deployment, and which of the two a client's sign-in ends with.

The faults stand in that order: where two of them meet, the cause is that of the earlier one, for the reason of its
group. What is otherwise is an exception with a reason of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from sipauthctl.lab.faults import behaviour_with
from sipauthctl.lab.settings import DirectoryKind
from tests.accuracy.examination import BOTH, Row


@dataclass(frozen=True)
class Part:
    """One of the two faults. Without `fault` it is in `changes` to the row alone."""

    name: str
    cause: str | None
    fault: str = ""
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def faults(self) -> tuple[str, ...]:
        return (self.fault,) if self.fault else ()


def _of(fault: str, cause: str | None = None) -> Part:
    return Part(fault, cause or fault, fault)


_SILENT = "It does not prevent sign-in."
_IN_ORDER: tuple[tuple[str, tuple[Part, ...]], ...] = (
    ("No server is found, so nothing else is met.", (_of("no-srv", "dns-no-srv"),)),
    (
        "There is no connection to the server, so nothing else of it is met.",
        (_of("srv-dead-port", "connection-refused"), _of("tls-reset"), _of("tls-too-old")),
    ),
    (
        "The certificate is refused (its authority before its names, its names before its time), so no credentials "
        "are sent and nothing that the server says is believed.",
        (
            _of("tls-untrusted"),
            _of("srv-foreign-domain", "dns-domain-mismatch"),
            _of("srv-alias", "dns-target-alias"),
            _of("tls-expired"),
        ),
    ),
    (
        "Nobody can sign in there, whoever it is.",
        (_of("digest-only", "no-usable-scheme"), _of("legacy-auth-off")),
    ),
    (
        "The KDC refuses the account before the server is asked, whatever the clock of that.",
        (
            _of("disabled-account", "account-revoked"),
            _of("expired-password", "password-expired"),
            Part("wrong password", "wrong-password", changes={"password": "wrong"}),
        ),
    ),
    (
        "The clock of the server is wrong for everybody, and hides what else is wrong with tickets.",
        (_of("clock-skew=1200", "clock-skew"),),
    ),
    (
        "The client gets a ticket, so it does not go on with NTLM, and the server refuses it.",
        (_of("service-key-mismatch"),),
    ),
    (
        "The client is authenticated in one way or another, and this ends its sign-in.",
        (
            _of("answer=403:4003", "remote-access-off"),
            _of("redirect-loop"),
            Part("not enabled for SIP", "user-not-enabled", changes={"user": "olaf"}),
            _of("bad-rspauth", "signature-invalid"),
        ),
    ),
    (
        "NTLM is what is left without a ticket, and the server says why it does not work.",
        (_of("ntlm-key-strength-mismatch"),),
    ),
    (
        "It keeps everybody from Kerberos for certain, while NTLM is refused without a reason, if at all.",
        (
            _of("kdc-clock-skew"),
            _of("spn-host-mismatch"),
            _of("foreign-spn", "spn-foreign-service"),
            _of("spn-not-registered"),
            _of("etype-mismatch", "etype-unsupported"),
        ),
    ),
    ("The credentials are refused; the rest is no more than a warning.", (_of("credentials-refused"),)),
    ("A warning.", (_of("kdc-unreachable"), _of("rc4-ticket"))),
    (
        _SILENT,
        tuple(
            Part(fault, None, fault)
            for fault in ("translated-address", "netbios-wrong-domain", "no-domain-records", "no-date")
        ),
    ),
)

_NOT_JUDGED = "The KDC judges no password, and the server tells no reason."
_PROVEN = "The KDC has taken the password, so that it is not the reason of the refusal."
_TOLD = "The server says why it refuses the account; the skew is only measured."
_EXCEPTIONS: dict[frozenset[str], tuple[str, str]] = {
    frozenset({"credentials-refused", "translated-address"}): ("nat-detected", _PROVEN),
    frozenset({"credentials-refused", "netbios-wrong-domain"}): ("netbios-name-mismatch", _PROVEN),
    frozenset({"clock-skew=1200", "answer=403:4003"}): ("remote-access-off", _TOLD),
    frozenset({"clock-skew=1200", "not enabled for SIP"}): ("user-not-enabled", _TOLD),
    frozenset({"clock-skew=1200", "no-date"}): ("ntlm-clock-skew", "Only the NTLM challenge tells the time."),
    frozenset({"service-key-mismatch", "spn-host-mismatch"}): ("spn-host-mismatch", "There is no ticket to refuse."),
    frozenset({"service-key-mismatch", "foreign-spn"}): ("spn-foreign-service", "No ticket is asked for."),
    frozenset({"spn-host-mismatch", "kdc-unreachable"}): ("kdc-unreachable", "Nobody can be asked for that name."),
    frozenset({"foreign-spn", "kdc-unreachable"}): ("kdc-unreachable", "Two warnings beside a sign-in that works."),
    **{
        frozenset({account, kdc}): (cause, _NOT_JUDGED)
        for account in ("disabled-account", "expired-password", "wrong password")
        for kdc, cause in (("kdc-unreachable", "credentials-refused"), ("kdc-clock-skew", "kdc-clock-skew"))
    },
}
_HIDING = frozenset(
    {"no-srv", "srv-dead-port", "tls-reset", "tls-too-old", "tls-untrusted", "tls-expired", "digest-only"}
    | {"srv-foreign-domain", "srv-alias", "legacy-auth-off"}
)
_SEEN_ALL_THE_SAME = frozenset(
    {"disabled-account", "expired-password", "wrong password", "kdc-clock-skew", "kdc-unreachable", "clock-skew=1200"}
    | {"ntlm-key-strength-mismatch", "translated-address", "no-domain-records"}
)
_PLACES = {
    part.name: (group, place, len(parts))
    for group, (_, parts) in enumerate(_IN_ORDER)
    for place, part in enumerate(parts)
}
"""The number of its group, its place in it, and the size of the group."""
_NO_KERBEROS_OFFER = frozenset({"digest-only", "legacy-auth-off"})
_OF_THE_OFFER = frozenset({"spn-host-mismatch", "foreign-spn"})


def _possible(one: Part, other: Part) -> bool:
    """Whether the lab can do both, and the second can be seen: what is hidden cannot mislead."""
    names = {one.name, other.name}
    if one.name in _HIDING and other.name not in _HIDING | _SEEN_ALL_THE_SAME:
        return False
    if names & _NO_KERBEROS_OFFER and names & _OF_THE_OFFER:
        return False
    if "not enabled for SIP" in names and names & {"disabled-account", "expired-password"}:  # of another user
        return False
    try:
        behaviour_with((*one.faults, *other.faults))
    except ValueError:
        return False
    return True


def _meet(one: str, other: str) -> bool:
    """Whether the two are tried together.

    The reason is the same for all pairs of two groups, so each fault meets one of each other group, all of its own,
    and all with which it is an exception.
    """
    (group, place, size), (other_group, other_place, other_size) = _PLACES[one], _PLACES[other]
    if group == other_group or frozenset({one, other}) in _EXCEPTIONS:
        return True
    return place % other_size == other_place if size >= other_size else other_place % size == place


def _pairs() -> list[Row]:
    ordered = [(part, reason) for reason, parts in _IN_ORDER for part in parts]
    rows = []
    for (one, reason), (other, _) in combinations(ordered, 2):
        if not _meet(one.name, other.name) or not _possible(one, other):
            continue
        names = frozenset({one.name, other.name})
        expected, why = _EXCEPTIONS.get(names, (one.cause, reason))
        changes = {**one.changes, **other.changes}
        faults = (*one.faults, *other.faults)
        name = f"{one.name} + {other.name}"
        rows.append(Row("pair", name, expected, faults, {"schemes": BOTH}, seconds=2.0, reason=why, **changes))
    return rows


def _ntlm(name: str, expected: str, reason: str, *faults: str, **changes: Any) -> Row:
    return Row("pair of NTLM", name, expected, faults, reason=reason, seconds=2.0, **changes)


_FIRST_REFUSED = "The refusal tells nothing, and the other one is a circumstance."
_BY_NTLM = (
    *(
        _ntlm(f"wrong password + {fault}", "credentials-refused", _FIRST_REFUSED, fault, password="wrong")
        for fault in ("translated-address", "netbios-wrong-domain", "no-date", "no-domain-records", "bad-rspauth")
    ),
    _ntlm(
        "wrong password + clock-skew=1200",
        "clock-skew",
        "Beyond 15 minutes NTLM is refused whatever the password; the refusal is no sign of a wrong one.",
        "clock-skew=1200",
        password="wrong",
    ),
    _ntlm(
        "wrong password + clock-skew=600",
        "credentials-refused",
        "NTLM allows 15 minutes.",
        "clock-skew=600",
        password="wrong",
    ),
    _ntlm(
        "wrong password + ntlm-key-strength-mismatch",
        "ntlm-key-strength-mismatch",
        "The server says so, and does not look at the password.",
        "ntlm-key-strength-mismatch",
        password="wrong",
    ),
    _ntlm(
        "wrong password + workgroup-server",
        "server-not-domain-joined",
        "Such a server refuses every account of the domain.",
        "workgroup-server",
        password="wrong",
    ),
    _ntlm(
        "wrong password + lyncdiscover-only", "dns-no-srv", "No server is found.", "lyncdiscover-only", password="x"
    ),
    _ntlm(
        "another domain + telling-refusals",
        "domain-mismatch",
        "The server says that the user does not exist.",
        "telling-refusals",
        logon="FABRIKAM\\ned",
    ),
)

PAIRS = (*_pairs(), *_BY_NTLM)

_DIRECTORY: dict[str, Any] = {"lab": {"schemes": BOTH, "directory": DirectoryKind.SAMBA}}


def _directory(expected: str, reason: str, *faults: str, **more: Any) -> Row:
    name = " + ".join((*faults, *(["wrong password"] if "password" in more else [])))
    return Row("pair in a directory", name, expected, faults, reason=reason, **{**_DIRECTORY, **more})


_KERBEROS_HAS_TO_WORK = "A member of Protected Users signs in using Kerberos alone, which this breaks."
# Each new deployment is a domain to provision, which takes long, so there are only those that need a directory.
IN_DIRECTORY_PAIRS = (
    _directory("wrong-password", "The KDC refuses the account first.", "protected-user", password="wrong"),
    _directory("wrong-password", "The KDC refuses the account first.", "spn-duplicate", password="wrong"),
    _directory("spn-wrong-account", _KERBEROS_HAS_TO_WORK, "spn-wrong-account", "protected-user"),
    _directory("service-key-mismatch", _KERBEROS_HAS_TO_WORK, "service-key-mismatch", "protected-user"),
    _directory(
        "spn-wrong-account",
        "The KDC took the password, and this keeps everybody from Kerberos.",
        "spn-wrong-account",
        "credentials-refused",
    ),
)
