"""The verdict on a registration: one headline, what was verified, the findings."""

from __future__ import annotations

from collections import Counter

from rich.console import Console

from sipauthctl.association.verdict import Verdict
from sipauthctl.probe.results import Outcome, Registration, Remains
from sipauthctl.report.console import put
from sipauthctl.report.findings import print_findings
from sipauthctl.report.text import safe

_HEADLINES = {
    Outcome.REGISTERED: ("REGISTERED", "bold green"),
    Outcome.REJECTED: ("REJECTED", "bold red"),
    Outcome.UNTRUSTED: ("NOT TRUSTED", "bold red"),
    Outcome.UNREACHABLE: ("UNREACHABLE", "bold red"),
    Outcome.INCOMPLETE: ("INCOMPLETE", "bold red"),
}
_INTERRUPTED = ("INTERRUPTED", "bold yellow")
_REMAINS = {
    Remains.NONE: "Nothing was registered.",
    Remains.REMOVED: "The registration was removed.",
    Remains.LEFT: "The registration may still stand.",
}
_LOST = ("REGISTERED, THEN LOST", "bold red")
_NAME_LIMIT = 400


def print_registration(console: Console, registration: Registration) -> None:
    """Prints the result."""
    scheme = f" by {registration.scheme.value}" if registration.scheme is not None else ""
    where = ""
    if registration.outcome is Outcome.REGISTERED:
        server = registration.hops[-1].server
        where = f" at {safe(server.host, _NAME_LIMIT)} port {server.port}"
    headline = _LOST if registration.lost else _HEADLINES[registration.outcome]
    ended = registration.interruption
    if ended is not None and registration.outcome is Outcome.INCOMPLETE:
        headline = _INTERRUPTED
    put(console, f"{safe(registration.user, _NAME_LIMIT)}{scheme}{where}", lead=(headline, "  "))
    if ended is not None:
        put(console, f"Interrupted during {safe(ended.step)}. {_REMAINS[ended.registration]}", indent=2)
    put(console, _signatures(registration), indent=2)
    console.print()
    print_findings(console, registration.findings)


def _signatures(registration: Registration) -> str:
    verdicts = sum((hop.verdicts("server") for hop in registration.hops), Counter[Verdict]())
    count = verdicts.total()
    if not count:
        return "No signature of a server was seen."
    plural = "" if count == 1 else "s"
    return f"{verdicts[Verdict.VALID]} of {count} server signature{plural} valid; {_findings(registration)}."


def _findings(registration: Registration) -> str:
    count = len(registration.findings)
    if not count:
        return "nothing was found wrong" if registration.outcome is Outcome.REGISTERED else "no findings"
    return "1 finding" if count == 1 else f"{count} findings"
