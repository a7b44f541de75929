"""The check of one signature: by the key of its association, by its relation to others, or by its form alone."""

from __future__ import annotations

from collections.abc import Sequence

from sipauthctl.analysis.by_relation import RelationJudge
from sipauthctl.analysis.keyless import form_problem
from sipauthctl.analysis.numbers import settle_numbers
from sipauthctl.analysis.reading import SignedHeader
from sipauthctl.analysis.signed_string import ASSUMED_VERSION, Signature, string_of
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.analysis.verdicts import accept, refuse, write_down
from sipauthctl.analysis.verification import NoKey
from sipauthctl.analysis.with_key import judge_with_key
from sipauthctl.analysis.words import Sender
from sipauthctl.analysis.wrong_signatures import MistakeSearch, tell_malformed
from sipauthctl.association.signing import WireSignature
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Record
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.kerberos import mic
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Message


class SignatureChecker:
    """Checks signatures and writes down what comes of them."""

    def __init__(self) -> None:
        self._search = MistakeSearch()
        self._relation = RelationJudge(self._search)

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
            buffer = string_of(tracked, message, header, wire, tracked.version or ASSUMED_VERSION)
        except SipError as error:
            write_down(tracked, record, message, sender, None, Verdict.INVALID, None, str(error))
            tell_malformed(tracked, record, message, sender, str(error))
            return Verdict.INVALID
        signature = Signature(tracked, sender, record, message, header, wire, buffer)
        if tracked.verifier is not None:
            return judge_with_key(self._search, tracked.verifier, signature, beside)
        problem = _form_problem(tracked, sender, wire)
        if problem:
            refuse(signature, Verdict.INVALID, None, problem)
            tell_malformed(tracked, record, message, sender, problem)
            return Verdict.INVALID
        if tracked.scheme is Scheme.NTLM and not _extended(tracked, wire):
            return self._relation.judge(signature)
        accept(signature, Verdict.UNVERIFIABLE, None, (tracked.no_key or NoKey.NO_HANDSHAKE).value)
        return Verdict.UNVERIFIABLE

    def settle(self, tracked: Tracked) -> None:
        """Judges at the end what could not be judged before."""
        self._relation.settle(tracked)
        for side in tracked.sides.values():
            settle_numbers(side, tracked)


def _form_problem(tracked: Tracked, sender: Sender, wire: WireSignature) -> str:
    if tracked.scheme is Scheme.NTLM:
        return form_problem(wire.value, tracked.extended)
    if tracked.scheme is not Scheme.KERBEROS:
        return ""
    problem = mic.form_problem(wire.value, sender is Sender.SERVER, tracked.key_type)
    sequence = mic.sequence_of(wire.value)
    if problem or sequence is None or tracked.sides[sender].sequence.fits(wire.num, sequence):
        return problem
    return f"its SND_SEQ {sequence} does not fit those of the messages around number {wire.num}"


def _extended(tracked: Tracked, wire: WireSignature) -> bool:
    """Whether extended session security is in use; where the handshake was not seen, the signature tells."""
    if tracked.extended is None:
        tracked.extended = wire.value[12:] == b"\x64\0\0\0"
    return tracked.extended
