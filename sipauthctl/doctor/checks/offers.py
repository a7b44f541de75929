"""What the server offers to a REGISTER without credentials, and the NTLM challenge that it gives to anybody."""

from __future__ import annotations

from dataclasses import replace

from sipauthctl.association.choice import Wanted, choose
from sipauthctl.association.offers import Offer
from sipauthctl.diagnosis.offers import tls_dsk_offered
from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.doctor.probing import probe
from sipauthctl.doctor.this_machine import server_origin, trust_of
from sipauthctl.findings import Finding, finding
from sipauthctl.mechanisms.base import Initiator, Scheme
from sipauthctl.mechanisms.ntlm.challenge_reader import ChallengeRead, ChallengeReader
from sipauthctl.network.errors import REFUSED_CERTIFICATES, ConnectionClosed
from sipauthctl.network.evidence import Transport
from sipauthctl.network.handshake import look
from sipauthctl.network.tls import TlsPolicy, lenient_context
from sipauthctl.probe.diagnosis import account, domain, flow, offers, reaching
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.options import ServerChoice
from sipauthctl.probe.realms import DomainNames
from sipauthctl.trust import Clearance


class OffersCheck(Check):
    """Talks to the server up to the point where credentials would be due."""

    id = "offers"
    title = "what the server offers to somebody unknown"
    needs = ("reachability",)
    steps = 6

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        used = case.used
        # A look at a server with a refused certificate costs nothing: no credentials are sent, and nothing that it
        # says is believed, but its clock may show that the certificate is right and this computer's clock is not.
        unproven = used is not None and isinstance(used.error, REFUSED_CERTIFICATES)
        if used is None or (used.error is not None and not unproven):
            return self.skipped("no server takes a connection")
        run = await self._ask(case, unproven=unproven)
        hop = run.hops[-1]
        if hop.error is None or hop.offers:
            case.server = hop
        if hop.ntlm is not None and not unproven:
            case.domain = DomainNames(hop.ntlm.names.dns_domain, hop.ntlm.names.netbios_domain)
        if unproven:
            return self.skipped(f"not believed, as the certificate is not accepted: {_words(hop)}")
        found = self._findings(case, run)
        if await _speaks_tls(case, hop):
            found = [_tls_on_plain_port(hop), *(item for item in found if item.id != "handshake-incomplete")]
        return self.judged(_words(hop), found)

    async def _ask(self, case: Case, *, unproven: bool) -> RunFacts:
        asked, used = case.asked.probe, case.used
        if used is None:
            return RunFacts()
        options = replace(
            asked,
            server=ServerChoice(used.server.host, used.server.port, server_origin(case)),
            policy=TlsPolicy(verify=False) if unproven else asked.policy,
            no_secret=True,
        )
        run = await probe(case, options, {Scheme.NTLM: _challenge_reader})
        hop = run.hops[-1]
        hop.distrust = None  # the reachability check tells of the certificate
        if hop.stopped is not None and isinstance(hop.stopped.error, ChallengeRead):
            hop.stopped = None
        # No scheme was used. Where NTLM alone comes into question, its limits hold.
        kerberos = any(offer.scheme is Scheme.KERBEROS for offer in hop.offers) and asked.wanted is not Wanted.NTLM
        hop.scheme = None if kerberos else Scheme.NTLM
        if hop.offers:
            trust = await trust_of(case)
            hop.choice = choose(
                hop.offers,
                asked.wanted,
                server_host=used.server.host,
                over_tls=hop.proven,
                may_name=lambda host: hop.may_name(host, trust),
            )
        return run

    def _findings(self, case: Case, run: RunFacts) -> list[Finding]:
        options = case.asked.probe
        families = (reaching.findings, offers.findings, flow.findings, domain.findings)
        found = [item for family in families for item in family(run, options)]
        hop = run.hops[-1]
        if not hop.offers:  # a refusal of somebody unknown
            found += account.findings(run, options)
        tls_dsk = tls_dsk_offered(hop.offers, hop.server.host)
        found += [tls_dsk] if tls_dsk is not None else []
        return [item for item in found if not item.id.startswith("spn-")]  # those are the spn check's


async def _challenge_reader(offer: Offer, cleared: Clearance) -> Initiator:
    return ChallengeReader()


async def _speaks_tls(case: Case, hop: HopFacts) -> bool:
    """Whether a server that closes a plain connection without a word does so because it expects TLS."""
    silent = isinstance(hop.error, ConnectionClosed) and hop.last is None
    if hop.server.transport is not Transport.TCP or not silent:
        return False
    addresses = await case.tools.resolver.addresses(hop.server.host)
    return bool(addresses) and await look(hop.server, addresses[0], lenient_context(), case.step_seconds) is not None


def _tls_on_plain_port(hop: HopFacts) -> Finding:
    where = f"{hop.server.host} port {hop.server.port}"
    detail = f"{where} speaks TLS, and was asked by TCP (option --transport tls)."
    return finding("protocol-error", detail, [f"plain SIP: {hop.error}", "TLS: the handshake succeeds"])


def _words(hop: HopFacts) -> str:
    if not hop.offers:
        said = f"answers {hop.last.status} {hop.last.reason}" if hop.last is not None else "gives no usable answer"
        return f"{hop.server.host} {said}" if hop.error is None else f"{hop.server.host}: {hop.error}"
    schemes = ", ".join(dict.fromkeys(offer.scheme_text for offer in hop.offers))
    versions = sorted({offer.spoken_version for offer in hop.offers})
    version = f"version {versions[0]}" if len(versions) == 1 else f"versions {', '.join(map(str, versions))}"
    only_ntlm = {offer.scheme for offer in hop.offers} == {Scheme.NTLM}
    place = "; NTLM alone, as an Access Edge Server or a pool without Kerberos" if only_ntlm else ""
    return f"{hop.server.host} offers {schemes}, {version}{place}"
