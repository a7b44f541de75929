"""Why a server refuses somebody, as far as it tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sipauthctl.association.clock import KERBEROS_SKEW_LIMIT, ClockReading
from sipauthctl.association.diagnostics import diagnostics
from sipauthctl.codes import Code
from sipauthctl.diagnosis.answers import NEXT_HOP, candidates, lines, open_code, proven, words
from sipauthctl.findings import Finding, Severity, catalogue, fill, finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.message import Response
from sipauthctl.trust import Trust

_UNKNOWN_USER = 1003  # [MS-OCER] 7.1
_REFUSED = "credentials-refused"
_INTERVAL_TOO_BRIEF = 423  # RFC 3261 21.4.17: the client asks again for longer


def says_unknown(answer: Response, scheme: str) -> bool:
    """Whether a challenge after the last token says that the user of the credentials does not exist."""
    code = proven(answer, scheme)
    return code is not None and (code.number == _UNKNOWN_USER or code.finding == "user-unknown")


def refusal(
    answer: Response,
    *,
    host: str,
    user: str,
    sip_uri: str,
    scheme: str,
    of_credentials: bool,
    dns_domain: str = "",
    trust: Trust | None = None,
    clock: ClockReading | None = None,
    user_agent: str = "",
    account: str = "",
    traced: Iterable[int] = (),
) -> Finding:
    """The finding for a final answer that says no. Which code means which finding is written in `codes.toml`.

    Args:
        answer: that answer.
        host: the server's name.
        user: the logon name, or the SIP URI where that is not known.
        sip_uri: the address that was to be registered.
        scheme: the scheme that was used, empty where it is not known.
        of_credentials: it was a challenge after the last token.
        dns_domain: the domain that the server named, empty where it is not known.
        trust: tells whether advice may repeat that.
        clock: the server's clock against this computer's, None where it was not measured.
        user_agent: the User-Agent header of the client, empty where it is not known.
        account: the account, where `user` does not name it.
        traced: result codes on this answer in a trace of the server.
    """
    code = proven(answer, scheme)
    open_ = open_code(answer, scheme, traced) if code is None else None
    unknown = of_credentials and says_unknown(answer, scheme)
    if code is not None and code.finding is not None:
        id_, detail = code.finding, f"{host} refuses {user}. {code.meaning}"
        if unknown:
            id_, detail = "user-unknown", f"{host} says that {user} does not exist."
        elif id_ == "clock-skew" and clock is not None and clock.surely_within(KERBEROS_SKEW_LIMIT):
            detail = f"{host} refuses {user} because of clock skew. {_other_clocks(scheme)}"
        elif id_ == "uri-not-authorized":
            detail = f"{user} signed in, but may not register {sip_uri}."
        elif id_ == "user-not-enabled":
            detail = f"{host} knows no enabled user with the address {sip_uri}."
        elif id_ == NEXT_HOP:
            detail = f"{host} could not pass on the request of {user}. {code.meaning}"
    elif of_credentials:
        id_ = _REFUSED
        detail = f"{host} refuses {user}{f' using {scheme}' if scheme else ''}."
        if open_ is None:
            detail += " It does not tell a wrong password from the other causes."
        detail += trust.claimed(dns_domain, host) if trust is not None else ""
    elif answer.status == 404 and not _is_foreign(answer):
        id_, detail = "user-not-enabled", f"{host} knows no enabled user with the address {sip_uri}."
    else:
        id_, detail = "server-diagnostic", f"{host} answers {words(answer)}."
    if open_ is not None:
        detail += _may_mean(open_, scheme)
    domain = ""
    if id_ == NEXT_HOP:
        host, domain = _next_hop(answer), _told(answer, "domain")
    account = account or user.rpartition("\\")[2].split("@")[0].removeprefix("sip:")
    fields: dict[str, Any] = {"user": account, "sip_uri": sip_uri, "host": host, "domain": domain}
    fields["dns_domain"] = trust.advisable(dns_domain) if trust is not None else ""
    remedy = scheme if id_ == _REFUSED else ""
    evidence = lines(answer)
    if id_ == "client-version-refused" and user_agent:
        evidence.append(f"User-Agent: {user_agent}")
    found = finding(id_, detail, evidence, remedy=remedy, **fields)
    return found if open_ is None else _with_candidates(found, open_, scheme, fields)


def _may_mean(code: Code, scheme: str) -> str:
    """What a code says that leaves the cause open."""
    causes = candidates(code, scheme)
    if causes:
        named = f" Possible cause{'s' if len(causes) > 1 else ''}: {', '.join(causes)}."
    else:
        named = " That does not tell a wrong password from the other causes." if _REFUSED in code.see else ""
    return f" {code.digits} {code.name}: {code.meaning}{named}"


def _with_candidates(found: Finding, code: Code, scheme: str, fields: Mapping[str, object]) -> Finding:
    """With how to tell the causes apart that a code may mean, and what to do for each. Advice on the account stands
    only where the account is one of them."""
    causes = candidates(code, scheme)
    if not causes:
        return found
    own = found.remedy if found.id != _REFUSED or _REFUSED in code.see else ""
    entries = [catalogue()[id_] for id_ in causes]
    # Which of several remedies fits one of these causes is known only where that cause is.
    told = [line for one in entries for line in (f"{one.title}:", one.remedy)]
    return replace(found, remedy="\n".join(filter(None, (code.tell, own, fill("\n".join(told), fields)))))


def _other_clocks(scheme: str) -> str:
    """What clock skew is about where the clocks of the two ends agree."""
    ticket = ", or the ticket is from before a clock change" if scheme == Scheme.KERBEROS.value else ""
    return (
        "The server's Date agrees with this computer's clock, so the server's clock and that of a domain controller "
        f"differ{ticket}."
    )


def _is_foreign(answer: Response) -> bool:
    """Whether the server says that it is another product: those of this family call themselves RTC."""
    product = answer.headers.get("Server") or "RTC"
    return not product.startswith("RTC")


def _next_hop(answer: Response) -> str:
    """The host that a server behind the first one looked for, empty where no report names it."""
    return _told(answer, "tls-target", "fqdn", "fqdn1", "peer").partition(":")[0]


def _told(answer: Response, *names: str) -> str:
    """The first of these parameters in its reports, empty where there is none."""
    told = (value.strip() for report in diagnostics(answer) for name in names if (value := report.get(name)))
    return next(told, "")


def in_passing(found: Finding, answer: Response) -> Finding:
    """The finding for an answer that was seen in a capture: one that a client deals with by itself breaks nothing."""
    mild = found.severity is Severity.ERROR and answer.status == _INTERVAL_TOO_BRIEF
    return replace(found, severity=Severity.WARNING) if mild else found
