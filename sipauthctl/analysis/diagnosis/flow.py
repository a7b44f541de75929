"""Handshakes that end in the middle, and dialogs that never came to one."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.analysis.diagnosis import clock, offers
from sipauthctl.analysis.dialogs import Dialog
from sipauthctl.analysis.results import State
from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.diagnosis.offers import offer_text, tls_dsk_required
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.base import Scheme

ANSWER_SECONDS = 32.0
"""How long a transaction may wait for its answer, RFC 3261 17.1.2.2."""


def findings(tracked: Tracked, local_times: bool) -> Iterator[Finding]:
    """One association that did not come to its end."""
    if tracked.tls is not None and tracked.tls.handshake.alert is not None:
        return  # the cause is told
    if tracked.step is Step.STARTED_OVER or tracked.state is State.INCOMPLETE:
        detail = f"{tracked.who} at {tracked.where}: {tracked.step.value}."
        mild = tracked.cut_off or tracked.scheme is Scheme.DIGEST
        severity = Severity.WARNING if mild else None
        if tracked.cut_off:
            detail = f"{detail[:-1]}; the input ends there."
        port = tracked.server.port if tracked.server is not None else None
        evidence = [f"last: {step.text} ({step.input}:{step.place})" for step in tracked.steps[-1:]]
        yield finding("handshake-incomplete", detail, evidence, severity=severity, host=tracked.where, port=port)


def of_dialog(dialog: Dialog, *, local_times: bool, cut_off: bool) -> Iterator[Finding]:
    """A REGISTER that never led to credentials of this family."""
    seen, unasked, user = dialog.challenge, dialog.unasked, dialog.endpoint.address
    if seen is None and unasked is not None:
        detail = f"A REGISTER of {user} is answered {unasked} without a challenge."
        yield finding("not-challenged", detail, [f"SIP/2.0 {unasked}"])
    if seen is None and not dialog.answered and not dialog.went_on:
        yield _incomplete(f"The REGISTER of {user} is not answered", dialog, cut_off, "")
    if seen is None or dialog.went_on:
        return
    ntlm = {offer.scheme for offer in seen.offers} == {Scheme.NTLM}
    found, _ = clock.of_challenge(seen, ntlm=ntlm, local_times=local_times)
    yield from found
    required = tls_dsk_required(seen.offers, seen.server, [seen.where, *map(offer_text, seen.offers)])
    problems = [*offers.of_challenge(seen), *([required] if required is not None else [])]
    yield from problems
    if not problems:
        yield _incomplete(f"{user} did not answer the challenge of {seen.server}", dialog, cut_off, seen.server)


def _incomplete(what: str, dialog: Dialog, cut_off: bool, host: str) -> Finding:
    ending = "; the input ends there." if cut_off else "."
    evidence = [dialog.challenge.where] if dialog.challenge is not None else [f"Call-ID: {dialog.call_id}"]
    severity = Severity.WARNING if cut_off else None
    return finding("handshake-incomplete", what + ending, evidence, severity=severity, host=host)
