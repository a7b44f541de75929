"""The KDC: whether it answers, its clock, and what it says of the account, without libkrb5 and without a sign-in."""

from __future__ import annotations

from dataclasses import replace

from sipauthctl.association.choice import Wanted
from sipauthctl.diagnosis.kdc_answers import account_finding, code_text
from sipauthctl.diagnosis.names import is_sip_address, sip_address_as_name
from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.doctor.kdc_talk import KdcTalk, NoKdc, ask_about, prove
from sipauthctl.doctor.kerberos import principals
from sipauthctl.doctor.this_machine import realms_of
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.kerberos.as_exchange import CLIENT_UNKNOWN, PREAUTH_REQUIRED, TICKET
from sipauthctl.trust import Trust


class KdcCheck(Check):
    """Asks as anybody may, then with the password where one is given: at most one failed sign-in.

    A KDC tells who is unknown, disabled, expired or restricted; some tell it only to whoever knows the password.
    """

    id = "kdc"
    title = "KDC: its clock and its view of the account"
    after = ("dns", "offers")
    steps = 4

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        realms = await realms_of(case)
        names, untrusted = principals(case, realms), realms.untrusted_domain
        note = f"; only the server's challenge names {untrusted} (--trust-domain {untrusted})" if untrusted else ""
        if not names:
            return self.skipped(f"the realm of {case.asked.probe.logon_name.domain} is not known{note}")
        try:
            talk = await ask_about(case, names)
        except NoKdc as error:
            return self._nobody(case, error, note)
        case.kdc, case.kdc_clock = talk, talk.clock
        unjudged = ""
        password = case.asked.credentials.password
        if password is not None:
            try:
                talk = case.kdc = replace(talk, proof=await prove(case, talk, password))
                unjudged = "" if talk.proof is not None else case.attempts.refusal or _no_proof(talk)
            except NoKdc as error:
                unjudged = str(error)
        severity = _severity(case, talk)
        found = account_finding(talk.last, talk.name, talk.place.host, severity=severity)
        detail = f"{talk.place.host} {_words(talk)}"
        if found is None and unjudged and not talk.refuses:
            return self.skipped(f"{detail}; the password was not judged: {unjudged}")
        if found is None:
            return self.skipped(detail) if talk.refuses else self.judged(detail)
        return self.judged(detail, [*_wrong_name(case, found, severity, realms.trust), found])

    def _nobody(self, case: Case, error: NoKdc, note: str) -> CheckResult:
        """Where Kerberos is offered the client sits inside, and a KDC that DNS names has to answer."""
        offers = case.server.offers if case.server is not None else ()
        wanted = case.asked.probe.wanted
        if not error.silent or wanted is Wanted.NTLM or not any(offer.scheme is Scheme.KERBEROS for offer in offers):
            return self.skipped(f"{error}{note}")
        detail = f"Kerberos is offered, and no KDC of {error.realm} answers."
        severity = Severity.ERROR if wanted is Wanted.KERBEROS else Severity.WARNING
        evidence = str(error).split("; ")
        item = finding("kdc-unreachable", detail, evidence, severity=severity, kdc=error.silent[0].host)
        return self.judged(str(error), [item])


def _severity(case: Case, talk: KdcTalk) -> Severity | None:
    """Without credentials and a name to sign in with, the SIP address is only what a client would try first."""
    guessed = not case.asked.name_given and not case.asked.credentials.given
    return Severity.WARNING if guessed and talk.last.code == CLIENT_UNKNOWN else None


def _wrong_name(case: Case, found: Finding, severity: Severity | None, trust: Trust) -> list[Finding]:
    """What explains that the KDC does not know the user, where the SIP address is the logon name."""
    name, sip_uri = case.asked.probe.logon_name, case.asked.probe.sip_uri
    if found.id != "user-unknown" or not is_sip_address(name, sip_uri):
        return []
    domain = trust.advisable(case.domain.netbios or case.domain.dns or "")
    severity = severity or Severity.ERROR
    return [sip_address_as_name(name, sip_uri, found.evidence, severity=severity, domain=domain)]


def _no_proof(talk: KdcTalk) -> str:
    """Why the KDC was given no proof of the password."""
    if talk.answer.code == TICKET:
        return "the KDC asks for no proof of it"
    return "the KDC asks for a proof that cannot be made here"


def _words(talk: KdcTalk) -> str:
    """What came of it, for the table."""
    if talk.proof is not None and talk.proof.code == TICKET:
        return f"takes the password of {talk.name.shown}"
    if talk.last.code in (TICKET, PREAUTH_REQUIRED):
        return f"knows {talk.name.shown} and says nothing against the account"
    return f"answers {code_text(talk.last.code)} for {talk.name.shown}"
