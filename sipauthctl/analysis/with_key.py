"""The verdict on a signature by the key of its association."""

from __future__ import annotations

from collections.abc import Sequence

from sipauthctl.analysis.attempts import SignedMessage
from sipauthctl.analysis.explanation import KeyCheck
from sipauthctl.analysis.problem import Problem, place_text
from sipauthctl.analysis.reading import start_line
from sipauthctl.analysis.signed_string import Signature, other_versions
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.analysis.verdicts import accept, refuse, write_down
from sipauthctl.analysis.verification import NoKey
from sipauthctl.analysis.verifier import SignatureVerifier
from sipauthctl.analysis.wrong_signatures import MistakeSearch, tell_mistake
from sipauthctl.association.verdict import Verdict

_WRONG = "the signature does not match the message"


def judge_with_key(
    search: MistakeSearch, verifier: SignatureVerifier, signature: Signature, beside: Sequence[Tracked]
) -> Verdict:
    """Verifies a signature; where it does not hold, says why. `beside` as in `SignatureChecker.check`."""
    tracked, sender, record, message, _, wire, buffer = signature
    if verifier.verify(sender, buffer.text, wire.value):
        accept(signature, Verdict.VALID, verifier.method, "")
        return Verdict.VALID
    others = other_versions(signature)
    if tracked.version is None:
        for version, other in others:
            if verifier.verify(sender, other.text, wire.value):
                tracked.version = version
                accept(signature._replace(buffer=other), Verdict.VALID, verifier.method, "")
                return Verdict.VALID
    signer = _signer(beside, signature)
    if signer is not None:
        return _by_other(signature, verifier, signer)
    signed = SignedMessage(message, buffer, others, tracked.earlier_values())
    explanation = search.explain(tracked, sender, signed, KeyCheck(verifier, sender, wire.num, wire.value))
    if explanation.mistake is None and tracked.key_in_doubt:
        accept(signature, Verdict.UNVERIFIABLE, None, NoKey.DAMAGED.value)
        return Verdict.UNVERIFIABLE
    refuse(signature, Verdict.INVALID, verifier.method, f"{_WRONG}: {explanation.sentence}")
    tell_mistake(tracked, record, message, sender, wire.num, explanation)
    return Verdict.INVALID


def _by_other(signature: Signature, verifier: SignatureVerifier, signer: Tracked) -> Verdict:
    """A signature that names one association and is made under another of the same client."""
    tracked, sender, record, message, _, wire, _ = signature
    detail = f"it names {tracked.where}, and is made under the association with {signer.where}"
    write_down(tracked, record, message, sender, wire.num, Verdict.INVALID, verifier.method, detail)
    told = f"The signature of the {sender.value} on {start_line(message)} is another's: {detail}."
    tracked.report(Problem("wrong-signer", told, (place_text(record),)))
    return Verdict.INVALID


def _signer(beside: Sequence[Tracked], signature: Signature) -> Tracked | None:
    """Whose signature it is instead."""
    named, sender, text, value = signature.tracked, signature.sender, signature.buffer.text, signature.wire.value
    keyed = ((other, other.verifier) for other in beside if other is not named)
    return next((other for other, key in keyed if key is not None and key.verify(sender, text, value)), None)
