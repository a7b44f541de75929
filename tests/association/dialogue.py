"""A client and a server of the handshake that talk to each other in memory, through the text of their messages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

from sipauthctl.association.client import Challenged, ClientHandshake, ClientStep, Finished, SendNext
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.server import Authenticated, ServerAuthenticator, ServerStep
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Request, Response, parse_message
from tests.association import stand_in
from tests.association.messages import NOW

REALM = "SIP Communications Service"
TARGETNAMES = {Scheme.NTLM: "hs1.litwareinc.com", Scheme.KERBEROS: "sip/hs1.litwareinc.com"}


def register(number: int = 1) -> Request:
    headers = Headers(
        [
            ("Via", f"SIP/2.0/TLS 192.0.2.7:3721;branch=z9hG4bK{number}"),
            ("From", "<sip:ned@litwareinc.com>;tag=3e49177a52;epid=c8ca638a15"),
            ("To", "<sip:ned@litwareinc.com>"),
            ("Call-ID", "4037df9284354df39065195bd57a4b14"),
            ("CSeq", f"{number} REGISTER"),
            ("Expires", "7200"),
        ]
    )
    return Request(method="REGISTER", uri="sip:litwareinc.com", headers=headers)


def answer(
    request: Request, status: int, headers: tuple[tuple[str, str], ...] = (), reason: str = "Because"
) -> Response:
    copied = [(name, request.headers.get(name) or "") for name in ("Via", "From", "Call-ID", "CSeq")]
    to = ("To", f"{request.headers.get('To')};tag=88AA")
    return Response(status=status, reason=reason, headers=Headers([*copied, to, *headers]))


def challenge(*values: str, status: int = 401) -> Response:
    return answer(register(), status, tuple(("WWW-Authenticate", value) for value in values))


def over_the_wire(message: Request) -> Request:
    received = parse_message(message.to_bytes())
    assert isinstance(received, Request)
    return received


def back_over_the_wire(message: Response) -> Response:
    received = parse_message(message.to_bytes())
    assert isinstance(received, Response)
    return received


def numbered_bytes() -> Iterator[bytes]:
    return (number.to_bytes(4, "big") for number in count(0x1A2B3C01))


def make_client() -> ClientHandshake:
    numbers = numbered_bytes()
    return ClientHandshake(token_bytes=lambda size: next(numbers)[:size])


def make_server(
    family: HeaderFamily = HeaderFamily.USER_AGENT,
    version: int = 4,
    schemes: tuple[Scheme, ...] = (Scheme.NTLM, Scheme.KERBEROS),
    idle: timedelta | None = None,
) -> ServerAuthenticator:
    numbers = numbered_bytes()
    return ServerAuthenticator(
        family=family,
        realm=REALM,
        targetnames={scheme: TARGETNAMES[scheme] for scheme in schemes},
        version=version,
        acceptors={
            Scheme.NTLM: lambda: stand_in.Acceptor(Scheme.NTLM),
            Scheme.KERBEROS: lambda: stand_in.Acceptor(Scheme.KERBEROS),
        },
        token_bytes=lambda size: next(numbers)[:size],
        idle=idle,
    )


class Exchange:
    """One sign-in: the requests as they were sent, what the server made of them, and the client's last step."""

    def __init__(
        self, client: ClientHandshake, server: ServerAuthenticator, initiator: stand_in.Initiator, status: int = 200
    ) -> None:
        self.requests: list[Request] = []
        self.steps: list[ServerStep] = []
        self.last: ClientStep = SendNext()
        while isinstance(self.last, SendNext | Challenged):
            request = over_the_wire(client.authorize(register(len(self.requests) + 1), NOW))
            step = server.receive(request, NOW)
            self.requests.append(request)
            self.steps.append(step)
            if isinstance(step, Authenticated):
                response = step.association.sign_response(answer(request, status))
            else:
                response = answer(request, server.family.status, step.headers)
            self.last = client.receive(back_over_the_wire(response), NOW)
            if isinstance(self.last, Challenged):
                offer = next(offer for offer in self.last.offers if offer.scheme is initiator.scheme)
                client.begin(offer, initiator)

    @property
    def finished(self) -> Finished:
        assert isinstance(self.last, Finished), self.last
        return self.last

    @property
    def authenticated(self) -> Authenticated:
        step = self.steps[-1]
        assert isinstance(step, Authenticated), step
        return step
