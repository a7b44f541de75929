"""Who is refused, and why as far as the server and the given secrets tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sipauthctl.analysis.diagnosis.kerberos import opened
from sipauthctl.analysis.diagnosis.trace import codes_in, finer_cause
from sipauthctl.analysis.results import State
from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.analysis.verification import NoKey
from sipauthctl.analysis.words import Sender
from sipauthctl.association.verdict import Verdict
from sipauthctl.diagnosis.answers import NTLM_MISMATCH, hresults, lines
from sipauthctl.diagnosis.refusals import in_passing, refusal
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.trust import NamedDomain, Origin, Trust, named_domains


def findings(tracked: Tracked, local_times: bool) -> Iterator[Finding]:
    """The refusal, and a given secret that is not the client's."""
    wrong = tracked.no_key is NoKey.WRONG_SECRET and not tracked.secret_of_another
    answer = tracked.answer
    refused = answer is not None and (tracked.step is Step.REFUSED or answer.status >= 400)
    if wrong:
        yield _wrong_password(tracked, refused=tracked.step is Step.REFUSED)
    if answer is None or not refused or NTLM_MISMATCH in hresults(answer) or tracked.scheme is Scheme.DIGEST:
        return
    keys = opened(tracked)
    found = refusal(
        answer,
        host=tracked.where,
        user=logon_name(tracked),
        sip_uri=tracked.endpoint.address,
        scheme=tracked.scheme.value,
        dns_domain=(tracked.challenge.names.dns_domain or "") if tracked.challenge is not None else "",
        trust=trust_of(tracked),
        of_credentials=answer.status in (401, 407),
        user_agent=tracked.user_agent,
        account=keys.client.partition("@")[0] if keys is not None else "",
        traced=codes_in(tracked.server_errors),
    )
    finer = wrong or finer_cause(tracked) or _signed_wrongly(tracked) or tracked.scheme is Scheme.TLS_DSK
    if found.id == "credentials-refused" and finer:
        return  # the finer cause is reported
    if found.id == "credentials-refused" and keys is not None:
        right = f"The given keytab decrypts the ticket of {keys.client}, so the SPN and the key are as expected."
        yield replace(found, detail=f"{found.detail} {right}")
        return
    if found.id == "credentials-refused" and tracked.verifier is not None:
        right = f"The given secret is the one that {logon_name(tracked)} used, so the password is as expected."
        yield replace(found, detail=f"{found.detail} {right}")
        return
    yield in_passing(found, answer)


def _signed_wrongly(tracked: Tracked) -> bool:
    """Whether the client's last token cannot be read, or its signature on it is wrong or missing, for which a server
    refuses it."""
    if tracked.no_key is NoKey.DAMAGED:
        return True
    client = (signature for signature in tracked.signatures if signature.sender is Sender.CLIENT)
    return any(signature.verdict in (Verdict.INVALID, Verdict.MISSING) for signature in client)


def _wrong_password(tracked: Tracked, *, refused: bool) -> Finding:
    name = logon_name(tracked)
    evidence = ["the proof in the AUTHENTICATE (NTProofStr) does not follow from the given secret"]
    account = _account(tracked)
    if refused and tracked.answer is not None:
        detail = (
            f"{tracked.where} refuses {name}, and the given password does not fit what the client sent. If the given "
            "one is the account's, this is why: the client used another one, or a token was changed on the way."
        )
        return finding("wrong-password", detail, [*evidence, *lines(tracked.answer)], user=account)
    accepted = "accepted what the client used" if tracked.state is State.ESTABLISHED else "did not answer it"
    detail = f"The secret that was given does not fit what the client of {name} sent; {tracked.where} {accepted}."
    given = tracked.secret.given if tracked.secret is not None else None
    # A secret for everybody is expected not to fit some.
    severity = Severity.INFO if given is not None and given.name is None else Severity.WARNING
    return finding("given-secret-unfit", detail, evidence, severity=severity)


def _account(tracked: Tracked) -> str:
    """The name of the account, as commands take it."""
    return logon_name(tracked).rpartition("\\")[2].partition("@")[0].removeprefix("sip:")


def logon_name(tracked: Tracked) -> str:
    """The name in the AUTHENTICATE, else the SIP address."""
    if tracked.authenticate is None:
        return tracked.endpoint.address
    return LogonName(tracked.authenticate.user, tracked.authenticate.domain).text


def trust_of(tracked: Tracked) -> Trust:
    """The domains that the client itself named."""
    sent = tracked.authenticate
    logon = (sent.domain, sent.user.partition("@")[2]) if sent is not None else ()
    address = NamedDomain(tracked.endpoint.address.partition("@")[2], Origin.USER)
    return Trust((address, *named_domains(logon_domains=logon, server=None, trusted=())))
