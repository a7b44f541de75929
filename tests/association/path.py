"""A client and several authenticating servers in its path, in memory, through the text of their messages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sipauthctl.association.associations import Answered, Checked, ClientAssociations, SendAgain, Signers, Step
from sipauthctl.association.client import Challenged, SendNext
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.security_association import SecurityAssociation
from sipauthctl.association.server import Authenticated, ServerAuthenticator
from sipauthctl.mechanisms.base import Acceptor, Scheme
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Request, Response
from tests.association import stand_in
from tests.association.dialogue import REALM, answer, back_over_the_wire, numbered_bytes, over_the_wire, register
from tests.association.messages import NOW


def make_proxy(
    host: str,
    family: HeaderFamily = HeaderFamily.PROXY,
    *,
    lifetime: timedelta = timedelta(hours=8),
    acceptor: Callable[[], Acceptor] | None = None,
) -> ServerAuthenticator:
    """A server whose session keys are its own."""
    numbers = numbered_bytes()
    key = host.encode()
    return ServerAuthenticator(
        family=family,
        realm=REALM,
        targetnames={Scheme.NTLM: host},
        version=4,
        acceptors={Scheme.NTLM: acceptor or (lambda: stand_in.Acceptor(Scheme.NTLM, key))},
        token_bytes=lambda size: (int.from_bytes(next(numbers)) ^ hash(host) & 0xFFFFFFFF).to_bytes(4)[:size],
        lifetime=lifetime,
    )


class Path:
    """Servers in the order in which a request meets them; `forked`: side by side, and all must be satisfied.

    `sign` lets a test sign an answer otherwise.
    """

    def __init__(self, *servers: ServerAuthenticator, forked: bool = False) -> None:
        self.servers = list(servers)
        self.forked = forked
        self.now = NOW
        self.status = 200
        self.sign: Callable[[SecurityAssociation, Response], Response] = SecurityAssociation.sign_response
        self.asked: list[str] = []

    def answer(self, request: Request) -> Response:
        return self._forked(request) if self.forked else self._chain(request, 0)

    def _chain(self, request: Request, index: int) -> Response:
        if index == len(self.servers):
            return answer(request, self.status)
        server = self.servers[index]
        step = server.receive(request, self.now)
        if not isinstance(step, Authenticated):
            self.asked.append(f"{server.targetnames[Scheme.NTLM]} {step.reason.value}")
            return answer(request, server.family.status, step.headers)
        return self.sign(step.association, self._chain(request, index + 1))

    def _forked(self, request: Request) -> Response:
        steps = [server.receive(request, self.now) for server in self.servers]
        headers = [header for step in steps if not isinstance(step, Authenticated) for header in step.headers]
        response = answer(request, 407 if headers else self.status, tuple(headers))
        for step in steps:
            if isinstance(step, Authenticated):
                response = self.sign(step.association, response)
        return response


class Client:
    """Sends requests until they are answered. `sent` has all of them."""

    def __init__(self) -> None:
        numbers = numbered_bytes()
        self.associations = ClientAssociations(token_bytes=lambda size: next(numbers)[:size])
        self.sent: list[Request] = []
        self.gone: list[str] = []
        self.on_challenges: list[Checked] = []
        self.answer = stand_in.ANSWER

    def ask(
        self, path: Path, signers: Signers, method: str = "REGISTER", now: datetime = NOW, limit: int = 60
    ) -> Step:
        step: Step = SendNext()
        self.associations.start()
        while isinstance(step, SendNext | SendAgain | Challenged):
            assert len(self.sent) < limit
            request = other(register(len(self.sent) + 1), method)
            request = over_the_wire(self.associations.authorize(request, signers, now))
            self.sent.append(request)
            step = self.associations.receive(back_over_the_wire(path.answer(request)), signers, now)
            self.on_challenges += self.associations.on_challenge
            if isinstance(step, Challenged):
                self.gone += [step.gone.targetname] if step.gone is not None else []
                self.associations.begin(step.offers[0], stand_in.Initiator(Scheme.NTLM, answer=self.answer))
        return step

    def answered(self, path: Path, signers: Signers, method: str = "REGISTER", now: datetime = NOW) -> Answered:
        step = self.ask(path, signers, method, now)
        assert isinstance(step, Answered), step
        return step


def other(request: Request, method: str) -> Request:
    headers = request.headers.replace("CSeq", f"{request.cseq.number} {method}")
    return Request(method=method, uri=request.uri, headers=Headers((field.name, field.value) for field in headers))
