"""Refused Digest: anonymous users at a conference, [MS-SIPAE] 3.2.4.3 and 4.5, and users of other SIP servers."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from sipauthctl.diagnosis.answers import lines, proven, words
from sipauthctl.diagnosis.refusals import refusal
from sipauthctl.findings import Finding, finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.message import Response

_OF_USERS = (401, 403, 404, 407)


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


def refused_sign_in(answer: Response, *, host: str, user: str, used: UsedSecret) -> Finding:
    """The finding for a user who is refused after a Digest response that is no anonymous join.

    A server of this family registers nobody using Digest, so this is another kind of server, whose accounts need not
    be in a directory. What it says is quoted.

    Args:
        answer: the final answer, a new challenge among others.
        host: the server, as the realm names it.
        user: the SIP URI.
        used: whether the password is known to be the expected one.
    """
    if proven(answer, Scheme.DIGEST.value) is None and answer.status in _OF_USERS:
        detail = f"{host} answers {words(answer)} to the Digest response of {user}. {used.value}".strip()
        return finding("digest-refused", detail, lines(answer), sip_uri=user, host=host)
    found = refusal(
        answer,
        host=host,
        user=user,
        sip_uri=user,
        scheme=Scheme.DIGEST.value,
        of_credentials=False,
    )
    return replace(found, detail=f"{found.detail} {used.value}".strip())
