"""The signatures of the server's answers."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.association.security_association import SignatureProblem, SignatureResult
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.sip.message import Response

_IDS = {
    SignatureProblem.MISSING: "signature-missing",
    SignatureProblem.MALFORMED: "signature-malformed",
    SignatureProblem.INVALID: "signature-invalid",
    SignatureProblem.UNKNOWN_ASSOCIATION: "unknown-association",
    SignatureProblem.REPLAYED: "num-replayed",
    SignatureProblem.TOO_OLD: "num-replayed",
    SignatureProblem.GAP: "num-gap",
    SignatureProblem.NOT_FROM_ONE: "num-not-from-one",
}


def findings(run: RunFacts, options: ProbeOptions) -> Iterator[Finding]:
    """Each answer that is not signed as it should be; redirects are judged with the flow."""
    for hop in run.hops:
        for response, result in hop.answers:
            if result.problem is None or (300 <= response.status < 400 and not result.trusted):
                continue
            if response.status in (401, 407):
                yield _challenged(hop, response)
            else:
                yield _unsound(hop, response, result, result.problem)


def _unsound(hop: HopFacts, response: Response, result: SignatureResult, problem: SignatureProblem) -> Finding:
    # An unsigned refusal is believed no less than a signed one: nothing is granted by it.
    mild = response.status >= 400 and problem is SignatureProblem.MISSING
    detail = f"The {response.status} of {hop.server.host} to {_cseq(response)}: {result.detail}."
    return finding(_IDS[problem], detail, evidence_of(response, result), severity=Severity.WARNING if mild else None)


def _challenged(hop: HopFacts, response: Response) -> Finding:
    detail = f"{hop.server.host} challenges a request that was signed under the association it had just made."
    return finding("association-expired", detail, [f"SIP/2.0 {response.status} {response.reason}"])


def evidence_of(response: Response, result: SignatureResult) -> list[str]:
    """The signature as it came, and the string that should have been signed."""
    names = ("Authentication-Info", "Proxy-Authentication-Info", "Proxy-Authenticate-Info")
    lines = [f"{name}: {value}" for name in names for value in response.headers.get_all(name)]
    if result.buffer is not None and result.problem is SignatureProblem.INVALID:
        lines.append("should have been signed: " + result.buffer.text.decode("utf-8", "surrogateescape"))
    return [f"SIP/2.0 {response.status} {response.reason}", *lines]


def _cseq(response: Response) -> str:
    return response.headers.get("CSeq") or "a request"
