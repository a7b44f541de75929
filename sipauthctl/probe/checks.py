"""What is noted of signatures: those of the server with their check, and our own."""

from __future__ import annotations

from sipauthctl.association.associations import Checked
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.association.signing import WireSignature
from sipauthctl.association.verdict import Verdict
from sipauthctl.probe.facts import HopFacts
from sipauthctl.probe.results import SignatureCheck
from sipauthctl.sip.message import Message, Request, Response


def note_checks(checks: tuple[Checked, ...], message: Message, facts: HopFacts) -> list[SignatureCheck]:
    """Notes the checks of a message of the server."""
    made = []
    for check in checks:
        result = check.result
        name = check.association.targetname
        made.append(SignatureCheck("server", result.num, result.verdict, result.detail, name))
        facts.unsound.add(message, result)
    facts.signatures.add(made)
    return made


def own_signatures(message: Request | Response) -> tuple[SignatureCheck, ...]:
    """Our signatures on a message, which need no check."""
    made = []
    for name in ("Proxy-Authorization", "Authorization"):
        for value in message.headers.get_all(name):
            parameters = AuthParameters.parse(value)
            wire = WireSignature.of_request(parameters)
            if wire is not None:
                made.append(SignatureCheck("client", wire.num, Verdict.VALID, "", parameters.get("targetname")))
    return tuple(made)
