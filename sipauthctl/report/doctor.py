"""An examination on the console: progress while it runs, the table of checks, the cause, the findings."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.status import Status as Spinner

from sipauthctl.doctor.check import Check, CheckResult, Status
from sipauthctl.doctor.verdict import Verdict, status_counts
from sipauthctl.findings import Severity
from sipauthctl.report.console import put
from sipauthctl.report.findings import STYLES, print_findings
from sipauthctl.report.text import safe

_STYLES = {Status.PASSED: "green", Status.FAILED: "bold red", Status.WARNED: "yellow", Status.SKIPPED: "dim"}
_DETAIL_LIMIT = 500
_NAME_LIMIT = 400

_NOTHING_WRONG = "Nothing was found wrong as far as it was checked"


class Progress:
    """Tells on stderr which checks run: on a terminal in one line that goes away, else a line for each that ended.

    Args:
        console: for stderr.
        quiet: tells nothing.
    """

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._running: list[str] = []
        self._spinner: Spinner | None = None

    def __enter__(self) -> Progress:
        if self._console.is_terminal and not self._quiet:
            self._spinner = self._console.status("checking")
            self._spinner.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._spinner is not None:
            self._spinner.stop()

    def __call__(self, check: Check, result: CheckResult | None) -> None:
        """A check begins (without a result) or ends."""
        if result is None:
            self._running.append(check.id)
        elif check.id in self._running:
            self._running.remove(check.id)
        if self._spinner is not None:
            self._spinner.update(f"checking {', '.join(self._running)}")
        elif result is not None and not self._quiet:
            put(self._console, f"{check.id}: {result.status.value}", wrap=False)


def print_verdict(console: Console, verdict: Verdict, user: str, source: str) -> None:
    """Prints all of it.

    Args:
        console: where to.
        verdict: the result.
        user: the SIP address, empty where captures and logs alone were looked at.
        source: where the address comes from, empty where the user gave it.
    """
    if source:
        put(console, f"Examining {safe(user, _NAME_LIMIT)}, from {safe(source, _NAME_LIMIT)}.")
    width = max((len(check.id) for check in verdict.checks), default=0)
    for check in verdict.checks:
        lead = ((f"{check.status.value:<7}", _STYLES[check.status]), f"  {check.id:<{width}}  ")
        put(console, safe(check.detail, _DETAIL_LIMIT), lead=lead)
    console.print()
    _headline(console, verdict, user)
    console.print()
    print_findings(console, verdict.findings)


def _headline(console: Console, verdict: Verdict, user: str) -> None:
    who = safe(user, _NAME_LIMIT)
    count = len(verdict.findings)
    notes = "" if not count else "; see the note below" if count == 1 else f"; see the {count} notes below"
    root = next((finding for finding in verdict.findings if finding.id == verdict.root_cause), None)
    if root is not None:
        works = " Sign-in works all the same." if verdict.registered else ""
        style = STYLES[Severity.ERROR] if verdict.failed else STYLES[Severity.WARNING]
        word = "CAUSE" if verdict.registered is not True else "FOUND"
        put(console, f"{root.title} ({root.id}).{works}", lead=((word, style), "  "))
    elif verdict.registered:
        found = f". No fault was found{notes}" if notes else ", and nothing was found wrong"
        put(console, f"{who} signs in{found}.", lead=(("HEALTHY", "bold green"), "  "))
    elif verdict.registered is False:
        put(console, f"{who} does not sign in, and no cause was found.", lead=(("UNDECIDED", "bold red"), "  "))
    else:
        tried = f" No sign-in was tried for {who}." if user else ""
        found = f"No fault was found as far as it was checked{notes}" if notes else _NOTHING_WRONG
        put(console, f"{found}.{tried}", lead=(("NO FAULT", "bold"), "  "))
    skipped = status_counts(verdict.checks)[Status.SKIPPED]
    if skipped and verdict.registered is not True:
        plural = "check was" if skipped == 1 else "checks were"
        put(console, f"{skipped} {plural} skipped; the reasons stand above.", indent=2)
