"""Handshakes that end in the middle, and dialogs that never came to one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sipauthctl.analysis.diagnosis import clock, endpoint, offers
from sipauthctl.analysis.diagnosis.ntlm import stopped_at_challenge
from sipauthctl.analysis.dialogs import Dialog
from sipauthctl.analysis.results import State
from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.diagnosis.offers import legacy_auth_off, offer_text
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.base import Scheme

ANSWER_SECONDS = 32.0
"""How long a transaction may wait for its answer, RFC 3261 17.1.2.2."""


def findings(tracked: Tracked, local_times: bool) -> Iterator[Finding]:
    """One association that did not complete."""
    if tracked.followed_by_success:
        return
    if (tracked.tls is not None and tracked.tls.handshake.alert is not None) or stopped_at_challenge(tracked):
        return  # the cause is reported
    if tracked.input_is_cut and tracked.may_go_on:
        return
    if tracked.step is Step.STARTED_OVER or tracked.state is State.INCOMPLETE:
        detail = f"{tracked.who} at {tracked.where}: {tracked.step.value}."
        mild = tracked.may_go_on or tracked.one_way or tracked.scheme is Scheme.DIGEST
        severity = Severity.WARNING if mild else None
        detail = detail[:-1] + _ending(DialogEnd(cut_off=tracked.cut_off, one_way=tracked.one_way))
        port = tracked.server.port if tracked.server is not None else None
        evidence = [f"last: {step.text} ({step.input}:{step.place})" for step in tracked.steps[-1:]]
        yield finding("handshake-incomplete", detail, evidence, severity=severity, host=tracked.where, port=port)


@dataclass(frozen=True, slots=True)
class DialogEnd:
    """How a dialog ended: the input ends before an answer was due, was not read to its end, has no answers at all, or
    has the client's credentials under another Call-ID."""

    cut_off: bool = False
    input_is_cut: bool = False
    one_way: bool = False
    elsewhere: bool = False


def of_dialog(dialog: Dialog, end: DialogEnd, *, local_times: bool) -> Iterator[Finding]:
    """A REGISTER that never led to credentials of this family.

    Args:
        dialog: the requests under its Call-ID.
        end: how it ended.
        local_times: the times of its input are those of a local clock of unknown zone.
    """
    seen, unasked, user = dialog.challenge, dialog.unasked, dialog.endpoint.address
    if seen is None and unasked is not None:
        detail = f"A REGISTER of {user} is answered {unasked} without a challenge."
        # Between servers that trust each other nobody is asked, and an onlooker does not know whom he sees.
        yield finding("not-challenged", detail, [f"SIP/2.0 {unasked}"], severity=Severity.WARNING)
    yield from endpoint.of_dialog(dialog)
    if seen is None and not dialog.answered and not dialog.went_on and not end.elsewhere:
        yield from _incomplete(f"The REGISTER of {user} is not answered", dialog, end, "")
    if seen is None or dialog.went_on:
        return
    schemes = {offer.scheme for offer in seen.offers}
    digest = Scheme.DIGEST in schemes and not schemes & offers.FAMILY
    if digest and (dialog.other_credentials or not dialog.endpoint.epid):
        return  # another kind of server, and a client of its kind: what came of the Digest is told with that
    ntlm = schemes == {Scheme.NTLM}
    found, _ = clock.of_challenge(seen, ntlm=ntlm, local_times=local_times)
    yield from found
    evidence = [seen.where, *map(offer_text, seen.offers)]
    problems = [*offers.of_challenge(seen), *legacy_auth_off(seen.offers, seen.server, evidence)]
    yield from problems
    if not problems and not end.elsewhere:
        yield from _incomplete(f"{user} did not answer the challenge of {seen.server}", dialog, end, seen.server)


def _incomplete(what: str, dialog: Dialog, end: DialogEnd, host: str) -> Iterator[Finding]:
    if end.cut_off and end.input_is_cut:
        return
    evidence = [dialog.challenge.where] if dialog.challenge is not None else [f"Call-ID: {dialog.call_id}"]
    severity = Severity.WARNING if end.cut_off or end.one_way else None
    port = dialog.challenge.port if dialog.challenge is not None else None
    yield finding("handshake-incomplete", what + _ending(end), evidence, severity=severity, host=host, port=port)


def _ending(end: DialogEnd) -> str:
    if end.one_way:
        return "; the input has no answers at all."
    return "; the input ends there." if end.cut_off else "."
