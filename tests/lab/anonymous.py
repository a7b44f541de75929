"""An anonymous user who joins the lab's conference, without a network."""

from __future__ import annotations

from collections.abc import Callable

from sipauthctl.association.digest import DigestChallenge, DigestCredentials, answer_challenge
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.lab.conferences import CONFERENCES
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Request, Response

CONFERENCE = CONFERENCES[0]
USER = "sip:6551156d569c4b7d945f310ff10943c5@anonymous.invalid"

Ask = Callable[[Request], Response]


def invite(cseq: int, *, conference: str = CONFERENCE.sip_uri, method: str = "INVITE", body: bytes = b"") -> Request:
    headers = (
        ("Via", f"SIP/2.0/TLS 192.0.2.35:13184;branch=z9hG4bK{cseq}"),
        ("Max-Forwards", "70"),
        ("From", f'"Alice" <{USER}>;tag=c9ef6b0990;epid=c32b51b28c'),
        ("To", f"<{conference}>"),
        ("Call-ID", "6d5b48eabee745c49dcf7e064c37cbe9"),
        ("CSeq", f"{cseq} {method}"),
        ("Contact", f"<{USER}>;proxy=replace"),
    )
    return Request(method=method, uri=conference, headers=Headers(headers), body=body)


def challenge_of(response: Response) -> DigestChallenge:
    family = HeaderFamily.of_status(response.status)
    assert family is not None
    return DigestChallenge.of(AuthParameters.parse(response.headers.get(family.challenge) or ""))


def with_credentials(request: Request, credentials: DigestCredentials, status: int = 401) -> Request:
    family = HeaderFamily.of_status(status)
    assert family is not None
    return request.with_headers(request.headers.add(family.credentials, credentials.format()))


def join(ask: Ask, passcode: str, *, first: int = 1, body: bytes = b"") -> list[Request | Response]:
    """Asks, is challenged, answers: the four messages."""
    asked = invite(first, body=body)
    challenged = ask(asked)
    again = invite(first + 1, body=body)
    credentials = answer_challenge(challenge_of(challenged), again, "alice", passcode, cnonce="0a4f113b")
    answer = with_credentials(again, credentials, challenged.status)
    return [asked, challenged, answer, ask(answer)]
