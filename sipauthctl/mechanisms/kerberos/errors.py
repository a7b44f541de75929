"""What libkrb5 and its GSS-API mechanism report, as causes that can be acted upon."""

from __future__ import annotations

import re
from enum import Enum

from sipauthctl.codes import kerberos
from sipauthctl.mechanisms.base import MechanismError


class KerberosCause(str, Enum):
    """What is wrong. The values are ids of the catalogue of findings, but for the last two."""

    SPN_NOT_REGISTERED = "spn-not-registered"
    SPN_DUPLICATE = "spn-duplicate"
    WRONG_PASSWORD = "wrong-password"
    USER_UNKNOWN = "user-unknown"
    ACCOUNT_EXPIRED = "account-expired"
    PASSWORD_EXPIRED = "password-expired"
    KDC_CLOCK_SKEW = "kdc-clock-skew"
    TICKET_EXPIRED = "ticket-expired"
    ETYPE_UNSUPPORTED = "etype-unsupported"
    KDC_NOT_FOUND = "kdc-not-found"
    KDC_UNREACHABLE = "kdc-unreachable"
    NO_TICKET = "no-ticket"
    SERVICE_KEY_MISMATCH = "service-key-mismatch"
    CLIENT_REVOKED = "account-revoked"  # disabled, locked out, expired or outside its hours: the KDC tells no more
    REPLAY = "replay"
    OTHER = "other"


class Phase(Enum):
    """What was being done; some codes mean different things."""

    LOGON = "logon"  # the AS exchange, or opening a cache or keytab
    TICKET = "ticket"  # the TGS exchange
    ACCEPT = "accept"  # at the server


_ACCOUNT_REFUSED = frozenset(
    {
        KerberosCause.WRONG_PASSWORD,
        KerberosCause.ACCOUNT_EXPIRED,
        KerberosCause.PASSWORD_EXPIRED,
        KerberosCause.CLIENT_REVOKED,
    }
)


class KerberosFailure(MechanismError):
    """Kerberos refused. `code` is libkrb5's, or a GSS-API status where libkrb5 gave none; `keytab` the file whose keys
    were to be used, empty where it was none."""

    keytab = ""

    def __init__(self, cause: KerberosCause, code: int, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.code = code
        self.account_refused = cause in _ACCOUNT_REFUSED


PROTOCOL_BASE = -1765328384
"""libkrb5's code for a KRB-ERROR is this plus the error code of RFC 4120 7.5.9."""

PREAUTH_FAILED = -1765328174
"""KRB5_PREAUTH_FAILED: the library could make none of the proofs that the KDC asks for."""

KDC_UNREACHABLE = -1765328228
"""KRB5_KDC_UNREACH: no KDC of the realm answered."""

KEYTAB_HAS_NO_KEY = -1765328203
"""KRB5_KT_NOTFOUND: the keytab has no key of the principal."""

_REPEAT = 34  # KRB_AP_ERR_REPEAT, RFC 4120 7.5.9

_LIBRARY = {
    -1765328244: KerberosCause.NO_TICKET,  # KRB5_CC_UNKNOWN_TYPE
    -1765328243: KerberosCause.NO_TICKET,  # KRB5_CC_NOTFOUND
    -1765328240: KerberosCause.SERVICE_KEY_MISMATCH,  # KRB5KRB_AP_WRONG_PRINC
    -1765328236: KerberosCause.KDC_CLOCK_SKEW,  # KRB5_KDCREP_SKEW
    -1765328234: KerberosCause.ETYPE_UNSUPPORTED,  # KRB5_PROG_ETYPE_NOSUPP
    -1765328230: KerberosCause.KDC_NOT_FOUND,  # KRB5_REALM_UNKNOWN
    KDC_UNREACHABLE: KerberosCause.KDC_UNREACHABLE,
    KEYTAB_HAS_NO_KEY: KerberosCause.SERVICE_KEY_MISMATCH,
    -1765328196: KerberosCause.ETYPE_UNSUPPORTED,  # KRB5_BAD_ENCTYPE
    -1765328190: KerberosCause.NO_TICKET,  # KRB5_FCC_PERM
    -1765328189: KerberosCause.NO_TICKET,  # KRB5_FCC_NOFILE
    -1765328185: KerberosCause.NO_TICKET,  # KRB5_CC_FORMAT
    PREAUTH_FAILED: KerberosCause.WRONG_PASSWORD,
    -1765328172: KerberosCause.NO_TICKET,  # KRB5_CCACHE_BADVNO
    -1765328164: KerberosCause.KDC_NOT_FOUND,  # KRB5_REALM_CANT_RESOLVE
    -1765328160: KerberosCause.KDC_NOT_FOUND,  # KRB5_CONFIG_NODEFREALM
    -1765328154: KerberosCause.SERVICE_KEY_MISMATCH,  # KRB5_KT_KVNONOTFOUND
    -1765328147: KerberosCause.ETYPE_UNSUPPORTED,  # KRB5_CONFIG_ETYPE_NOSUPP
}

_BY_PHASE = {
    # An answer that does not decrypt: the key was made from a wrong password.
    (Phase.LOGON, PROTOCOL_BASE + 31): KerberosCause.WRONG_PASSWORD,
    # The service of an AS exchange is the realm's own, krbtgt.
    (Phase.LOGON, PROTOCOL_BASE + 7): KerberosCause.KDC_NOT_FOUND,
    (Phase.LOGON, KEYTAB_HAS_NO_KEY): KerberosCause.NO_TICKET,
    (Phase.LOGON, -1765328171): KerberosCause.NO_TICKET,  # KRB5_KEYTAB_BADVNO
    (Phase.LOGON, 13): KerberosCause.NO_TICKET,  # EACCES, of a cache or keytab
    (Phase.LOGON, 2): KerberosCause.NO_TICKET,  # ENOENT
}

_FILES = {
    -1765328190: "the credential cache cannot be read",  # KRB5_FCC_PERM
    -1765328189: "there is no such credential cache",  # KRB5_FCC_NOFILE
    -1765328185: "the file is no credential cache",  # KRB5_CC_FORMAT
    -1765328172: "the file is no credential cache",  # KRB5_CCACHE_BADVNO
    KEYTAB_HAS_NO_KEY: "the keytab has no key of this user",
    -1765328171: "the file is no keytab",  # KRB5_KEYTAB_BADVNO
    13: "the file cannot be read",
    2: "there is no such file",
}
"""What is wrong with a cache or keytab, where there are no credentials in it."""

# What a KDC says at length may be the request with the ticket, thrown back.
_OF_THE_KDC = re.compile(r"(error string: .{40}).+", re.DOTALL)

_SENTENCES = {
    KerberosCause.SPN_NOT_REGISTERED: "the KDC knows no such service",
    KerberosCause.SPN_DUPLICATE: "several accounts have this name",
    KerberosCause.WRONG_PASSWORD: "the KDC refuses the password",
    KerberosCause.USER_UNKNOWN: "the KDC knows no such user",
    KerberosCause.ACCOUNT_EXPIRED: "the account has expired",
    KerberosCause.PASSWORD_EXPIRED: "the password has expired or must be changed",
    KerberosCause.KDC_CLOCK_SKEW: "the clocks differ too much",
    KerberosCause.TICKET_EXPIRED: "the ticket has expired",
    KerberosCause.ETYPE_UNSUPPORTED: "no encryption type is common to all sides",
    KerberosCause.KDC_NOT_FOUND: "no KDC is known for the realm",
    KerberosCause.KDC_UNREACHABLE: "the KDC does not answer",
    KerberosCause.NO_TICKET: "there are no credentials that can be used",
    KerberosCause.SERVICE_KEY_MISMATCH: "the ticket is not for the server's key",
    KerberosCause.CLIENT_REVOKED: "the account is disabled, locked out, expired or outside its logon hours",
    KerberosCause.REPLAY: "the same token was used before",
    KerberosCause.OTHER: "Kerberos failed",
}


def cause_of(code: int, phase: Phase) -> KerberosCause:
    """The cause behind a code of libkrb5; OTHER for one that is not known."""
    return _BY_PHASE.get((phase, code)) or _LIBRARY.get(code) or _of_protocol(code - PROTOCOL_BASE)


def _of_protocol(number: int) -> KerberosCause:
    code = kerberos(number)
    if number == _REPEAT:
        return KerberosCause.REPLAY
    if code is None or code.finding not in list(KerberosCause):
        return KerberosCause.OTHER
    return KerberosCause(code.finding)


def failure(cause: KerberosCause, code: int, doing: str, words: str = "") -> KerberosFailure:
    """The error for a cause.

    Args:
        cause: what is wrong.
        code: the code that said so.
        doing: what failed, such as `asking a ticket for sip/hs1.litwareinc.com`.
        words: the library's own, which name principals and files and never a secret.
    """
    words = _OF_THE_KDC.sub(r"\1...", words)
    detail = ", ".join(filter(None, (words, f"code {code}" if code else "")))
    says = _FILES.get(code, _SENTENCES[cause]) if cause is KerberosCause.NO_TICKET else _SENTENCES[cause]
    return KerberosFailure(cause, code, f"{doing}: {says} ({detail})")
