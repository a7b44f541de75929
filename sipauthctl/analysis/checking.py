"""The check of one signature, with a key or without, its number, and the search for the mistake behind a wrong one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sipauthctl.analysis.explanation import (
    UNEXPLAINED,
    Explanation,
    KeyCheck,
    RelationCheck,
    explain,
    explain_together,
)
from sipauthctl.analysis.keyless import CrcRelation, form_problem, stream_of
from sipauthctl.analysis.mistakes import SignedMessage
from sipauthctl.analysis.reading import SignedHeader, start_line
from sipauthctl.analysis.results import ExplainedSignature
from sipauthctl.analysis.signature_log import CheckedSignature
from sipauthctl.analysis.tracked import (
    EXPLAINED_KEPT,
    PENDING_KEPT,
    RECENT_KEPT,
    Copy,
    Pending,
    Problem,
    Side,
    Tracked,
    place_text,
)
from sipauthctl.analysis.verification import NoKey
from sipauthctl.analysis.words import Method, Sender
from sipauthctl.association.redaction import without_tokens
from sipauthctl.association.signing import SignatureBuffer, WireSignature, signature_buffer
from sipauthctl.association.verdict import Verdict
from sipauthctl.association.window import NumState, ReplayWindow
from sipauthctl.capture.record import Record
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Message, Response

THOROUGH_SEARCHES = 40
"""How many signatures of one analysis are searched byte by byte; each takes some 0.1 s."""

SEARCHES = 2000
"""How many are searched at all; each takes about a millisecond."""

_SEEN = (NumState.REPLAYED, NumState.TOO_OLD)
_ASSUMED_VERSION = 4
_VERSIONS = (4, 2)  # the strings of 3 and 4 are the same
_ALONE = "no second signature of this side to compare with"
_DISAGREE = "no two signatures of this side agree with each other"
_WRONG = "the signature does not match the message"
_WRONG_KEYLESS = "the signature does not agree with the others"


class SignatureChecker:
    """Checks signatures and writes down what comes of them. The searches of one analysis are counted here."""

    def __init__(self) -> None:
        self._searches = SEARCHES
        self._thorough = THOROUGH_SEARCHES

    def missing(self, tracked: Tracked, record: Record, message: Message, sender: Sender, detail: str) -> None:
        """Writes down that a message which must be signed is not."""
        self._add(tracked, record, message, sender, None, Verdict.MISSING, None, detail)

    def check(
        self,
        tracked: Tracked,
        record: Record,
        message: Message,
        header: SignedHeader,
        *,
        beside: Sequence[Tracked] = (),
    ) -> Verdict | None:
        """Checks the signature in `header`; None where it carries none. `beside` are the other associations whose
        credentials the request carries."""
        sender = header.sender
        read = WireSignature.of_request if sender is Sender.CLIENT else WireSignature.of_response
        try:
            wire = read(header.parameters)
            if wire is None:
                return None
            buffer = _buffer(tracked, message, header, wire, tracked.version or _ASSUMED_VERSION)
        except SipError as error:
            self._add(tracked, record, message, sender, None, Verdict.INVALID, None, str(error))
            tracked.report(Problem("signature-malformed", _sentence(message, sender, str(error)), _where(record)))
            return Verdict.INVALID
        problem = form_problem(wire.value, tracked.extended) if tracked.scheme is Scheme.NTLM else ""
        if tracked.verifier is not None:
            return self._with_key(tracked, record, message, header, wire, buffer, beside)
        if problem:
            return self._malformed(tracked, record, message, sender, wire, buffer, problem)
        if tracked.scheme is Scheme.NTLM and not self._extended(tracked, wire):
            return self._by_relation(tracked, record, message, header, wire, buffer)
        detail = (tracked.no_key or NoKey.NO_HANDSHAKE).value
        self._accept(tracked, record, message, sender, wire, buffer, Verdict.UNVERIFIABLE, None, detail)
        return Verdict.UNVERIFIABLE

    def settle(self, tracked: Tracked) -> None:
        """Judges at the end what could not be judged before."""
        for sender, side in tracked.sides.items():
            if side.pending:
                self._settle_side(tracked, sender, side)
            for missing, problem in side.gaps:
                if missing:
                    tracked.report(problem)
            side.gaps = []
        client, server = (tracked.sides[sender].relation.settled for sender in Sender)
        if client is not None and server is not None and client != server:
            for sender in Sender:
                self._always_wrong(tracked, sender)

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
        changed = tracked.signatures.change_all(
            sender, Verdict.CONSISTENT, Verdict.INCONSISTENT, f"{_WRONG_KEYLESS}: {found.sentence}"
        )
        tracked.verdicts[Verdict.CONSISTENT] -= changed
        tracked.verdicts[Verdict.INCONSISTENT] += changed
        self._tell(tracked, sample.record, sample.signed.message, sender, sample.num, found)

    # --- with a key

    def _with_key(
        self,
        tracked: Tracked,
        record: Record,
        message: Message,
        header: SignedHeader,
        wire: WireSignature,
        buffer: SignatureBuffer,
        beside: Sequence[Tracked],
    ) -> Verdict:
        verifier, sender = tracked.verifier, header.sender
        if verifier is None:
            raise ValueError("the association has no verifier")
        if verifier.verify(sender, buffer.text, wire.value):
            self._accept(tracked, record, message, sender, wire, buffer, Verdict.VALID, verifier.method, "")
            return Verdict.VALID
        others = _other_versions(tracked, message, header, wire)
        if tracked.version is None:
            for version, other in others:
                if verifier.verify(sender, other.text, wire.value):
                    tracked.version = version
                    self._accept(tracked, record, message, sender, wire, other, Verdict.VALID, verifier.method, "")
                    return Verdict.VALID
        signer = _signer(beside, tracked, sender, buffer, wire)
        if signer is not None:
            return self._by_other(tracked, signer, record, message, sender, wire)
        signed = SignedMessage(message, buffer, others, tracked.earlier_values())
        check = KeyCheck(verifier, sender, wire.num, wire.value)
        explanation = self._explain(tracked, sender, signed, check)
        if explanation.mistake is None and tracked.key_in_doubt:
            detail = NoKey.DAMAGED.value
            self._accept(tracked, record, message, sender, wire, buffer, Verdict.UNVERIFIABLE, None, detail)
            return Verdict.UNVERIFIABLE
        detail = f"{_WRONG}: {explanation.sentence}"
        tracked.sides[sender].spend(wire.num)
        self._add(tracked, record, message, sender, wire.num, Verdict.INVALID, verifier.method, detail)
        self._tell(tracked, record, message, sender, wire.num, explanation)
        return Verdict.INVALID

    def _by_other(
        self, tracked: Tracked, signer: Tracked, record: Record, message: Message, sender: Sender, wire: WireSignature
    ) -> Verdict:
        """A signature that names one association and is made under another of the same client."""
        detail = f"it names {tracked.where}, and is made under the association with {signer.where}"
        method = tracked.verifier.method if tracked.verifier is not None else None
        self._add(tracked, record, message, sender, wire.num, Verdict.INVALID, method, detail)
        told = f"The signature of the {sender.value} on {start_line(message)} is another's: {detail}."
        tracked.report(Problem("wrong-signer", told, _where(record)))
        return Verdict.INVALID

    # --- without a key

    def _malformed(
        self,
        tracked: Tracked,
        record: Record,
        message: Message,
        sender: Sender,
        wire: WireSignature,
        buffer: SignatureBuffer,
        problem: str,
    ) -> Verdict:
        tracked.sides[sender].spend(wire.num)
        self._add(tracked, record, message, sender, wire.num, Verdict.INVALID, None, problem)
        tracked.report(Problem("signature-malformed", _sentence(message, sender, problem), _where(record)))
        return Verdict.INVALID

    def _extended(self, tracked: Tracked, wire: WireSignature) -> bool:
        """Whether extended session security is in use; where the handshake was not seen, the signature tells."""
        if tracked.extended is None:
            tracked.extended = wire.value[12:] == b"\x64\0\0\0"
        return tracked.extended

    def _by_relation(
        self,
        tracked: Tracked,
        record: Record,
        message: Message,
        header: SignedHeader,
        wire: WireSignature,
        buffer: SignatureBuffer,
    ) -> Verdict:
        sender = header.sender
        side, other = tracked.sides[sender], tracked.sides[sender.other]
        stream = stream_of(buffer.text, wire.value)
        copy = side.copies.get(wire.num)
        is_copy = copy is not None and copy.value == wire.value
        agrees = stream == side.relation.settled or stream in other.relation.streams
        if not is_copy:
            agrees = side.relation.add(stream) or agrees
        if agrees:
            self._accept(tracked, record, message, sender, wire, buffer, Verdict.CONSISTENT, Method.CRC_RELATION, "")
            tracked.version = tracked.version or _ASSUMED_VERSION
            for which in (side, other):
                if stream in which.relation.streams and which.relation.settled is None:
                    which.relation.settled = stream
                    self._settled(tracked, sender if which is side else sender.other, which)
            if side.relation.settled == other.relation.settled:
                side.sample = other.sample = None
            elif side.sample is None:
                versions = _other_versions(tracked, message, header, wire)
                signed = SignedMessage(message, buffer, versions, tracked.earlier_values())
                side.sample = Pending(0, signed, wire.value, wire.num, stream, record)
            return Verdict.CONSISTENT
        signed = SignedMessage(
            message, buffer, _other_versions(tracked, message, header, wire), tracked.earlier_values()
        )
        if side.relation.settled is not None or side.hopeless:
            return self._inconsistent(tracked, record, sender, signed, wire.num, wire.value, None)
        row = self._accept(tracked, record, message, sender, wire, buffer, Verdict.UNVERIFIABLE, None, _ALONE)
        if not is_copy:
            side.pending.append(Pending(row, signed, wire.value, wire.num, stream, record))
        if tracked.version is None and self._find_version(tracked):
            return Verdict.CONSISTENT
        if len(side.pending) >= PENDING_KEPT:
            self._settle_side(tracked, sender, side)
        return Verdict.UNVERIFIABLE

    def _settled(self, tracked: Tracked, sender: Sender, side: Side) -> None:
        """Judges those that waited, now that the right key stream is known."""
        waiting, side.pending = side.pending, []
        for one in waiting:
            if one.stream == side.relation.settled:
                self._change(tracked, one.row, Verdict.CONSISTENT, "")
            else:
                self._inconsistent(tracked, one.record, sender, one.signed, one.num, one.signature, one.row)

    def _find_version(self, tracked: Tracked) -> bool:
        """Where no header tells the version: two signatures that wait, of either side, may agree under another."""
        for version in _VERSIONS:
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
                self._settled(tracked, sender, side)
            return True
        return False

    def _settle_side(self, tracked: Tracked, sender: Sender, side: Side) -> None:
        other = tracked.sides[sender.other].relation.settled
        if len(side.pending) == 1 and other is not None:
            one = side.pending[0]
            found = explain(one.signed, RelationCheck(other, one.num, one.signature), thorough=False)
            if found.mistake is None:
                side.pending = []
                return
            side.relation.settled = other
        elif len(side.pending) == 1:
            side.pending = []
            return
        else:
            together = [(one.signed, one.signature) for one in side.pending]
            side.relation.settled = explain_together(together) if other is None else other
        if side.relation.settled is not None:
            self._settled(tracked, sender, side)
            return
        side.hopeless = True
        waiting, side.pending = side.pending, []
        for one in waiting:
            self._inconsistent(tracked, one.record, sender, one.signed, one.num, one.signature, one.row)

    def _inconsistent(
        self,
        tracked: Tracked,
        record: Record,
        sender: Sender,
        signed: SignedMessage,
        num: int,
        signature: bytes,
        row: int | None,
    ) -> Verdict:
        settled = tracked.sides[sender].relation.settled
        expected = signed.buffer.text
        if settled is None:
            explanation = Explanation(None, _DISAGREE, None, expected)
            detail = _DISAGREE
        else:
            explanation = self._explain(tracked, sender, signed, RelationCheck(settled, num, signature))
            detail = f"{_WRONG_KEYLESS}: {explanation.sentence}"
        if row is None:
            tracked.sides[sender].spend(num)
            self._add(tracked, record, signed.message, sender, num, Verdict.INCONSISTENT, Method.CRC_RELATION, detail)
        else:
            self._change(tracked, row, Verdict.INCONSISTENT, detail)
        self._tell(tracked, record, signed.message, sender, num, explanation)
        return Verdict.INCONSISTENT

    # --- what is common

    def _explain(
        self, tracked: Tracked, sender: Sender, signed: SignedMessage, check: KeyCheck | RelationCheck
    ) -> Explanation:
        if self._searches <= 0:
            return Explanation(None, "not searched: too many signatures are wrong", None, signed.buffer.text)
        self._searches -= 1
        found = explain(signed, check, hints=tracked.mistakes[sender], thorough=False)
        if found.mistake is None and self._thorough > 0:
            self._thorough -= 1
            found = explain(signed, check, thorough=True)
        if found.mistake is not None and found.mistake not in tracked.mistakes[sender]:
            tracked.mistakes[sender].append(found.mistake)
        return found

    def _tell(
        self,
        tracked: Tracked,
        record: Record,
        message: Message,
        sender: Sender,
        num: int | None,
        explanation: Explanation,
    ) -> None:
        expected = _text(explanation.expected)
        signed = None if explanation.signed is None else _text(explanation.signed)
        if len(tracked.explained) < EXPLAINED_KEPT:
            tracked.explained.append(
                ExplainedSignature(
                    input=record.input,
                    place=record.place,
                    sender=sender,
                    num=num,
                    message=start_line(message),
                    mistake=explanation.mistake,
                    sentence=explanation.sentence,
                    signed=signed,
                    expected=expected,
                    difference=explanation.difference,
                )
            )
        evidence = [*_where(record), f"should have been signed: {expected}"]
        if signed is not None and signed != expected:
            evidence += [f"was signed: {signed}", f"first difference {explanation.difference}"]
        cause = "" if explanation.sentence == UNEXPLAINED else f": {explanation.sentence}"
        detail = f"The signature of the {sender.value} on {start_line(message)} does not hold{cause}."
        redirect = isinstance(message, Response) and 300 <= message.status < 400
        tracked.report(Problem("redirect-unsigned" if redirect else "signature-invalid", detail, tuple(evidence)))

    def _accept(
        self,
        tracked: Tracked,
        record: Record,
        message: Message,
        sender: Sender,
        wire: WireSignature,
        buffer: SignatureBuffer,
        verdict: Verdict,
        method: Method | None,
        detail: str,
    ) -> int:
        """Writes down a signature that is right or cannot be judged, with what its number shows."""
        tracked.remember(buffer.fields)
        numbered = self._number(tracked, record, message, sender, wire)
        both = f"{detail}; {numbered}" if detail and numbered else detail or numbered
        return self._add(tracked, record, message, sender, wire.num, verdict, method, both)

    def _number(self, tracked: Tracked, record: Record, message: Message, sender: Sender, wire: WireSignature) -> str:
        side = tracked.sides[sender]
        highest = side.window.highest
        state = side.window.accept(wire.num)
        if state is NumState.NEXT and (highest or wire.num == 1):
            side.windows.setdefault(record.input, ReplayWindow()).accept(wire.num)
            self._remember(side, record, wire)
            return ""
        copy = side.copies.get(wire.num)
        if state is NumState.REPLAYED and copy is not None and _is_copy(copy, record, wire):
            return "the same message again"
        own = side.windows.setdefault(record.input, ReplayWindow()).accept(wire.num)
        if state in _SEEN and own not in _SEEN:
            return "the same message again"  # each input has its own copies
        self._remember(side, record, wire)
        what = f"{sender.value} number {wire.num}"
        if state in _SEEN:
            detail = "the number was used before" if state is NumState.REPLAYED else "the number lies far behind"
            told = f"The {what} on {start_line(message)} comes again after {highest}."
            tracked.report(Problem("num-replayed", told, _where(record)))
            return detail
        if state is NumState.AHEAD and side.spent(highest + 1, wire.num):
            return ""
        if highest == 0:
            if not tracked.handshake_seen or wire.num == 0:
                return ""
            told = f"The first number of the {sender.value} is {wire.num}."
            tracked.report(Problem("num-not-from-one", told, _where(record)))
            return f"the first number is {wire.num} instead of 1"
        if state is NumState.AHEAD:
            told = f"The {what} came where {highest + 1} was due."
            # Between its connections a capture may well miss some, and messages may overtake each other.
            side.skip(highest + 1, wire.num, Problem("num-gap", told, _where(record)))
            return f"number {wire.num} came where {highest + 1} was due"
        side.came(wire.num)
        return ""

    @staticmethod
    def _remember(side: Side, record: Record, wire: WireSignature) -> None:
        side.copies[wire.num] = Copy(wire.value, record.input, record.source, record.destination)
        if len(side.copies) > RECENT_KEPT:
            side.copies.popitem(last=False)

    @staticmethod
    def _add(
        tracked: Tracked,
        record: Record,
        message: Message,
        sender: Sender,
        num: int | None,
        verdict: Verdict,
        method: Method | None,
        detail: str,
    ) -> int:
        tracked.verdicts[verdict] += 1
        tracked.draw(record, sender, start_line(message), detail, verdict)
        checked = CheckedSignature(record.input, record.place, sender, num, verdict, method, detail)
        return tracked.signatures.add(checked)

    @staticmethod
    def _change(tracked: Tracked, row: int, verdict: Verdict, detail: str) -> None:
        tracked.verdicts[Verdict.UNVERIFIABLE] -= 1
        tracked.verdicts[verdict] += 1
        tracked.signatures.change(row, verdict, Method.CRC_RELATION, detail)


def _signer(
    beside: Sequence[Tracked], named: Tracked, sender: Sender, buffer: SignatureBuffer, wire: WireSignature
) -> Tracked | None:
    """Whose signature it is instead."""
    keyed = ((other, other.verifier) for other in beside if other is not named)
    made = (other for other, key in keyed if key is not None and key.verify(sender, buffer.text, wire.value))
    return next(made, None)


def _buffer(
    tracked: Tracked, message: Message, header: SignedHeader, wire: WireSignature, version: int
) -> SignatureBuffer:
    realm, targetname = header.parameters.get("realm"), header.parameters.get("targetname")
    return signature_buffer(
        message,
        scheme_text=header.parameters.scheme_text,
        rand=wire.rand,
        num_text=wire.num_text,
        realm=tracked.name.realm if realm is None else realm,
        targetname=tracked.name.targetname if targetname is None else targetname,
        version=version,
    )


def _under(pending: Pending, version: int) -> Pending:
    """The same signature, judged by the string of another version."""
    buffer = dict(pending.signed.versions).get(version)
    if buffer is None:
        return pending
    signed = replace(pending.signed, buffer=buffer, versions=((_ASSUMED_VERSION, pending.signed.buffer),))
    return replace(pending, signed=signed, stream=stream_of(buffer.text, pending.signature))


def _other_versions(
    tracked: Tracked, message: Message, header: SignedHeader, wire: WireSignature
) -> tuple[tuple[int, SignatureBuffer], ...]:
    own = tracked.version or _ASSUMED_VERSION
    others = [version for version in _VERSIONS if (version >= 3) != (own >= 3)]
    return tuple((version, _buffer(tracked, message, header, wire, version)) for version in others)


def _is_copy(copy: Copy, record: Record, wire: WireSignature) -> bool:
    """The same message on another leg, in another input, or sent again by UDP: no replay."""
    if copy.value != wire.value:
        return False
    elsewhere = (copy.input, copy.source, copy.destination) != (record.input, record.source, record.destination)
    return elsewhere or record.transport == "udp"


def _where(record: Record) -> tuple[str, ...]:
    return (place_text(record),)


def _sentence(message: Message, sender: Sender, problem: str) -> str:
    return f"The signature of the {sender.value} on {start_line(message)}: {problem}."


def _text(data: bytes) -> str:
    return without_tokens(data.decode("utf-8", "surrogateescape"))
