"""Who is refused by Digest, and whether a given password is the one that was used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.association.verdict import Verdict
from sipauthctl.diagnosis.digest import UsedSecret, refused_join, refused_sign_in
from sipauthctl.diagnosis.refusals import in_passing
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.base import Scheme


def findings(tracked: Tracked, local_times: bool) -> Iterator[Finding]:
    """One pass over a Digest exchange."""
    if tracked.scheme is not Scheme.DIGEST:
        return
    used = _used(tracked)
    answer = tracked.answer
    if tracked.step is Step.REFUSED and answer is not None:
        if tracked.purpose:
            yield refused_join(answer, conference=tracked.where, user=tracked.who, used=used)
            return
        found = in_passing(refused_sign_in(answer, host=tracked.where, user=tracked.who, used=used), answer)
        # A client that answers the next challenge too, and is let in, had an old nonce, or tried again.
        yield replace(found, severity=Severity.WARNING) if tracked.followed_by_success else found
    elif used is UsedSecret.ANOTHER and not tracked.verdicts[Verdict.VALID]:
        detail = (
            f"The password that was given is not the one of {tracked.who} at {tracked.where}, or a message changed."
        )
        yield finding("given-secret-unfit", detail, severity=Severity.INFO)


def _used(tracked: Tracked) -> UsedSecret:
    if tracked.digest_verdict is None:
        return UsedSecret.UNKNOWN
    return UsedSecret.GIVEN if tracked.digest_verdict is Verdict.VALID else UsedSecret.ANOTHER
