"""What an answer shows beside its signature: the server's clock and names, and how it sees our address."""

from __future__ import annotations

from sipauthctl.association.client import Challenged, ClientHandshake
from sipauthctl.association.clock import read_clock, read_exact_clock, server_date
from sipauthctl.association.security_association import SecurityAssociation
from sipauthctl.mechanisms.ntlm.challenge_reader import ChallengeReader
from sipauthctl.mechanisms.ntlm.initiator import NtlmInitiator
from sipauthctl.probe.facts import DateState, HopFacts
from sipauthctl.probe.results import AssociationSummary
from sipauthctl.probe.wire import Answer
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Response
from sipauthctl.sip.numbers import port_number
from sipauthctl.sip.via import Via


def see(answer: Answer, facts: HopFacts) -> None:
    """Notes the clock of the first challenge and how the server sees our address."""
    response = answer.response
    if response.status in (401, 407) and facts.date is DateState.UNSEEN:
        facts.date_text = response.headers.get("Date") or ""
        try:
            date = server_date(response)
            facts.date = DateState.MISSING if date is None else DateState.PRESENT
            facts.clock = None if date is None else read_clock(date, answer.sent, answer.received)
        except SipError:
            facts.date = DateState.MALFORMED
    if facts.seen_as is None:
        facts.seen_as = _seen_as(response)


def see_challenge(handshake: ClientHandshake | None, answer: Answer, facts: HopFacts) -> None:
    """Notes the NTLM CHALLENGE when it comes."""
    initiator = handshake.initiator if handshake is not None else None
    if not isinstance(initiator, NtlmInitiator | ChallengeReader) or facts.ntlm is not None:
        return
    challenge = facts.ntlm = initiator.challenge
    if challenge is not None and challenge.timestamp is not None:
        facts.ntlm_clock = read_exact_clock(challenge.timestamp, answer.sent, answer.received)


def challenge_words(facts: HopFacts) -> str:
    """Whose CHALLENGE it was."""
    if facts.ntlm is None:
        return ""
    domain = facts.ntlm.names.netbios_domain or facts.ntlm.names.dns_domain
    return f"challenge from {domain}" if domain else "challenge, no domain named"


def offered(challenge: Challenged) -> str:
    """The schemes on offer, in one line."""
    schemes = ", ".join(dict.fromkeys(offer.scheme_text for offer in challenge.offers))
    return f"{schemes}; {challenge.left_out} more offers were ignored" if challenge.left_out else schemes


def summary_of(association: SecurityAssociation) -> AssociationSummary:
    """An association as the results show it."""
    return AssociationSummary(
        scheme=association.scheme,
        realm=association.realm,
        targetname=association.targetname,
        opaque=association.opaque,
        version=association.version,
        established=association.established,
        expires=association.expires,
    )


def _seen_as(response: Response) -> tuple[str, int | None] | None:
    """Our address and port as the server noted them in Via, [MS-SIPRE] 3.2.5."""
    try:
        via = Via.parse(response.headers.values("Via")[0])
    except (SipError, IndexError):
        return None
    address, port = via.param("received"), via.param("ms-received-port") or via.param("rport")
    return None if not address else (address, port_number(port))
