"""Circumstances that make a refusal more likely: domains, the client's computer, address translation."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sipauthctl.analysis.diagnosis.account import trust_of
from sipauthctl.analysis.results import State
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.diagnosis.names import name_findings, target_info
from sipauthctl.diagnosis.refusals import says_unknown
from sipauthctl.findings import Finding, finding
from sipauthctl.mechanisms.logon_name import LogonName

_XP_HOME = re.compile(r"XP Home|Windows XP[^)]{0,80}Home", re.IGNORECASE)


def findings(tracked: Tracked, local_times: bool) -> Iterator[Finding]:
    """Address translation and the edition of Windows always; the names only where the credentials were refused."""
    if tracked.seen_as is not None:
        own, seen = tracked.seen_as
        detail = f"{tracked.where} sees {seen}, where {tracked.who} names {own} as its address."
        yield finding("nat-detected", detail, [f"received={seen}"])
    if _XP_HOME.search(tracked.user_agent):
        detail = f"The client of {tracked.who} says that it runs on Windows XP Home Edition."
        yield finding("client-xp-home", detail, [f"User-Agent: {tracked.user_agent}"])
    if tracked.state is not State.FAILED or tracked.challenge is None or tracked.authenticate is None:
        return
    names, sent = tracked.challenge.names, tracked.authenticate
    unknown = tracked.answer is not None and says_unknown(tracked.answer, tracked.scheme.value)
    yield from name_findings(
        LogonName(sent.user, sent.domain),
        names,
        tracked.where,
        sip_uri=tracked.who,
        trust=trust_of(tracked),
        unknown=unknown,
    )
    if sent.workstation and sent.domain and sent.workstation.lower() == sent.domain.lower():
        detail = f"{tracked.who} signs in with the local account of the computer {sent.workstation}."
        fields = {"server_domain": trust_of(tracked).advisable(names.netbios_domain or ""), "user": sent.user}
        told = [f"AUTHENTICATE: domain {sent.domain}, workstation {sent.workstation}", target_info(names)]
        yield finding("client-not-domain-joined", detail, told, severity=None, **fields)
