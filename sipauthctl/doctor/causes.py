"""Which finding explains which: the cause relation, written once."""

from __future__ import annotations

from sipauthctl.findings import Finding, Severity
from sipauthctl.probe.diagnosis import signatures

_REFUSALS = ("credentials-refused", "user-unknown", "account-revoked", "server-diagnostic")
_ACCOUNT = (
    "user-unknown",
    "account-disabled",
    "account-locked",
    "account-expired",
    "password-expired",
    "logon-hours",
    "logon-workstation",
    "wrong-password",
)
_NO_TICKET = ("no-ticket", "kerberos-failed")

# cause: what it explains, where both were found. A chain is written link by link.
CAUSES: dict[str, tuple[str, ...]] = {
    # DNS comes before all that needs a name.
    "dns-server-unreachable": ("dns-no-srv", "dns-target-unresolvable", "kdc-not-found"),
    # A clock beyond its limit.
    "clock-skew": (
        "kdc-clock-skew",
        "ntlm-clock-skew",
        "tls-expired",
        "ticket-expired",
        "service-key-mismatch",
        *_NO_TICKET,
    ),
    "ntlm-clock-skew": ("credentials-refused",),  # its limit is that of NTLM, which the one of clock-skew need not be
    "kdc-clock-skew": ("ticket-expired", "service-key-mismatch", *_NO_TICKET),
    # What the connection shows.
    "dns-domain-mismatch": ("tls-name-mismatch",),
    "dns-target-alias": ("tls-name-mismatch", "dns-target-unresolvable"),
    "tls-too-old": ("protocol-error",),
    # The service principal name and its key.
    "spn-duplicate": ("spn-not-registered", "spn-wrong-account", "service-key-mismatch", "etype-unsupported"),
    "spn-wrong-account": ("service-key-mismatch", "spn-not-registered", "etype-unsupported"),
    # The domain: of the server, of the logon name, of this computer.
    "server-not-domain-joined": ("domain-mismatch", "upn-suffix-mismatch", "netbios-name-mismatch", *_REFUSALS),
    "domain-mismatch": ("client-domain-differs", "kdc-not-found", *_REFUSALS),
    "netbios-name-mismatch": ("domain-mismatch", *_REFUSALS),
    "client-domain-differs": ("kdc-not-found", "spn-not-registered"),
    "upn-suffix-mismatch": ("kdc-not-found", *_REFUSALS),
    "upn-without-fallback": ("kdc-not-found", "kdc-unreachable", *_NO_TICKET),
    # The account: the finer reason explains the coarser one.
    **dict.fromkeys(_ACCOUNT, ("credentials-refused", "account-revoked", *_NO_TICKET)),
    "account-revoked": ("credentials-refused", *_NO_TICKET),
    # NTLM.
    "protected-user": ("credentials-refused",),
    "ntlm-key-strength-mismatch": ("credentials-refused", "server-diagnostic"),
    "ntlm-v1": ("credentials-refused",),
    # An answer to a refresh that cannot be believed.
    **dict.fromkeys(signatures.UNTRUSTED, ("registration-lost",)),
    # The offers.
    "extranet-ntlm-only": ("kdc-not-found", "kdc-unreachable"),
    "kerberos-unavailable": ("no-usable-scheme",),
}

# What the Resource Kit names as reasons why valid credentials are refused. They explain a refusal only where the
# account and its password are proven to be in order; else a wrong password is as likely.
CIRCUMSTANCES: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("client-xp-home", "netbios-unavailable", "nat-detected", "client-not-domain-joined", "client-domain-differs"),
    ("credentials-refused",),
)

# Tolerated or only supposed as a warning, and so no cause of anything then.
_ONLY_AS_ERROR = frozenset({"clock-skew", "kdc-clock-skew", "ntlm-key-strength-mismatch", "upn-without-fallback"})


def explains(cause: Finding, effect: Finding, *, account_proven: bool) -> bool:
    """Whether one finding explains another. Information explains nothing: it breaks nothing.

    Args:
        cause: the one.
        effect: the other.
        account_proven: a KDC took the password, so that the account is in order.
    """
    explained = CAUSES.get(cause.id, ()) + (CIRCUMSTANCES.get(cause.id, ()) if account_proven else ())
    if cause.severity is Severity.INFO or effect.id not in explained:
        return False
    return cause.severity is Severity.ERROR or cause.id not in _ONLY_AS_ERROR
