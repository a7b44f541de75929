"""What the server offers, and why none of it can be taken."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from sipauthctl.association.choice import RejectedOffer, Rejection, Wanted
from sipauthctl.association.client import StopReason
from sipauthctl.diagnosis.offers import legacy_auth_off, offer_text, only_digest, rejection_words
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.kerberos.errors import KerberosCause, KerberosFailure
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.results import HopResult
from sipauthctl.trust import Withheld

_SPN_FINDINGS = {
    Rejection.SPN_FOREIGN_SERVICE: "spn-foreign-service",
    Rejection.SPN_HOST_MISMATCH: "spn-host-mismatch",
    Rejection.SPN_FOREIGN_DOMAIN: "spn-host-mismatch",
    Rejection.SPN_MALFORMED: "spn-malformed",
}
_EXPLAINED_ELSEWHERE = {*_SPN_FINDINGS, Rejection.MECHANISM_UNUSABLE}


def findings(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    """One pass over each server's offers."""
    for hop in run.hops:
        if hop.stopped is not None and hop.stopped.reason is StopReason.NOT_CHALLENGED:
            yield finding("not-challenged", f"{hop.server.host} answered {hop.stopped.detail}.", _last(hop))
        if hop.stopped is not None and hop.stopped.reason is StopReason.NO_OFFERS:
            yield finding("no-usable-scheme", f"{hop.server.host} challenges, but {hop.stopped.detail}.", _last(hop))
        if hop.choice is not None:
            yield from _rejected(hop, options)
        yield from _without_kdc(hop)
    yield from _downgraded(run)


def _rejected(hop: HopFacts, options: ProbeOptions) -> Iterator[Finding]:
    rejected = hop.choice.rejected if hop.choice is not None else ()
    for item in rejected:
        if item.why in _SPN_FINDINGS:
            yield _spn(hop, item)
    if hop.withheld is Withheld.UNPROVEN:
        yield finding(
            "ntlm-withheld",
            f"{hop.server.host} offers NTLM over {hop.server.transport.value.upper()} without a verified certificate.",
            [offer_text(offer) for offer in hop.offers],
        )
    if hop.choice is None or hop.choice.usable or hop.result is not HopResult.INCOMPLETE:
        return
    evidence = [f"{offer_text(item.offer)}: {rejection_words(item.why, item.offer, hop.offers)}" for item in rejected]
    if hop.offers_left_out:
        evidence.append(f"{hop.offers_left_out} more offers were ignored")
    reasons = {item.why for item in rejected}
    host = hop.server.host
    if Rejection.TARGETNAME_MISSING in reasons:
        yield finding("targetname-missing", f"An offer of {host} has no targetname.", evidence)
    elif Rejection.VERSION_UNSUPPORTED in reasons:
        yield finding("version-unsupported", f"{host} offers a version of the protocol that does not exist.", evidence)
    elif off := legacy_auth_off(hop.offers, host, evidence):
        yield from off
    elif options.wanted is Wanted.KERBEROS and not _offers(hop, Scheme.KERBEROS):
        yield finding("kerberos-not-offered", f"{host} offers {_schemes(hop)}.", evidence)
        if _only(hop, Scheme.NTLM):
            detail = f"{host} offers NTLM alone, as servers outside the company network do."
            yield finding("extranet-ntlm-only", detail, evidence, domain=options.sip_domain)
    elif options.wanted is Wanted.NTLM and not _offers(hop, Scheme.NTLM):
        yield finding("ntlm-not-offered", f"{host} offers {_schemes(hop)}.", evidence)
    elif any(item.offer.scheme is Scheme.NTLM and item.why is Rejection.MECHANISM_UNUSABLE for item in rejected):
        yield finding("password-needed", f"{host} offers {_schemes(hop)}, and there is no password.", evidence)
    elif only_digest(hop.offers):
        said = f" It says: {hop.last.status} {hop.last.reason}." if hop.last is not None else ""
        detail = f"{host} offers Digest alone: a SIP server, but none of this family.{said}"
        yield finding("no-usable-scheme", detail, [*_last(hop), *evidence], remedy="foreign")
    elif not reasons & _EXPLAINED_ELSEWHERE:
        yield finding("no-usable-scheme", f"None of the offers of {host} can be taken.", evidence)


def _without_kdc(hop: HopFacts) -> Iterator[Finding]:
    """NTLM in the place of Kerberos, since the KDC kept silent: whoever drops its packets brings that about."""
    error = hop.mechanism_errors.get(Scheme.KERBEROS)
    silent = isinstance(error, KerberosFailure) and error.cause is KerberosCause.KDC_UNREACHABLE
    if silent and hop.association is not None and hop.scheme is Scheme.NTLM:
        host = hop.server.host
        detail = f"{host} offers Kerberos, the KDC does not answer, and {host} got an NTLM response instead."
        evidence = [offer_text(offer) for offer in hop.offers]
        yield finding("protection-downgraded", detail, evidence, severity=Severity.WARNING, host=host)


def _downgraded(run: RunFacts) -> Iterator[Finding]:
    """A handshake that protects less than an earlier one of the same run, by scheme or by version."""
    made = [
        (hop.server.host, handshake.association)
        for hop in run.hops
        for handshake in hop.life.handshakes
        if handshake.association is not None
    ]
    for (before, better), (after, worse) in pairwise(made):
        if (better.scheme, worse.scheme) == (Scheme.KERBEROS, Scheme.NTLM) or worse.version < better.version:
            evidence = [f"{host}: {one.scheme.value}, version {one.version}" for host, one in made]
            detail = (
                f"The handshake with {after} used {worse.scheme.value}, version {worse.version}; "
                f"the one with {before} before it used {better.scheme.value}, version {better.version}."
            )
            yield finding("protection-downgraded", detail, evidence, host=after)
            return


def _spn(hop: HopFacts, item: RejectedOffer) -> Finding:
    name, host = item.offer.targetname or "", hop.server.host
    detail = f"The Kerberos offer of {host} names {name!a}; it was ignored."
    if item.why is Rejection.SPN_FOREIGN_DOMAIN:
        detail = (
            f"The Kerberos offer of {host} names {name!a}, in a domain that neither you nor this computer named. "
            "The server was sent no ticket for it."
        )
    return finding(_SPN_FINDINGS[item.why], detail, [offer_text(item.offer)], host=host)


def _offers(hop: HopFacts, scheme: Scheme) -> bool:
    return any(offer.scheme is scheme for offer in hop.offers)


def _only(hop: HopFacts, scheme: Scheme) -> bool:
    return all(offer.scheme is scheme for offer in hop.offers)


def _schemes(hop: HopFacts) -> str:
    return ", ".join(dict.fromkeys(offer.scheme_text for offer in hop.offers)) or "nothing"


def _last(hop: HopFacts) -> list[str]:
    return [] if hop.last is None else [f"SIP/2.0 {hop.last.status} {hop.last.reason}"]
