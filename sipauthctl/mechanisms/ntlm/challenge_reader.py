"""Asks a server for its NTLM CHALLENGE without any credentials, and goes no further.

Connectionless NTLM begins with an empty token, so everybody gets a CHALLENGE ([MS-SIPAE] 3.2.5.1); it tells the
server's names, flags and clock.
"""

from __future__ import annotations

from sipauthctl.mechanisms.base import MechanismError, Scheme
from sipauthctl.mechanisms.ntlm.messages import ChallengeFacts, read_challenge


class ChallengeRead(MechanismError):
    """The CHALLENGE came, which is all that was wanted."""


class ChallengeReader:
    """An initiator that stops after the CHALLENGE."""

    scheme = Scheme.NTLM
    context = None

    def __init__(self) -> None:
        self.challenge: ChallengeFacts | None = None
        """What the server's CHALLENGE said, once it came."""

    def step(self, token: bytes | None) -> bytes:
        """The empty token; then the end.

        Raises:
            MalformedToken: the server's token is no CHALLENGE, or is damaged.
            ChallengeRead: it is one.
        """
        if token is None:
            return b""
        self.challenge = read_challenge(token)
        raise ChallengeRead("the challenge was read; no credentials were sent")
