"""The names in a CHALLENGE: against those of a refused logon, and what they say of the server itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.messages import TargetNames
from sipauthctl.trust import Trust

_SCHEME = "sip:"


def name_findings(
    name: LogonName, names: TargetNames, host: str, *, sip_uri: str, trust: Trust, unknown: bool = False
) -> Iterator[Finding]:
    """The domain or suffix of a refused logon name, where it is none that the server names in its CHALLENGE.

    Args:
        name: as it was refused.
        names: those in the CHALLENGE.
        host: the server.
        sip_uri: the address that was to be registered.
        trust: tells which of the names advice may repeat.
        unknown: the server said that the user does not exist; otherwise a wrong password is as likely.
    """
    known = {text.lower() for text in (names.netbios_domain, names.dns_domain, names.dns_tree) if text}
    told = f"NetBIOS domain {names.netbios_domain}, DNS domain {names.dns_domain}"
    fields: dict[str, Any] = {
        "user": _account(name),
        "user_domain": name.domain,
        "server_domain": trust.advisable(names.netbios_domain or names.dns_domain or ""),
        "dns_domain": trust.advisable(names.dns_domain or ""),
    }
    claimed = trust.claimed(names.dns_domain or "", host)
    severity = Severity.ERROR if unknown else None
    suffix = name.user.partition("@")[2].lower()
    uri = has_scheme(name)
    if is_sip_address(name, sip_uri) and (uri or unknown or (known and suffix not in known)):
        certain = Severity.ERROR if uri else severity
        yield sip_address_as_name(name, sip_uri, [told], severity=certain, domain=str(fields["server_domain"]))
    elif known and suffix and suffix not in known:
        detail = f"The suffix of {name.user} is none of the domains that {host} names.{claimed}"
        yield finding("upn-suffix-mismatch", detail, [told], severity=severity, **fields)
    if not known:
        return
    if name.domain and name.domain.lower() not in known:
        first_label = (names.dns_domain or "").split(".")[0].lower()
        guessed = name.domain.lower() == first_label
        detail = f"{name.domain} in {name.text} is none of the domains that {host} names.{claimed}"
        # No other domain can be called so: it is the first label of the DNS domain that has another NetBIOS name.
        id_, severity = ("netbios-name-mismatch", Severity.ERROR) if guessed else ("domain-mismatch", severity)
        yield finding(id_, detail, [told], severity=severity, **fields)


def is_sip_address(name: LogonName, sip_uri: str) -> bool:
    """Whether a logon name is the SIP address, or has the scheme of one."""
    return has_scheme(name) or (not name.domain and f"sip:{name.user}".lower() == sip_uri.lower())


def has_scheme(name: LogonName) -> bool:
    """Whether a logon name begins with `sip:`, as that of no account does: a sAMAccountName has no colon."""
    return name.user.lower().startswith(_SCHEME)


def _account(name: LogonName) -> str:
    user = name.user.partition("@")[0]
    return user[len(_SCHEME) :] if has_scheme(name) else user


def sip_address_as_name(
    name: LogonName, sip_uri: str, evidence: Sequence[str], *, severity: Severity | None, domain: str
) -> Finding:
    """The finding for a SIP address that was used as the logon name and is not accepted.

    Args:
        name: the logon name.
        sip_uri: the SIP address.
        evidence: quoted text that shows that it is not accepted.
        severity: another one than the catalogue's.
        domain: of the server, by NetBIOS or DNS; empty where it is not known, or advice must not repeat it.
    """
    if has_scheme(name):
        detail = f"{name.user} is a SIP address, which is no logon name. Give DOMAIN\\user."
    else:
        detail = f"{name.user} is the SIP address; the account may have another logon name. Give DOMAIN\\user."
    user = _account(name)
    fields: dict[str, Any] = {"user": user, "sip_uri": sip_uri, "server_domain": domain}
    return finding("logon-name-is-sip-address", detail, evidence, severity=severity, **fields)


def server_findings(names: TargetNames, host: str, *, refused: bool) -> Iterator[Finding]:
    """A server that is in no domain. `refused` makes it the likely cause."""
    domain, computer = names.netbios_domain or names.dns_domain, names.netbios_computer
    if domain is None or (computer is not None and domain.lower() == computer.lower()):
        told = f"computer {computer}" if computer else "no computer"
        why = " Domain accounts are refused for it." if refused else ""
        detail = f"The NTLM challenge of {host} names no domain ({told}).{why}"
        severity = Severity.ERROR if refused else None
        yield finding("server-not-domain-joined", detail, [f"target info: {target_info(names)}"], severity=severity)


def target_info(names: TargetNames) -> str:
    """The names in one line, as evidence."""
    pairs = (
        ("NetBIOS domain", names.netbios_domain),
        ("NetBIOS computer", names.netbios_computer),
        ("DNS domain", names.dns_domain),
        ("DNS computer", names.dns_computer),
    )
    return ", ".join(f"{name} {value}" for name, value in pairs if value) or "empty"
