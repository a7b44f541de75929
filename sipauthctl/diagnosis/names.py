"""The names in a CHALLENGE: against those of a refused logon, and what they say of the server itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.messages import TargetNames


def name_findings(name: LogonName, names: TargetNames, host: str) -> Iterator[Finding]:
    """The domain or suffix of a refused logon name, where it is none that the server `host` names in its CHALLENGE."""
    known = {text.lower() for text in (names.netbios_domain, names.dns_domain, names.dns_tree) if text}
    told = f"NetBIOS domain {names.netbios_domain}, DNS domain {names.dns_domain}"
    fields: dict[str, Any] = {
        "user": name.user.split("@")[0],
        "user_domain": name.domain,
        "server_domain": names.netbios_domain or names.dns_domain or "",
        "dns_domain": names.dns_domain or "",
    }
    if not known:
        return
    suffix = name.user.partition("@")[2].lower()
    if suffix and suffix not in known:
        detail = f"The suffix of {name.user} is none of the domains that {host} names."
        yield finding("upn-suffix-mismatch", detail, [told], **fields)
    if name.domain and name.domain.lower() not in known:
        first_label = (names.dns_domain or "").split(".")[0].lower()
        guessed = name.domain.lower() == first_label
        detail = f"{name.domain} in {name.text} is none of the domains that {host} names."
        yield finding("netbios-name-mismatch" if guessed else "domain-mismatch", detail, [told], **fields)


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
