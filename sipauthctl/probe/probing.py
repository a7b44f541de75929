"""Requests beside the registration, pre-authenticated with its associations."""

from __future__ import annotations

from sipauthctl.probe.conversation import Conversation
from sipauthctl.probe.facts import HopFacts
from sipauthctl.probe.results import SentProbe
from sipauthctl.sip.errors import SipError

FOLLOW_UPS: dict[str, tuple[tuple[int | None, str], ...]] = {
    "SUBSCRIBE": ((None, "refreshes the subscription"), (0, "ends the subscription"))
}
"""What follows in the dialog that the first request makes: the Expires and the purpose of each."""


async def probe(conversation: Conversation, facts: HopFacts, method: str) -> None:
    """Sends a request and, where it makes a dialog, what follows in it.

    The first request is signed with the association of the first server that authenticated the registration; others
    that ask are added, and stay for the rest of the dialog.

    Raises:
        NetworkError: the connection failed.
    """
    side, signers = conversation.beside(method), conversation.first_signer()
    steps: list[tuple[int | None, str]] = [(None, f"probes {method}"), *FOLLOW_UPS.get(method, ())]
    for number, (expires, purpose) in enumerate(steps):
        answered = await conversation.ask_beside(side, signers, purpose, expires)
        status = facts.last.status if facts.last is not None else None
        trusted = answered is not None and answered.trusted
        names = tuple(key.targetname or "" for key in signers.keys)
        facts.life.probes.append(SentProbe(method, number > 0, status, trusted, names))
        if answered is None or not trusted or answered.response.status >= 300:
            return
        if number == 0:
            try:
                side.learn(answered.response)
            except SipError:
                return
