"""Circumstances that make a refusal more likely: the domain of the logon name, its form, address translation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sipauthctl.association.client import StopReason
from sipauthctl.findings import Finding, finding
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.messages import TargetNames
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.options import ProbeOptions


def findings(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    """Address translation always; the names only where the credentials were refused."""
    for hop in run.hops:
        if hop.local is not None and hop.seen_as is not None and hop.seen_as[0] != hop.local[0]:
            detail = f"{hop.server.host} sees {hop.seen_as[0]}, where this computer has {hop.local[0]}."
            yield finding("nat-detected", detail, [f"received={hop.seen_as[0]}"])
        refused = hop.stopped is not None and hop.stopped.reason is StopReason.CREDENTIALS_REFUSED
        if refused and hop.ntlm is not None:
            yield from _names(hop, options.logon_name, hop.ntlm.names)


def _names(hop: HopFacts, name: LogonName, names: TargetNames) -> Iterator[Finding]:
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
        detail = f"The suffix of {name.user} is none of the domains that {hop.server.host} names."
        yield finding("upn-suffix-mismatch", detail, [told], **fields)
    if name.domain and name.domain.lower() not in known:
        first_label = (names.dns_domain or "").split(".")[0].lower()
        guessed = name.domain.lower() == first_label
        detail = f"{name.domain} in {name.text} is none of the domains that {hop.server.host} names."
        yield finding("netbios-name-mismatch" if guessed else "domain-mismatch", detail, [told], **fields)
