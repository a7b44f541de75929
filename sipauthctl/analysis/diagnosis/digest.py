"""Who is refused by Digest, and whether a given password is the one that was used."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.association.verdict import Verdict
from sipauthctl.diagnosis.answers import lines
from sipauthctl.diagnosis.digest import UsedSecret, refused_join
from sipauthctl.diagnosis.refusals import refusal
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
        found = refusal(
            answer,
            host=tracked.where,
            user=tracked.who,
            sip_uri=tracked.who,
            scheme=tracked.scheme.value,
            of_credentials=answer.status in (401, 407),
        )
        yield finding(found.id, f"{found.detail} {used.value}".strip(), lines(answer), user=tracked.who)
    elif used is UsedSecret.ANOTHER and not tracked.verdicts[Verdict.VALID]:
        detail = (
            f"The password that was given is not the one of {tracked.who} at {tracked.where}, or a message changed."
        )
        yield finding("given-secret-unfit", detail, severity=Severity.INFO)


def _used(tracked: Tracked) -> UsedSecret:
    if tracked.digest_verdict is None:
        return UsedSecret.UNKNOWN
    return UsedSecret.GIVEN if tracked.digest_verdict is Verdict.VALID else UsedSecret.ANOTHER
