"""What the server offered, and what the client took."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.analysis.tracked import ChallengeSeen, Tracked
from sipauthctl.association.choice import Rejection, Wanted, choose
from sipauthctl.association.redaction import quoted
from sipauthctl.diagnosis.offers import offer_text, only_digest
from sipauthctl.findings import Finding, finding
from sipauthctl.mechanisms.base import Scheme

FAMILY = frozenset({Scheme.NTLM, Scheme.KERBEROS, Scheme.TLS_DSK})
"""The schemes by which servers of this family register users."""

_SPN = {
    Rejection.SPN_FOREIGN_SERVICE: "spn-foreign-service",
    Rejection.SPN_MALFORMED: "spn-malformed",
}


def findings(tracked: Tracked, local_times: bool) -> Iterator[Finding]:
    """One pass over the offers of the first challenge."""
    seen = tracked.offered
    if seen is None:
        return
    yield from of_challenge(seen)
    schemes = {offer.scheme for offer in seen.offers}
    if schemes == {Scheme.NTLM} and tracked.state.value == "failed":
        detail = f"{seen.server} offers NTLM alone."
        yield finding("extranet-ntlm-only", detail, [offer_text(offer) for offer in seen.offers])


def of_challenge(seen: ChallengeSeen) -> Iterator[Finding]:
    """What is wrong with the offers themselves. The SPN's host is not judged: what the client meant is not known."""
    choice = choose(seen.offers, Wanted.AUTO, server_host=seen.server, over_tls=True)
    for item in choice.rejected:
        evidence = [seen.where, offer_text(item.offer)]
        if item.why in _SPN:
            detail = f"The Kerberos offer of {seen.server} names {quoted(item.offer.targetname or '')}."
            yield finding(_SPN[item.why], detail, evidence, host=seen.server)
        elif item.why is Rejection.TARGETNAME_MISSING:
            yield finding("targetname-missing", f"An offer of {seen.server} has no targetname.", evidence)
        elif item.why is Rejection.VERSION_UNSUPPORTED:
            detail = f"{seen.server} offers a version of the protocol that does not exist."
            yield finding("version-unsupported", detail, evidence)
    if not any(offer.scheme in FAMILY for offer in seen.offers):
        evidence = [seen.where, *map(offer_text, seen.offers)]
        remedy = "foreign" if only_digest(seen.offers) else ""
        yield finding(
            "no-usable-scheme", f"None of the offers of {seen.server} can be taken.", evidence, remedy=remedy
        )
