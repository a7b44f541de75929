"""From what the directory has to findings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from sipauthctl.directory.values import AccountControl, may_sign_in
from sipauthctl.doctor.case import Case
from sipauthctl.findings import Finding, Severity, finding

if TYPE_CHECKING:
    from sipauthctl.directory.queries import DirectoryFacts
    from sipauthctl.directory.records import AccountRecord


def account_findings(account: AccountRecord, now: datetime, workstation: str) -> Iterator[Finding]:
    """What holds an account back.

    Args:
        account: see there.
        now: by the directory's clock, in UTC.
        workstation: this computer's NetBIOS name, empty where it has none.
    """
    user, dn = account.name, f"{account.dn}"
    if AccountControl.DISABLED in account.control:
        yield finding("account-disabled", f"The account {user} is disabled.", [dn, _flags(account)], user=user)
    if AccountControl.LOCKED_OUT in account.control:
        since = f" since {account.locked_since:%Y-%m-%d %H:%M} UTC" if account.locked_since is not None else ""
        yield finding("account-locked", f"The account {user} is locked out{since}.", [dn, _flags(account)], user=user)
    if account.expires is not None and account.expires <= now:
        detail = f"The account {user} expired on {account.expires:%Y-%m-%d %H:%M} UTC."
        yield finding("account-expired", detail, [dn, "accountExpires"], user=user)
    if account.must_change or AccountControl.PASSWORD_EXPIRED in account.control:
        told = "must be changed at the next logon" if account.must_change else "has expired"
        evidence = [dn, "pwdLastSet: 0" if account.must_change else _flags(account)]
        yield finding("password-expired", f"The password of {user} {told}.", evidence, user=user)
    if not may_sign_in(account.logon_hours, now):
        detail = f"The logon hours of {user} exclude now ({now:%A %H:%M} UTC)."
        yield finding("logon-hours", detail, [dn, f"logonHours: {(account.logon_hours or b'').hex()}"], user=user)
    allowed = {name.upper() for name in account.workstations}
    if allowed and workstation.upper() not in allowed:
        detail = f"{user} may sign in from {', '.join(sorted(allowed))} only; this computer is {workstation.upper()}."
        evidence = [dn, f"userWorkstations: {','.join(account.workstations)}"]
        yield finding("logon-workstation", detail, evidence, user=user)


def protected_finding(
    facts: DirectoryFacts | None, ntlm_refused: Finding, *, works: bool, broken: str
) -> Finding | None:
    """Why NTLM is refused to a member of Protected Users; None for others.

    Args:
        facts: what the directory has, None where it was not read.
        ntlm_refused: what the refusal gave.
        works: Kerberos works.
        broken: the id of the finding that says why it does not, empty where it was not tried.
    """
    account = facts.account if facts is not None else None
    if account is None or not account.protected_by:
        return None
    kerberos = " Kerberos works, which is all that the group allows." if works else ""
    if broken:
        kerberos = f" The group allows Kerberos alone, which fails ({broken}): that has to be mended."
    detail = f"{account.name} is a member of Protected Users, and NTLM is refused.{kerberos}"
    evidence = [account.dn, account.protected_by, *ntlm_refused.evidence[:1]]
    severity = Severity.WARNING if works or broken else None
    return finding("protected-user", detail, evidence, severity=severity, user=account.name)


def sip_findings(facts: DirectoryFacts, account: AccountRecord, sip_uri: str) -> Iterator[Finding]:
    """Whether the SIP address is this account's and enabled; nothing where the schema has no SIP attributes."""
    if not facts.sip_schema:
        return
    told = [
        account.dn,
        f"msRTCSIP-UserEnabled: {account.sip_enabled}",
        f"msRTCSIP-PrimaryUserAddress: {account.sip_address or 'none'}",
    ]
    if (account.sip_address or "").lower() == sip_uri.lower():
        if not account.sip_enabled:
            detail = f"{sip_uri} is the address of {account.name}, and is not enabled."
            yield finding("user-not-enabled", detail, told, user=account.name, sip_uri=sip_uri)
    elif facts.sip_owner:
        detail = f"{sip_uri} is the address of {facts.sip_owner}, not of {account.name}."
        yield finding("uri-not-authorized", detail, told, sip_uri=sip_uri)
    else:
        detail = (
            f"No account of the domain has the address {sip_uri}; {account.name} has {account.sip_address or 'none'}."
        )
        yield finding("user-not-enabled", detail, told, user=account.name, sip_uri=sip_uri)


def suffix_finding(facts: DirectoryFacts, case: Case) -> Finding | None:
    """A logon name of which the directory knows neither the account nor the suffix."""
    user, at, suffix = case.asked.probe.logon_name.user.partition("@")
    known = {domain.dns for domain in facts.domains} | set(facts.suffixes)
    if not at or facts.account is not None or suffix.lower() in known or not known:
        return None
    detail = f"No domain of the forest has the suffix of {user}@{suffix}."
    told = [f"suffixes: {', '.join(sorted(known))}"]
    domain = facts.domains[0].dns if facts.domains else ""
    return finding("upn-suffix-mismatch", detail, told, severity=Severity.WARNING, user=user, dns_domain=domain)


def _flags(account: AccountRecord) -> str:
    return f"userAccountControl with the computed bits: 0x{int(account.control):X}"
