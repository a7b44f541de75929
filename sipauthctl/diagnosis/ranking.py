"""From findings to a diagnosis: each once, a cause before what it explains, in bounded memory.

What explains what is written in the catalogue alone. `register`, `analyze` and `doctor` all come through here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from sipauthctl.findings import Finding, Scope, Severity, catalogue, rank

MOST_FINDINGS = 200
EVIDENCE_LINES = 12


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a finding is about. Findings of different users do not explain each other; an empty server, as of a finding
    on a KDC, stands for any."""

    user: str = ""
    server: str = ""

    def covers(self, other: Subject) -> bool:
        """Whether a finding on this subject may explain one on the other."""
        return self.user == other.user and ("" in (self.server, other.server) or self.server == other.server)


@dataclass(slots=True)
class _Group:
    finding: Finding
    subject: Subject
    count: int = 1


@dataclass(slots=True)
class FindingCollector:
    """Joins findings of one id on one subject; of many subjects the later ones are only counted.

    `counting` says in the detail how many were joined: right where each of them is an event of its own, wrong where
    several checks see the same.
    """

    counting: bool = False
    _groups: dict[tuple[str, Subject], _Group] = field(default_factory=dict)

    def add(self, findings: Iterable[Finding], user: str = "", server: str = "") -> None:
        """Adds findings on one user at one server."""
        for found in findings:
            subject = Subject(user, server)
            group = self._groups.get((found.id, subject))
            if group is None and len(self._groups) >= MOST_FINDINGS:
                subject = Subject()
                group = self._groups.get((found.id, subject))
            if group is None:
                first = replace(found, evidence=found.evidence[:EVIDENCE_LINES])
                self._groups[found.id, subject] = _Group(first, subject)
                continue
            group.count += 1
            known = group.finding
            worse, other = (found, known) if rank(found.severity) < rank(known.severity) else (known, found)
            group.finding = _with_evidence(worse, other.evidence)

    def findings(self) -> tuple[Finding, ...]:
        """All findings as they came, each once with the words of its worst appearance and the evidence of all."""
        return tuple(one for one, _ in self._joined())

    def ranked(self, *, account_proven: bool = False) -> tuple[Finding, ...]:
        """All findings in order: causes by how bad they are with their consequences, each followed by these; among
        equals those first that explain something, a clock after an account that was refused for a reason of its own,
        and those last that say only that something failed.

        One cause is one error: what an error explains is a warning at most, and is left out where it is unspecific.
        Its evidence then stands with the cause.

        Args:
            account_proven: a KDC took the password, so that the account is in order.
        """
        return _ranked(self._joined(), account_proven)

    def _joined(self) -> list[tuple[Finding, Subject]]:
        return [
            (
                replace(group.finding, detail=f"{group.finding.detail} ({group.count - 1} more like it.)")
                if self.counting and group.count > 1
                else group.finding,
                group.subject,
            )
            for group in self._groups.values()
        ]


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings on one user, each once, or once for each server where they name one."""
    return _collected(findings).findings()


def ranked(findings: Iterable[Finding], *, account_proven: bool = False) -> tuple[Finding, ...]:
    """The same in order; see `FindingCollector.ranked`."""
    return _collected(findings).ranked(account_proven=account_proven)


def _collected(findings: Iterable[Finding]) -> FindingCollector:
    collector = FindingCollector()
    for found in findings:
        collector.add([found], server=found.server or "")
    return collector


def explains(cause: Finding, effect: Finding, *, account_proven: bool = False) -> bool:
    """Whether one finding explains another. Information explains nothing: it breaks nothing."""
    entry = catalogue()[cause.id]
    if cause.severity is Severity.INFO:
        return False
    if account_proven and effect.id in entry.explains_when_account_proven:
        return True
    supposed = entry.explains_only_as_error and cause.severity is not Severity.ERROR
    return effect.id in entry.explains and not supposed


def after_success(found: Finding) -> Finding:
    """A finding beside a sign-in that succeeded: what it did not prevent is a warning at most."""
    mild = found.severity is Severity.ERROR and not catalogue()[found.id].fatal
    return replace(found, severity=Severity.WARNING) if mild else found


def _with_evidence(found: Finding, more: Sequence[str]) -> Finding:
    """With further lines, all of them or none: half of the evidence on a signature would mislead."""
    fresh = tuple(line for line in more if line not in found.evidence)
    fits = len(found.evidence) + len(fresh) <= EVIDENCE_LINES
    return replace(found, evidence=(*found.evidence, *fresh)) if fits else found


def _ranked(found: Sequence[tuple[Finding, Subject]], account_proven: bool) -> tuple[Finding, ...]:
    cause_of = _causes(found, account_proven)
    effects: dict[int, list[int]] = {}
    for effect, cause in cause_of.items():
        effects.setdefault(cause, []).append(effect)

    def worst(index: int) -> int:
        return min([rank(found[index][0].severity), *map(worst, effects.get(index, ()))])

    def family(index: int, cause: str | None) -> list[Finding]:
        own, told = replace(found[index][0], explained_by=cause), list[Finding]()
        for effect in sorted(effects.get(index, ()), key=worst):
            first, *further = family(effect, own.id)
            if own.severity is Severity.ERROR and catalogue()[first.id].unspecific:
                own = _with_evidence(own, first.evidence)
                further = [
                    replace(one, explained_by=own.id) if one.explained_by == first.id else one for one in further
                ]
            else:
                told.append(_consequence(own, first))
            told += further
        return [own, *told]

    roots = [index for index in range(len(found)) if index not in cause_of]
    refused = [found[index] for index in roots if _told_of_account(found[index][0])]

    def order(index: int) -> tuple[int, bool, bool, bool]:
        one, subject = found[index]
        entry = catalogue()[one.id]
        # A skew is measured, and may be harmless; the reason for a refusal was told.
        inferred = entry.family == "clock" and any(other.covers(subject) for _, other in refused)
        return worst(index), entry.unspecific and not entry.explains, inferred, index not in effects

    causes = sorted(roots, key=order)
    return tuple(one for index in causes for one in family(index, None))


def _told_of_account(found: Finding) -> bool:
    """Whether it is a reason that lies in the account, as a server or a KDC told it."""
    entry = catalogue()[found.id]
    specific = bool(entry.explains) or not entry.unspecific
    return entry.family == "account" and found.severity is Severity.ERROR and specific


def _consequence(cause: Finding, effect: Finding) -> Finding:
    """One cause, one error."""
    second = cause.severity is Severity.ERROR and effect.severity is Severity.ERROR
    return replace(effect, severity=Severity.WARNING) if second else effect


def _causes(found: Sequence[tuple[Finding, Subject]], account_proven: bool) -> dict[int, int]:
    """For each finding that others explain the nearest of those, by index.

    An error comes before a mere supposition, then the last link of a chain, then what concerns the user alone.
    """
    of_user: dict[str, list[int]] = {}
    for index, (_, subject) in enumerate(found):
        of_user.setdefault(subject.user, []).append(index)
    explaining = {
        index: [
            other
            for other in of_user[subject.user]
            if found[other][1].covers(subject) and explains(found[other][0], effect, account_proven=account_proven)
        ]
        for index, (effect, subject) in enumerate(found)
    }

    def nearness(index: int, candidates: Sequence[int]) -> tuple[int, int, bool]:
        cause = found[index][0]
        links = len(set(explaining[index]) & set(candidates))
        return rank(cause.severity), -links, catalogue()[cause.id].scope is not Scope.USER

    return {
        effect: min(causes, key=lambda index: nearness(index, causes))
        for effect, causes in explaining.items()
        if causes
    }
