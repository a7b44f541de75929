"""The signatures of the server's answers."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.association.family import INFO_HEADERS
from sipauthctl.association.security_association import SignatureProblem, SignatureResult
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.sip.message import Message, Request, Response

_IDS = {
    SignatureProblem.MISSING: "signature-missing",
    SignatureProblem.MALFORMED: "signature-malformed",
    SignatureProblem.INVALID: "signature-invalid",
    SignatureProblem.UNKNOWN_ASSOCIATION: "unknown-association",
    SignatureProblem.REPLAYED: "num-replayed",
    SignatureProblem.TOO_OLD: "num-replayed",
    SignatureProblem.GAP: "num-gap",
    SignatureProblem.NOT_FROM_ONE: "num-not-from-one",
    SignatureProblem.OTHER_SIGNER: "wrong-signer",
}


def findings(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    """Each message of a server that is not signed as it should be; redirects are judged with the flow."""
    for hop in run.hops:
        for message, result in hop.unsound.first:
            redirect = isinstance(message, Response) and 300 <= message.status < 400 and not result.trusted
            if result.problem is not None and not redirect:
                yield _unsound(hop, message, result, result.problem)


def _unsound(hop: HopFacts, message: Message, result: SignatureResult, problem: SignatureProblem) -> Finding:
    # An unsigned refusal is believed no less than a signed one: nothing is granted by it.
    refusal = isinstance(message, Response) and message.status >= 400
    mild = refusal and problem is SignatureProblem.MISSING
    what = f"{message.status}" if isinstance(message, Response) else message.method
    answers = f" to {_cseq(message)}" if isinstance(message, Response) else ""
    detail = f"The {what} of {hop.server.host}{answers}: {result.detail}."
    return finding(_IDS[problem], detail, evidence_of(message, result), severity=Severity.WARNING if mild else None)


def evidence_of(message: Message, result: SignatureResult) -> list[str]:
    """The signature as it came, and the string that should have been signed."""
    lines = [f"{name}: {value}" for name in INFO_HEADERS for value in message.headers.get_all(name)]
    if result.buffer is not None and result.problem is SignatureProblem.INVALID:
        lines.append("should have been signed: " + result.buffer.text.decode("utf-8", "surrogateescape"))
    start = f"{message.method} {message.uri} SIP/2.0" if isinstance(message, Request) else _status(message)
    return [start, *lines]


def _status(response: Response) -> str:
    return f"SIP/2.0 {response.status} {response.reason}"


def _cseq(response: Response) -> str:
    return response.headers.get("CSeq") or "a request"
