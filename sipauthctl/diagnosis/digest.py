"""Anonymous users whom a conference does not let in, [MS-SIPAE] 3.2.4.3 and 4.5."""

from __future__ import annotations

from enum import Enum

from sipauthctl.diagnosis.answers import lines
from sipauthctl.findings import Finding, finding
from sipauthctl.sip.message import Response


class UsedSecret(Enum):
    """What is known of the password behind a Digest response; the value says it in words."""

    UNKNOWN = ""
    GIVEN = "The client used the password that was given."
    ANOTHER = "The client did not use the password that was given, or the message was changed on the way."


def refused_join(answer: Response, *, conference: str, user: str, used: UsedSecret) -> Finding:
    """The finding for an anonymous user who is not let in.

    Args:
        answer: the final answer, a new challenge among others.
        conference: as the realm of the challenge names it.
        user: the anonymous address.
        used: whether the passcode is known to be the expected one.
    """
    what = "challenges again" if answer.status in (401, 407) else f"answers {answer.status}"
    detail = f"The conference of {conference} {what} after the Digest response of {user}. {used.value}".strip()
    return finding("anonymous-join-refused", detail, lines(answer), conference=conference)
