"""The service principal name of the Kerberos offer, and whether a ticket for it can be had."""

from __future__ import annotations

from dataclasses import replace

from sipauthctl.association.offers import Offer
from sipauthctl.association.spn import Spn
from sipauthctl.diagnosis.tickets import rc4_ticket
from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.doctor.kerberos import kdc_refusal, kerberos_initiators, kerberos_login, note_failure
from sipauthctl.doctor.this_machine import trust_of
from sipauthctl.mechanisms.base import MechanismError, Scheme, SlowInitiator
from sipauthctl.mechanisms.kerberos.as_exchange import ETYPES
from sipauthctl.mechanisms.kerberos.token import ticket_key_type
from sipauthctl.probe.diagnosis import kerberos, offers
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.realms import NoLogon
from sipauthctl.trust import REMEDY, Credential, Destination, Withheld


class SpnCheck(Check):
    """Judges the name first: for one that is not accepted no ticket is asked for."""

    id = "spn"
    title = "the service principal name and a ticket for it"
    needs = ("offers",)
    after = ("kdc", "directory")
    steps = 3

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        hop = case.server
        offered = [] if hop is None else [offer for offer in hop.offers if offer.scheme is Scheme.KERBEROS]
        if hop is None or not hop.offers:
            return self.skipped("the server offered nothing")
        if not offered:
            return self.skipped("Kerberos is not offered")
        name = offered[0].targetname or "no name"
        of_form = [
            item for item in offers.findings(RunFacts(hops=[hop]), case.asked.probe) if item.id.startswith("spn-")
        ]
        if of_form:
            return self.judged(f"the offer names {name!a}", of_form)
        return await self._ticket(case, hop, offered[0], name)

    async def _ticket(self, case: Case, hop: HopFacts, offer: Offer, name: str) -> CheckResult:
        reason = case.attempts.refusal or kdc_refusal(case)
        if not case.asked.credentials.given:
            reason = "no credentials were given"
        make = kerberos_initiators(case, case.asked.probe.logon_name)
        if reason is not None or Spn.parse(offer.targetname or "") is None or isinstance(make, str):
            reason = reason or (make if isinstance(make, str) else "the name is missing")
            return self.skipped(f"{name}: no ticket was asked for: {reason}")
        try:
            await kerberos_login(case, case.asked.probe.logon_name)
        except NoLogon as error:
            return self.skipped(f"{name}: no ticket was asked for: {error}")
        to = Destination(hop.server.host, hop.named_by, hop.proven)
        cleared = (await trust_of(case)).clear(Credential.SERVICE_TICKET, to)
        if isinstance(cleared, Withheld):
            why = f"{hop.server.host} may not have it ({REMEDY[cleared]} allows it)"
            return self.skipped(f"{name}: no ticket was asked for: {why}")
        try:
            initiator = await make(offer, cleared)
            if isinstance(initiator, SlowInitiator):
                await initiator.prepare(case.step_seconds)
            token = initiator.step(None)
        except MechanismError as error:
            note_failure(case, error)
            tried = replace(hop, scheme=None, mechanism_errors={Scheme.KERBEROS: error})
            found = kerberos.findings(RunFacts(hops=[tried]), case.asked.probe)
            return self.judged(f"{name}: no ticket", found)
        weak = rc4_ticket(key_type := ticket_key_type(token), spn=offer.targetname or "", host=hop.server.host)
        words = "that cannot be read" if key_type is None else f"of type {ETYPES.get(key_type, key_type)}"
        return self.judged(f"{name}: a ticket was issued, {words}", [] if weak is None else [weak])
