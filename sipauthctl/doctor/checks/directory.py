"""The directory: the account's state, its SIP attributes, and whose the offered service principal names are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipauthctl.codes import of_win32
from sipauthctl.directory.errors import BindRefused
from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.doctor.directory_findings import account_findings, sip_findings, suffix_finding
from sipauthctl.doctor.directory_talk import LOGON_FAILURE, LogonRefused, NoDirectory, ask_directory
from sipauthctl.doctor.kerberos import kdc_refusal
from sipauthctl.findings import Finding, finding, sentence
from sipauthctl.mechanisms.kerberos.as_exchange import CLIENT_UNKNOWN, PREAUTH_REQUIRED
from sipauthctl.probe.diagnosis.kerberos import finding_id
from sipauthctl.probe.realms import DomainNames

if TYPE_CHECKING:
    from sipauthctl.directory.queries import DirectoryFacts


class DirectoryCheck(Check):
    """Signs in by Kerberos, or with the password over proven TLS, and reads; nothing is written.

    At most one failed sign-in, and none where one has failed already.
    """

    id = "directory"
    title = "directory: the account and its SIP address"
    after = ("dns", "offers", "kdc")
    steps = 5

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        if not case.asked.credentials.given:
            return self.skipped("no credentials were given")
        # A KDC that does not say what is wrong with the account leaves that to the directory.
        told = None if _unclear(case) else kdc_refusal(case)
        if case.kdc is not None and case.kdc.answer.code == CLIENT_UNKNOWN:
            return self.skipped(f"the KDC knows no {case.asked.probe.logon_name.text}")
        if case.attempts.refusal is not None or told is not None:
            return self.skipped(case.attempts.refusal or told or "")
        try:
            facts = await ask_directory(case)
        except NoDirectory as error:
            return self.skipped(str(error))
        except LogonRefused as error:
            return self.judged("the KDC refuses to sign the user in", [_logon_failure(case, error)])
        except BindRefused as error:
            found = _refusal(case, error)
            return self.judged(str(error), [found]) if found is not None else self.skipped(str(error))
        case.directory = facts
        _learn_names(case, facts)
        return self.judged(_words(case, facts), _findings(case, facts))


def _unclear(case: Case) -> bool:
    kdc = case.results.get("kdc")
    return kdc is not None and "account-revoked" in {item.id for item in kdc.findings}


def _findings(case: Case, facts: DirectoryFacts) -> list[Finding]:
    probe, account = case.asked.probe, facts.account
    suffix = suffix_finding(facts, case)
    found = [suffix] if suffix is not None else []
    if account is not None:
        found += account_findings(account, facts.time or case.tools.now(), probe.workstation)
        found += sip_findings(facts, account, f"sip:{probe.user.user}@{probe.user.host}")
    return found


def _refusal(case: Case, error: BindRefused) -> Finding | None:
    """The reason that a refused bind gives, [MS-ERREF] 2.2. A logon failure is a wrong password or an unknown user;
    which, the KDC may have told."""
    user = case.asked.probe.logon_name.text
    plain = case.asked.probe.logon_name.user.partition("@")[0]
    if error.reason == LOGON_FAILURE:
        known = case.kdc is not None and case.kdc.answer.code == PREAUTH_REQUIRED
        id_ = "wrong-password" if known else "credentials-refused"
        return finding(id_, f"The directory refuses {user}.", [error.server_words], user=plain)
    code = of_win32(error.reason)
    if code is None or code.finding is None:
        return None
    detail = f"The directory refuses {user}. {code.meaning}"
    return finding(code.finding, detail, [error.server_words], user=plain)


def _logon_failure(case: Case, error: LogonRefused) -> Finding:
    plain = case.asked.probe.logon_name.user.partition("@")[0]
    evidence = [f"libkrb5's code: {error.failure.code}"]
    return finding(finding_id(error.failure.cause), sentence(str(error)), evidence, user=plain)


def _learn_names(case: Case, facts: DirectoryFacts) -> None:
    """The forest's own list is the best source for the NetBIOS name of a domain."""
    for domain in facts.domains:
        if case.domain.dns is not None and domain.dns == case.domain.dns.lower() and case.domain.netbios is None:
            case.domain = DomainNames(case.domain.dns, domain.netbios)


def _words(case: Case, facts: DirectoryFacts) -> str:
    account = facts.account
    who = f"account {account.name}" if account is not None else f"no account {case.asked.probe.logon_name.text}"
    sip = "" if facts.sip_schema else "; its schema has no SIP attributes"
    return f"{facts.host} by {facts.how}: {who}{sip}"
