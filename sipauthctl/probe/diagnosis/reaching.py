"""DNS, TCP and TLS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from sipauthctl.diagnosis.interception import inspection_product
from sipauthctl.findings import ALWAYS, Finding, Severity, finding
from sipauthctl.network.discovery import AUTODISCOVER_HOSTS
from sipauthctl.network.errors import (
    AnswerTimeout,
    ConnectionRefused,
    ConnectTimeout,
    HostUnresolvable,
    NetworkError,
    NotTls,
    ProtocolError,
    TlsExpired,
    TlsFailed,
    TlsNameMismatch,
    TlsNoCommonCipher,
    TlsReset,
    TlsTooOld,
    TlsUntrusted,
    TlsWeakCertificate,
)
from sipauthctl.network.evidence import TlsEvidence
from sipauthctl.network.resolver import Query, QueryOutcome, host_and_port
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.sip.via import ip_of
from sipauthctl.trust import Withheld, domain_above, within_domain

_IDS: dict[type[NetworkError], str] = {
    HostUnresolvable: "dns-target-unresolvable",
    ConnectionRefused: "connection-refused",
    ConnectTimeout: "connection-timeout",
    AnswerTimeout: "connection-timeout",
    TlsUntrusted: "tls-untrusted",
    TlsWeakCertificate: "tls-weak-certificate",
    TlsNameMismatch: "tls-name-mismatch",
    TlsExpired: "tls-expired",
    TlsTooOld: "tls-too-old",
    TlsNoCommonCipher: "tls-no-common-cipher",
    TlsReset: "tls-reset",
    TlsFailed: "protocol-error",
    NotTls: "protocol-error",
    ProtocolError: "protocol-error",
}


EXPIRES_SOON = timedelta(days=14)
_UNANSWERED = (QueryOutcome.TIMEOUT, QueryOutcome.FAILED)


def findings(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    """What kept the run from a server, and what DNS shows."""
    if run.discovered_nothing:
        asked = [query_text(query) for query in run.queries]
        if run.queries and all(query.outcome in _UNANSWERED for query in run.queries):
            detail = "None of the questions about the SIP domain was answered."
            yield _dns_unreachable(detail, asked, options.sip_domain, options.nameserver)
            return
        detail = f"No server was found for {options.sip_domain} by {options.transport.value.upper()}."
        newer = autodiscover_names(run.queries, options.sip_domain)
        if newer:
            detail += f" {newer[0]} exists: Lync 2010 and later find the server by it, older clients do not."
        fields = {"domain": options.sip_domain, "pool": f"pool.{options.sip_domain}"}
        yield finding("dns-no-srv", detail, asked, severity=Severity.WARNING if newer else None, **fields)
    yield from _outside(run, options)
    got_through = any(
        hop.error is None or hop.exchanges or not isinstance(hop.error, _PASSED_OVER) for hop in run.hops
    )
    for hop in run.hops:
        yield from _intercepted(hop)
        if hop.distrust is not None:
            yield _failure(run, options, hop, hop.distrust, Severity.WARNING)
        id_ = _IDS.get(type(hop.error)) if hop.error is not None else None
        answered = any(exchange.status is not None for exchange in hop.exchanges)
        if hop.error is None or id_ is None or (isinstance(hop.error, AnswerTimeout) and answered):
            continue
        passed_over = got_through and not hop.exchanges and isinstance(hop.error, _PASSED_OVER)
        mild = passed_over and hop is not run.hops[-1]
        yield _failure(run, options, hop, hop.error, Severity.WARNING if mild else None)
    for hop in run.hops:
        yield from _expiring(hop)


def _expiring(hop: HopFacts) -> Iterator[Finding]:
    """A certificate that is still valid, but not for long."""
    ends = hop.tls.not_after if hop.tls is not None else None
    left = ends - hop.met if ends is not None and hop.met is not None else timedelta(0)
    if not timedelta(0) < left <= EXPIRES_SOON:
        return
    days, host = left.days, hop.server.host
    words = "in less than a day" if days < 1 else "in 1 day" if days == 1 else f"in {days} days"
    detail = f"The certificate of {host} ends {words}."
    found = finding("tls-expires-soon", detail, certificate_lines(hop.tls), host=host)
    yield replace(found, server=host)  # each server has a certificate of its own to renew


def autodiscover_names(queries: Sequence[Query], sip_domain: str) -> list[str]:
    """The names of Autodiscover that have an address; clients from Lync 2010 on ask for them first."""
    names = {f"{host}.{sip_domain}" for host in AUTODISCOVER_HOSTS}
    answered = (query.name for query in queries if query.outcome is QueryOutcome.ANSWERED)
    return [name for name in dict.fromkeys(answered) if name in names]


def _outside(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    """Servers outside the SIP domain: an error where that kept the credentials back."""
    discovered = run.discovery.candidates if run.discovery is not None and run.discovery.by_srv else ()
    source = run.discovery.source if run.discovery is not None else ""
    withheld = {hop.server.host for hop in run.hops if hop.withheld is Withheld.FOREIGN}
    for host in dict.fromkeys((*(candidate.server.host for candidate in discovered), *withheld)):
        if within_domain(host, options.sip_domain):
            continue
        leads = f"{source} leads to {host}, which" if source else host
        detail = f"{leads} is outside {options.sip_domain}."
        if host in withheld:
            detail += " It got no credentials."
        severity, remedy = Severity.ERROR if host in withheld else None, ""
        if any(within_domain(host, domain) for domain in options.trust_domains):
            detail += " You trust that domain; clients do not know so."
            severity, remedy = Severity.INFO, ALWAYS
        yield finding(
            "dns-domain-mismatch",
            detail,
            _asked(run, host),
            severity=severity,
            remedy=remedy,
            domain=options.sip_domain,
            server_domain=domain_above(host) or host,
        )


_PASSED_OVER = (ConnectionRefused, ConnectTimeout, HostUnresolvable)


def _intercepted(hop: HopFacts) -> Iterator[Finding]:
    """A certificate of an inspection product: the cause where it was refused."""
    product = inspection_product(hop.tls.issuer) if hop.tls is not None else ""
    if product:
        host, port = hop.server.host, hop.server.port
        refused = isinstance(hop.error, TlsUntrusted | TlsNameMismatch | TlsExpired)
        detail = f"The certificate that {host} port {port} comes from {product}, not from the server's authority."
        severity = Severity.ERROR if refused else None
        yield finding("tls-intercepted", detail, certificate_lines(hop.tls), severity=severity, host=host, port=port)


def _unanswered(run: RunFacts, host: str) -> bool:
    """Whether the name server left every question for the addresses of a host unanswered."""
    asked = [query for query in run.queries if query.name == host]
    return bool(asked) and all(query.outcome in _UNANSWERED for query in asked)


def _dns_unreachable(
    detail: str, asked: Sequence[str], domain: str, nameserver: str | None, severity: Severity | None = None
) -> Finding:
    id_ = "dns-server-unreachable"
    if nameserver is None:
        return finding(id_, detail, asked, severity=severity, remedy="system", domain=domain)
    host, port = host_and_port(nameserver)
    fields = {"domain": domain, "nameserver": host, "port": port}
    return finding(id_, detail, asked, severity=severity, remedy="given", **fields)


def _failure(
    run: RunFacts, options: ProbeOptions, hop: HopFacts, error: NetworkError, severity: Severity | None
) -> Finding:
    server = hop.server
    where = f"{server.host} port {server.port} by {server.transport.value.upper()}"
    name, _, domain = server.host.partition(".")
    if isinstance(error, HostUnresolvable) and _unanswered(run, server.host):
        detail = f"{where}: {error}."
        return _dns_unreachable(detail, _asked(run, server.host), domain, options.nameserver, severity)
    evidence = _asked(run, server.host) if isinstance(error, HostUnresolvable) else []
    if isinstance(error, TlsUntrusted | TlsNameMismatch | TlsExpired):
        evidence += certificate_lines(hop.tls)
    told, remedy = f"{where}: {error}.", ""
    if isinstance(error, TlsNameMismatch):
        remedy = "host"
        if ip_of(server.host) is not None:
            names = error.names
            told += f" You gave an address, and the certificate is for {', '.join(names) or 'no host name'}."
            remedy, name = "address", next((one for one in names if within_domain(one, options.sip_domain)), "")
    return finding(
        _IDS[type(error)],
        told,
        evidence,
        severity=severity,
        remedy=remedy,
        host=server.host,
        port=server.port,
        name=name,
        domain=domain,
    )


def certificate_lines(tls: TlsEvidence | None) -> list[str]:
    """The certificate in a few lines."""
    if tls is None or (not tls.subject and not tls.names):
        return []
    times = [("from", tls.not_before), ("until", tls.not_after)]
    valid = " ".join(f"{word} {time:%Y-%m-%d %H:%M}" for word, time in times if time is not None)
    names = [f"names: {', '.join(tls.names)}"] if tls.names else ["names: none"]
    lines = [f"certificate of {tls.subject or 'no subject'}, issued by {tls.issuer}", *names]
    return [*lines, f"valid {valid} UTC"] if valid else lines


def query_text(query: Query) -> str:
    """One DNS question with its outcome."""
    answers = ": " + "; ".join(query.answers) if query.answers else ""
    return f"{query.record_type} {query.name}: {query.outcome.value}{answers}"


def _asked(run: RunFacts, host: str) -> list[str]:
    return [query_text(query) for query in run.queries if query.name == host or host in " ".join(query.answers)]
