"""From the options of a command to those of a probe."""

from __future__ import annotations

from sipauthctl.association.choice import Wanted
from sipauthctl.association.security_association import LIFETIME
from sipauthctl.cli.mechanisms import workstation
from sipauthctl.cli.register_request import Request
from sipauthctl.cli.user import Subject
from sipauthctl.network.evidence import Transport
from sipauthctl.network.kdc import KDC_PORT
from sipauthctl.network.tls import TlsPolicy
from sipauthctl.network.transport import Timeouts
from sipauthctl.probe.options import ProbeOptions, ServerChoice
from sipauthctl.report.text import KNOWN
from sipauthctl.sip.uri import SipUri
from sipauthctl.trust import may_be_public


def probe_options(subject: Subject) -> ProbeOptions:
    """What the probe is asked to do, as far as the options tell."""
    request = subject.request
    seconds = request.timeout
    return ProbeOptions(
        user=SipUri.parse(request.sip_uri or ""),
        logon_name=subject.name,
        address_origin=subject.origin,
        server=ServerChoice(request.server.host, request.server.port) if request.server is not None else None,
        transport=Transport(request.transport),
        policy=TlsPolicy(request.ca_file, request.verify),
        wanted=Wanted(request.auth),
        allow_cleartext=request.allow_cleartext,
        trust_domains=request.trust_domains,
        allow_rc4=request.allow_rc4,
        witness=KNOWN.add_token,
        nameserver=request.nameserver,
        timeouts=Timeouts(seconds, seconds, seconds),
        max_redirects=request.max_redirects,
        refreshes=request.refreshes,
        keep=request.keep,
        probes=request.probes,
        hold=request.hold,
        association_lifetime=request.sa_lifetime or LIFETIME,
        workstation=workstation(),
    )


def kdc_of(request: Request) -> tuple[str, int] | None:
    """Host and port of the option --kdc."""
    return (request.kdc.host, request.kdc.port or KDC_PORT) if request.kdc is not None else None


def protection_warnings(request: Request) -> list[str]:
    """What the user gave up by option, in sentences."""
    warnings = []
    if request.transport == "tls" and not request.verify:
        risk = "a ticket" if request.auth == "kerberos" else "an NTLM response"
        warnings.append(f"certificates are not verified, so {risk} may go to an impostor (--no-verify).")
    if request.allow_cleartext and request.auth != "kerberos":
        warnings.append("NTLM is also used over plain TCP, where others can see the response (--allow-cleartext).")
    warnings += [
        f"anybody may be able to register a domain below {domain}, and servers there get credentials (--trust-domain)."
        for domain in request.trust_domains
        if may_be_public(domain)
    ]
    return warnings
