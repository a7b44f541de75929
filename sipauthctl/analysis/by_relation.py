"""Verdicts without a key, by the relation between the signatures of one association; see `keyless`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from sipauthctl.analysis.explanation import Explanation, RelationCheck, explain, explain_together
from sipauthctl.analysis.keyless import CrcRelation, stream_of
from sipauthctl.analysis.side import PENDING_KEPT, Pending, Side
from sipauthctl.analysis.signed_string import ASSUMED_VERSION, VERSIONS, Signature, to_search
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.analysis.verdicts import accept, write_down, write_over
from sipauthctl.analysis.words import Method, Sender
from sipauthctl.analysis.wrong_signatures import MistakeSearch, tell_mistake
from sipauthctl.association.verdict import Verdict

_ALONE = "no second signature of this side to compare with"
_DISAGREE = "no two signatures of this side agree with each other"
_WRONG = "the signature does not agree with the others"


class RelationJudge:
    """Compares signatures with those that came before, and judges some of these by those that come later."""

    def __init__(self, search: MistakeSearch) -> None:
        self._search = search

    def judge(self, signature: Signature) -> Verdict:
        """The verdict on one signature as far as it is known now."""
        tracked, sender, record, _, _, wire, buffer = signature
        side, other = tracked.sides[sender], tracked.sides[sender.other]
        stream = stream_of(buffer.text, wire.value)
        copy = side.copies.get(wire.num)
        is_copy = copy is not None and copy.value == wire.value
        agrees = stream == side.relation.settled or stream in other.relation.streams
        if not is_copy:
            agrees = side.relation.add(stream) or agrees
        if agrees:
            accept(signature, Verdict.CONSISTENT, Method.CRC_RELATION, "")
            tracked.version = tracked.version or ASSUMED_VERSION
            for which in (side, other):
                if stream in which.relation.streams and which.relation.settled is None:
                    which.relation.settled = stream
                    self._settled(tracked, sender if which is side else sender.other)
            if side.relation.settled == other.relation.settled:
                side.sample = other.sample = None
            elif side.sample is None:
                side.sample = Pending(None, to_search(signature), wire.value, wire.num, stream, record)
            return Verdict.CONSISTENT
        waiting = Pending(None, to_search(signature), wire.value, wire.num, stream, record)
        if side.relation.settled is not None or side.hopeless:
            return self._inconsistent(tracked, sender, waiting)
        row = accept(signature, Verdict.UNVERIFIABLE, None, _ALONE)
        if not is_copy:
            side.pending.append(replace(waiting, row=row))
        if tracked.version is None and self._find_version(tracked):
            return Verdict.CONSISTENT
        if len(side.pending) >= PENDING_KEPT:
            self._settle_side(tracked, sender, side)
        return Verdict.UNVERIFIABLE

    def settle(self, tracked: Tracked) -> None:
        """Judges at the end what still waits."""
        for sender, side in tracked.sides.items():
            if side.pending:
                self._settle_side(tracked, sender, side)
        client, server = (tracked.sides[sender].relation.settled for sender in Sender)
        if client is not None and server is not None and client != server:
            for sender in Sender:
                self._always_wrong(tracked, sender)

    def _settled(self, tracked: Tracked, sender: Sender) -> None:
        """Judges those that waited, now that the right key stream is known."""
        side = tracked.sides[sender]
        waiting, side.pending = side.pending, []
        for one in waiting:
            if one.stream == side.relation.settled and one.row is not None:
                write_over(tracked, one.row, Verdict.CONSISTENT, "")
            else:
                self._inconsistent(tracked, sender, one)

    def _settle_side(self, tracked: Tracked, sender: Sender, side: Side) -> None:
        """Looks for the right key stream by the mistake that those that wait may have in common."""
        other = tracked.sides[sender.other].relation.settled
        if len(side.pending) == 1:
            one = side.pending[0]
            if other is None or not _explained(one, other):
                side.pending = []
                return
            side.relation.settled = other
        else:
            together = [(one.signed, one.signature) for one in side.pending]
            side.relation.settled = explain_together(together) if other is None else other
        side.hopeless = side.relation.settled is None
        self._settled(tracked, sender)

    def _find_version(self, tracked: Tracked) -> bool:
        """Where no header tells the version: two signatures that wait, of either side, may agree under another."""
        for version in VERSIONS:
            waiting = {
                sender: [_under(one, version) for one in side.pending] for sender, side in tracked.sides.items()
            }
            streams = Counter(one.stream for ones in waiting.values() for one in ones)
            agreed = next((stream for stream, count in streams.items() if count > 1), None)
            if agreed is None:
                continue
            tracked.version = version
            for sender, side in tracked.sides.items():
                side.pending, side.relation = waiting[sender], CrcRelation(settled=agreed)
                self._settled(tracked, sender)
            return True
        return False

    def _always_wrong(self, tracked: Tracked, sender: Sender) -> None:
        """One side agrees with itself and not with the other: it may make the same mistake each time.

        A CRC32 is linear: a change of common text that keeps its length cancels out between the messages of one side.
        Where no mistake explains it, the two sides use different sealing keys, which is no fault.
        """
        sample, settled = tracked.sides[sender].sample, tracked.sides[sender.other].relation.settled
        if sample is None or settled is None:
            return
        check = RelationCheck(settled, sample.num, sample.signature)
        found = explain(sample.signed, check, thorough=False)
        if found.mistake is None or check.nearly(found.expected):
            return
        detail = f"{_WRONG}: {found.sentence}"
        changed = tracked.signatures.change_all(sender, Verdict.CONSISTENT, Verdict.INCONSISTENT, detail)
        tracked.verdicts[Verdict.CONSISTENT] -= changed
        tracked.verdicts[Verdict.INCONSISTENT] += changed
        tell_mistake(tracked, sample.record, sample.signed.message, sender, sample.num, found)

    def _inconsistent(self, tracked: Tracked, sender: Sender, one: Pending) -> Verdict:
        """Notes that a signature does not agree, and says why."""
        side, signed = tracked.sides[sender], one.signed
        settled = side.relation.settled
        if settled is None:
            explanation = Explanation(None, _DISAGREE, None, signed.buffer.text)
            detail = _DISAGREE
        else:
            check = RelationCheck(settled, one.num, one.signature)
            explanation = self._search.explain(tracked, sender, signed, check)
            detail = f"{_WRONG}: {explanation.sentence}"
        if one.row is None:
            side.spend(one.num)
            verdict, method = Verdict.INCONSISTENT, Method.CRC_RELATION
            write_down(tracked, one.record, signed.message, sender, one.num, verdict, method, detail)
        else:
            write_over(tracked, one.row, Verdict.INCONSISTENT, detail)
        tell_mistake(tracked, one.record, signed.message, sender, one.num, explanation)
        return Verdict.INCONSISTENT


def _explained(one: Pending, settled: tuple[int, bytes]) -> bool:
    """Whether a mistake makes a signature hold by the key stream of the other side."""
    return explain(one.signed, RelationCheck(settled, one.num, one.signature), thorough=False).mistake is not None


def _under(pending: Pending, version: int) -> Pending:
    """The same signature, judged by the string of another version."""
    buffer = dict(pending.signed.versions).get(version)
    if buffer is None:
        return pending
    signed = replace(pending.signed, buffer=buffer, versions=((ASSUMED_VERSION, pending.signed.buffer),))
    return replace(pending, signed=signed, stream=stream_of(buffer.text, pending.signature))
