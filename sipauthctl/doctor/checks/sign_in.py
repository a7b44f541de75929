"""The sign-in itself, with each scheme that can be used; and where it fails, the ways that may work instead."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sipauthctl.association.choice import Wanted
from sipauthctl.association.client import StopReason
from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult, Status
from sipauthctl.doctor.directory_findings import protected_finding
from sipauthctl.doctor.kerberos import kdc_refusal, kerberos_initiators, note_failure
from sipauthctl.doctor.probing import probe
from sipauthctl.doctor.this_machine import machine_of, server_origin, trust_of
from sipauthctl.findings import CatalogueEntry, Finding, Scope, Severity, catalogue, finding, rank
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.kerberos.errors import KerberosFailure
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.probe.diagnosis import collect, kerberos
from sipauthctl.probe.facts import RunFacts
from sipauthctl.probe.initiators import InitiatorMaker, ntlm_maker
from sipauthctl.probe.options import ProbeOptions, ServerChoice
from sipauthctl.probe.results import HopResult
from sipauthctl.trust import Trust

_FAMILY = frozenset({Scheme.KERBEROS, Scheme.NTLM})
_WANTED = {Scheme.KERBEROS: Wanted.KERBEROS, Scheme.NTLM: Wanted.NTLM}
_SPN_FINDINGS = frozenset(entry.id for entry in catalogue().values() if entry.family == "SPN" and not entry.fatal)
_OF_THE_NAME = frozenset({"upn-suffix-mismatch", "user-unknown", "kdc-not-found", "credentials-refused"})


@dataclass(frozen=True, slots=True)
class Way:
    """One way to sign in."""

    scheme: Scheme
    name: LogonName

    @property
    def text(self) -> str:
        """As it is written in a sentence."""
        return f"{self.scheme.value} as {self.name.text}"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one way. `with_ticket`: the server got one. `passed_over`: the ids of the findings that made
    Kerberos fail, where a client then goes on with NTLM."""

    way: Way
    registered: bool
    findings: tuple[Finding, ...]
    with_ticket: bool = False
    passed_over: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """What came of it, in a few words."""
        if self.registered:
            return f"{self.way.text}: registered"
        # Findings stand in the order of causes, so that what ended the sign-in is the last error.
        errors = [item.id for item in self.findings if item.severity is Severity.ERROR]
        ending = errors[-1:] or [item.id for item in self.findings[:1]]
        return f"{self.way.text}: fails{''.join(f' ({id_})' for id_ in ending)}"


class SignInCheck(Check):
    """Registers, refreshes once and de-registers. After one failed sign-in it stops, unless the user allows more."""

    id = "sign-in"
    title = "registration, with each scheme that can be used"
    needs = ("offers",)
    after = ("spn", "ntlm", "clock", "kdc", "directory", "machine")
    steps = 20

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        if not case.asked.credentials.given:
            return self.skipped("no credentials were given")
        if case.server is None or not _FAMILY & {offer.scheme for offer in case.server.offers}:
            return self.skipped("no server offers NTLM or Kerberos")
        reason = case.attempts.refusal or kdc_refusal(case)
        if reason is not None:
            return self.skipped(reason)
        trials: list[Trial] = []
        for way in _ways(case):
            if way.name not in _unknown(case, trials):
                await _try(case, way, trials)
        for way in _other_ways(case, trials):
            if any(trial.registered for trial in trials):
                break
            await _try(case, way, trials)
        if not trials:
            return self.skipped(case.attempts.refusal or "none of the offered schemes can be used")
        return self._result(case, await trust_of(case), trials)

    def _result(self, case: Case, trust: Trust, trials: list[Trial]) -> CheckResult:
        worked = [trial for trial in trials if trial.registered]
        case.registered = any(trial.way.name == case.asked.probe.logon_name for trial in worked)
        failed = [trial for trial in trials if not trial.registered]
        found = [item for trial in worked for item in trial.findings]
        for trial in failed:
            note = f" {worked[0].way.text} works." if worked else ""
            found += [replace(item, detail=item.detail + note) for item in trial.findings]
        found = _protected(case, found, failed, worked)
        if not worked and not any(item.id == "protected-user" for item in found):
            case.circumstances = _circumstances(case, failed)
        case.passed_over = _passed_over_in_all(case, trials)
        if worked and failed:
            found += _named_ways(case, worked[0], failed, trust)
        found = [item for item in found if not of_signatures(item) and not _known(case, item)]
        words = "; ".join(trial.text for trial in trials)
        refusal = case.attempts.refusal
        if not worked and refusal is not None and _other_ways(case, trials):
            words += "; no other way was tried, as it could lock the account (--all-attempts)"
        result = self.judged(words, found)
        return result if worked or result.status is Status.FAILED else replace(result, status=Status.FAILED)


def _passed_over_in_all(case: Case, trials: list[Trial]) -> frozenset[str]:
    """The ids of findings that say only that Kerberos cannot be used from here, where NTLM works or is what ends the
    sign-in. What the check of the KDC found stays as it is: a KDC that DNS names has to answer."""
    worked = any(trial.registered and trial.way.scheme is Scheme.NTLM for trial in trials)
    of_kdc = {item.id for item in case.results["kdc"].findings} if "kdc" in case.results else set()
    ids = {id_ for trial in trials for id_ in trial.passed_over if worked or id_ in case.circumstances}
    return frozenset(id_ for id_ in ids - of_kdc if _is_from_here(catalogue()[id_]))


def of_signatures(item: Finding) -> bool:
    """Whether a finding is for the check of the signatures to tell."""
    return catalogue()[item.id].family == "signatures"


def _protected(case: Case, found: list[Finding], failed: list[Trial], worked: list[Trial]) -> list[Finding]:
    """With what explains a refusal using NTLM alone: the directory says that the account may not use it. Kerberos is
    what has to work then, and what keeps it from working is the cause."""
    refused = next((item for item in _errors(failed, Scheme.NTLM) if item.id == "credentials-refused"), None)
    broken = next((item.id for item in _errors(failed, Scheme.KERBEROS)), "")
    protected = refused and protected_finding(case.directory, refused, works=bool(worked), broken=broken)
    if not protected:
        return found
    mild = {"credentials-refused": Severity.WARNING} if worked or broken else {}
    return [protected, *(replace(item, severity=mild.get(item.id, item.severity)) for item in found)]


def _circumstances(case: Case, failed: list[Trial]) -> frozenset[str]:
    """The ids of findings that keep a scheme from being used, where a client's sign-in ends with the other one.

    A client that gets a ticket never tries NTLM. One that gets none goes on with NTLM, and what ends it there is the
    cause. A refusal without a reason is less than what is known to be wrong at the server, but more than a KDC that
    cannot be reached from here, unless the KDC has taken the password before.
    """
    by_ntlm, by_kerberos = _errors(failed, Scheme.NTLM), _errors(failed, Scheme.KERBEROS)
    of_ntlm = [item for item in by_ntlm if catalogue()[item.id].family != "SPN"]  # the offers are judged each time
    known = [item for item in of_ntlm if not catalogue()[item.id].unspecific]
    if any(trial.way.scheme is Scheme.KERBEROS and trial.with_ticket for trial in failed):
        weighty = any(not catalogue()[item.id].unspecific for item in by_kerberos)
        return frozenset(item.id for item in by_ntlm if weighty and catalogue()[item.id].family == "NTLM")
    if known:
        return _SPN_FINDINGS.union(item.id for item in by_kerberos) - {item.id for item in known}
    refused = any(item.id == "credentials-refused" for item in of_ntlm)
    if not refused or case.password_proven:
        return frozenset()
    return frozenset(item.id for item in by_kerberos if _is_from_here(catalogue()[item.id]))


def _is_from_here(entry: CatalogueEntry) -> bool:
    """Whether a finding says no more than that Kerberos cannot be used from here."""
    return entry.family == "Kerberos" and entry.scope is Scope.USER and not entry.fatal


def _errors(trials: list[Trial], scheme: Scheme) -> list[Finding]:
    found = [item for trial in trials if trial.way.scheme is scheme for item in trial.findings]
    return [item for item in found if item.severity is Severity.ERROR]


def _known(case: Case, item: Finding) -> bool:
    """Whether an earlier check found the same, no milder."""
    earlier = [known for result in case.results.values() for known in result.findings]
    same = [known for known in earlier if (known.id, known.server) == (item.id, item.server)]
    return any(rank(known.severity) <= rank(item.severity) for known in same)


def _ways(case: Case) -> list[Way]:
    """With each scheme that is offered, wanted and possible; else the one that says why none is."""
    options, given, hop = case.asked.probe, case.asked.credentials, case.server
    wanted, name = options.wanted, options.logon_name
    possible = [scheme for scheme in _WANTED if wanted in (Wanted.AUTO, _WANTED[scheme])]
    offered = {offer.scheme for offer in hop.offers} if hop is not None else set()
    ways = [Way(scheme, name) for scheme in possible if scheme in offered]
    usable = [way for way in ways if way.scheme is not Scheme.NTLM or given.password is not None]
    return usable or ways[:1] or [Way(possible[0], name)]


def _other_ways(case: Case, trials: list[Trial]) -> list[Way]:
    """What the Resource Kit advises: the FQDN of the domain and the user for a UPN, NTLM instead of Kerberos."""
    given, hop, tried = case.asked.credentials, case.server, [trial.way for trial in trials]
    if hop is None or not _OF_THE_NAME & {item.id for trial in trials for item in trial.findings}:
        return []
    offered = {offer.scheme for offer in hop.offers}
    user, at, _ = case.asked.probe.logon_name.user.partition("@")
    names = [case.asked.probe.logon_name]
    if at and case.domain.dns is not None:
        names.insert(0, LogonName(user, case.domain.dns))
    schemes = [Scheme.KERBEROS, Scheme.NTLM] if given.password is not None else [Scheme.KERBEROS]
    ways = [Way(scheme, name) for name in names for scheme in schemes if scheme in offered]
    return [way for way in ways if way not in tried and way.name not in _unknown(case, trials)]


def _unknown(case: Case, trials: list[Trial]) -> list[LogonName]:
    """Names that the KDC does not know and that NTLM will not know either: a refusal that can be spared.

    A NetBIOS domain may be another one than the realm that was asked.
    """
    of_server = {(text or "").lower() for text in (case.domain.dns, case.domain.netbios)}
    return [
        trial.way.name
        for trial in trials
        if any(item.id == "user-unknown" for item in trial.findings)
        and ("." in trial.way.name.domain or "@" in trial.way.name.user or trial.way.name.domain.lower() in of_server)
    ]


async def _try(case: Case, way: Way, trials: list[Trial]) -> None:
    """Registers in one way and adds the trial, unless a failure could lock the account."""
    asked, used = case.asked.probe, case.used
    if case.attempts.refusal is not None or used is None:
        return
    make = _maker(case, way)
    reason = make if isinstance(make, str) else ""
    options = replace(
        asked,
        logon_name=way.name,
        given_name=asked.logon_name,
        wanted=_WANTED[way.scheme],
        server=ServerChoice(used.server.host, used.server.port, server_origin(case)),
        computer_domains=(await machine_of(case)).domains,
        refreshes=1,  # what breaks a client only after its sign-in shows then
        keep=False,
        kerberos_unavailable=reason if way.scheme is Scheme.KERBEROS else "",
    )
    makers: dict[Scheme, InitiatorMaker] = {} if isinstance(make, str) else {way.scheme: make}
    run = await probe(case, options, makers)
    case.runs.append(run)
    registered = bool(run.hops) and run.hops[-1].result is HopResult.REGISTERED
    _note(case, run)
    with_ticket = any(hop.scheme is Scheme.KERBEROS for hop in run.hops)
    trials.append(Trial(way, registered, collect(run, options), with_ticket, _passed_over(run, options)))


def _passed_over(run: RunFacts, options: ProbeOptions) -> frozenset[str]:
    errors = [hop.mechanism_errors.get(Scheme.KERBEROS) for hop in run.hops]
    ends = any(isinstance(error, KerberosFailure) and error.account_refused for error in errors)
    used = any(hop.scheme is Scheme.KERBEROS for hop in run.hops)
    return frozenset() if ends or used else frozenset(item.id for item in kerberos.findings(run, options))


def _maker(case: Case, way: Way) -> InitiatorMaker | str:
    if way.scheme is Scheme.KERBEROS:
        return kerberos_initiators(case, way.name)
    password = case.asked.credentials.password
    if password is None:
        return "NTLM needs a password"
    return ntlm_maker(way.name, password, workstation=case.asked.probe.workstation, now=case.tools.now)


def _note(case: Case, run: RunFacts) -> None:
    """Counts what may count towards a lockout: a refused response of NTLM, a logon that the KDC refused."""
    for hop in run.hops:
        if (
            hop.scheme is Scheme.NTLM
            and hop.stopped is not None
            and hop.stopped.reason is StopReason.CREDENTIALS_REFUSED
        ):
            case.attempts.failed(f"{hop.server.host} refused the credentials")
        for error in hop.mechanism_errors.values():
            note_failure(case, error)


def _named_ways(case: Case, worked: Trial, failed: list[Trial], trust: Trust) -> list[Finding]:
    """Says which way works, where a client would not come to it by itself."""
    user, at, suffix = case.asked.probe.logon_name.user.partition("@")
    told = [trial.text for trial in (*failed, worked)]
    if at and not worked.way.name.user.endswith(f"@{suffix}"):
        detail = f"{case.asked.probe.logon_name.text} is refused, and {worked.way.name.text} works."
        fields = {"user": user, "dns_domain": worked.way.name.domain}
        return [finding("upn-suffix-mismatch", detail, told, severity=Severity.ERROR, **fields)]
    kerberos_failed = any(trial.way.scheme is Scheme.KERBEROS for trial in failed)
    if at and kerberos_failed and worked.way.scheme is Scheme.NTLM and case.in_workgroup:
        detail = (
            f"This computer is in no domain, and {case.asked.probe.logon_name.text} is a user principal name: Windows "
            "then tries Kerberos alone. NTLM, which works, is never tried."
        )
        domain = trust.advisable(case.domain.netbios or case.domain.dns or "")
        # Where the user gave no name, this one is only what the doctor tries.
        severity = None if case.asked.name_given else Severity.WARNING
        return [finding("upn-without-fallback", detail, told, severity=severity, user=user, server_domain=domain)]
    return []
