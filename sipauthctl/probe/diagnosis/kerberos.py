"""Why there is no ticket, or why a server refuses one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sipauthctl.association.choice import Rejection, Wanted
from sipauthctl.association.client import StopReason
from sipauthctl.association.clock import KERBEROS_SKEW_LIMIT
from sipauthctl.association.spn import Spn
from sipauthctl.diagnosis.answers import proven
from sipauthctl.diagnosis.names import is_sip_address, sip_address_as_name
from sipauthctl.diagnosis.tickets import rc4_ticket
from sipauthctl.findings import Finding, Severity, finding, sentence
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.kerberos.errors import KerberosCause, KerberosFailure
from sipauthctl.probe.diagnosis.diagnostics import diagnostic_lines
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.options import ProbeOptions

_UNNAMED = {
    KerberosCause.REPLAY: "kerberos-failed",
    KerberosCause.OTHER: "kerberos-failed",
}
_KEY_MISMATCH = "service-key-mismatch"
_WRONG_REALM = (KerberosCause.SPN_NOT_REGISTERED, KerberosCause.KDC_NOT_FOUND)
_WRONG_NAME = (KerberosCause.USER_UNKNOWN, KerberosCause.KDC_NOT_FOUND)


def findings(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    """What Kerberos showed at each server."""
    for hop in run.hops:
        yield from _unavailable(hop, options)
        error = hop.mechanism_errors.get(Scheme.KERBEROS)
        if isinstance(error, KerberosFailure):
            yield from _failure(hop, options, error)
        if hop.scheme is Scheme.KERBEROS and refused_by_server(hop):
            yield _refused(hop)
        weak = rc4_ticket(hop.ticket_type, spn=offered_spn(hop), host=hop.server.host)
        if weak is not None:
            yield weak


def refused_by_server(hop: HopFacts) -> bool:
    """Whether the server refused the ticket, and neither its clock nor a code in its answer gives another cause."""
    if hop.stopped is None or hop.stopped.reason is not StopReason.CREDENTIALS_REFUSED:
        return False
    answer = hop.refused_refresh or hop.last
    code = proven(answer, Scheme.KERBEROS.value) if answer is not None else None
    skewed = hop.clock is not None and hop.clock.surely_exceeds(KERBEROS_SKEW_LIMIT)
    return not skewed and (code is None or code.finding == _KEY_MISMATCH)


def offered_spn(hop: HopFacts) -> str:
    """The service principal name of the Kerberos offer, empty without one."""
    return next((offer.targetname or "" for offer in hop.offers if offer.scheme is Scheme.KERBEROS), "")


def finding_id(cause: KerberosCause) -> str:
    """The finding that tells of a cause."""
    return _UNNAMED.get(cause, cause.value)


def _unavailable(hop: HopFacts, options: ProbeOptions) -> Iterator[Finding]:
    if hop.choice is None or options.wanted is Wanted.NTLM:
        return
    for item in hop.choice.rejected:
        if item.offer.scheme is Scheme.KERBEROS and item.why is Rejection.MECHANISM_UNUSABLE:
            reason = options.kerberos_unavailable
            if reason:
                yield finding("kerberos-unavailable", reason, [], severity=_severity(hop))


def _failure(hop: HopFacts, options: ProbeOptions, error: KerberosFailure) -> Iterator[Finding]:
    id_ = finding_id(error.cause)
    instead = " NTLM was used instead." if hop.scheme is Scheme.NTLM else ""
    if error.account_refused and _could_use_ntlm(hop):
        instead = " NTLM was not tried, as another failed sign-in could lock the account."
    spn = offered_spn(hop)
    user, _, suffix = options.logon_name.user.partition("@")
    domain = options.logon_name.domain
    realm = (hop.kerberos_client or "").partition("@")[2] or (domain.upper() if "." in domain else "")
    asked = realm or suffix.upper()
    fields: dict[str, Any] = {"user": user, "spn": spn, "realm": asked, "host": hop.server.host}
    fields["principal"] = f"{user}@{asked}" if asked else ""
    evidence = [f"Kerberos offer: targetname={spn}", *([f"libkrb5's code: {error.code}"] if error.code else [])]
    other = error.cause is KerberosCause.SPN_NOT_REGISTERED and _of_another_host(hop, spn)
    if other:
        detail = (
            f"The Kerberos offer of {hop.server.host} names {spn!a}, which no account has; it is no name of that host."
        )
        yield finding("spn-host-mismatch", detail, evidence[:1], severity=_severity(hop), host=hop.server.host)
        fields["spn"] = ""  # nobody should register that name
    remedy = "" if id_ != "no-ticket" else "keytab" if error.keytab else "ticket"
    fields["keytab"] = error.keytab
    detail = f"{sentence(str(error))}{instead}"
    yield finding(id_, detail, evidence, severity=_severity(hop), remedy=remedy, **fields)
    parsed = Spn.parse(spn)
    service_domain = parsed.host.partition(".")[2] if parsed is not None else ""
    if error.cause in _WRONG_REALM and realm and service_domain and realm.lower() != service_domain.lower():
        detail = f"{options.logon_name.text} is of the realm {realm}, and {spn} is not."
        yield finding("client-domain-differs", detail, [spn], severity=_severity(hop, Severity.WARNING))
    if error.cause is KerberosCause.USER_UNKNOWN and is_sip_address(options.logon_name, options.sip_uri):
        name, domain = options.logon_name, options.trust.advisable(service_domain)
        yield sip_address_as_name(name, options.sip_uri, evidence, severity=_severity(hop), domain=domain)
    elif error.cause in _WRONG_NAME and suffix and suffix.lower() != options.sip_domain.lower():
        fields = {"user": user, "dns_domain": options.sip_domain}
        detail = f"The suffix of {options.logon_name.user} is not {options.sip_domain}."
        yield finding("upn-suffix-mismatch", detail, severity=_severity(hop), **fields)


def _could_use_ntlm(hop: HopFacts) -> bool:
    return hop.choice is not None and any(offer.scheme is Scheme.NTLM for offer in hop.choice.usable)


def _of_another_host(hop: HopFacts, spn: str) -> bool:
    """Whether a service principal name is for a host that neither is the one that was reached nor stands in its
    certificate, as the names of a pool do."""
    parsed = Spn.parse(spn)
    names = {name.lower() for name in (hop.server.host, *(hop.tls.names if hop.tls is not None else ()))}
    return parsed is not None and parsed.host.lower() not in names


def _refused(hop: HopFacts) -> Finding:
    spn = offered_spn(hop)
    realm = (hop.kerberos_client or "").partition("@")[2]
    detail = (
        f"The KDC gave {hop.kerberos_client or 'the user'} a ticket for {spn}, and {hop.server.host} refuses it: most "
        "likely its key is not the one that the ticket was made for."
    )
    return finding(_KEY_MISMATCH, detail, diagnostic_lines(hop), spn=spn, realm=realm)


def _severity(hop: HopFacts, otherwise: Severity | None = None) -> Severity | None:
    """Information only, where NTLM did what Kerberos could not."""
    return Severity.INFO if hop.scheme is Scheme.NTLM else otherwise or Severity.ERROR
