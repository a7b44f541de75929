"""Authenticating proxies in front of a home server, without I/O, [MS-SIPAE] 3.3.5.

In a chain, a request that one proxy has authenticated goes on to the next, and each that let it pass signs the answer
on its way back. Side by side (after forking) all are asked at once: their challenges come in one 407, one header a
scheme and proxy (RFC 3261 16.7), and the request goes on when all of them have authenticated it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sipauthctl.association.digest import is_anonymous_join
from sipauthctl.association.security_association import SecurityAssociation
from sipauthctl.association.server import Authenticated
from sipauthctl.lab.answers import sign
from sipauthctl.lab.behaviour import AnswerSignature, Behaviour
from sipauthctl.lab.registrar import Peer, Registrar, is_refresh
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Request, Response


class Path:
    """Proxies, and the home server behind them.

    Args:
        proxies: at least one, in the order in which a request meets them.
        home: registers; it authenticates too.
        behaviour: the faults.
        forked: whether the proxies stand side by side.
        spare: takes the place of the first proxy with the first refresh; None where the path stays.
    """

    def __init__(
        self,
        proxies: Sequence[Registrar],
        home: Registrar,
        behaviour: Behaviour,
        *,
        forked: bool = False,
        spare: Registrar | None = None,
    ) -> None:
        self.host = proxies[0].host
        self.home = home
        self._proxies = list(proxies)
        self._behaviour = behaviour
        self._forked = forked
        self._spare = spare

    @property
    def servers(self) -> tuple[Registrar, ...]:
        """All that authenticate, the home server last."""
        return (*self._proxies, self.home)

    def answer(self, request: Request, peer: Peer) -> Response | None:
        """The response to a request; None for an ACK, which has none."""
        if request.method == "ACK":
            return None
        try:
            if is_anonymous_join(request):
                return self.home.answer(request, peer)
            self._change(request)
            return self._fork(request, peer) if self._forked else self._chain(request, peer, 0)
        except SipError:
            return self.home.answer(request, peer)  # which says 400

    def hear(self, response: Response) -> None:
        """Lets every server check a client's answer to a request of this side."""
        for server in self.servers:
            server.hear(response)

    def _change(self, request: Request) -> None:
        known = self._proxies[0].endpoints.get(request.from_)
        if self._spare is not None and known is not None and is_refresh(request):
            self._proxies[0], self._spare = self._spare, None

    def _chain(self, request: Request, peer: Peer, index: int) -> Response | None:
        if index == len(self._proxies):
            return self.home.answer(request, peer)
        proxy = self._proxies[index]
        checked = proxy.check(request, peer)
        if not isinstance(checked, Authenticated):
            return checked
        response = self._chain(_forwarded(request, proxy.host, peer), peer, index + 1)
        return None if response is None else self._countersign(_returned(response), request, index, checked)

    def _fork(self, request: Request, peer: Peer) -> Response | None:
        checks = [proxy.check(request, peer) for proxy in self._proxies]
        if None in checks:
            return None
        asking = [check for check in checks if isinstance(check, Response)]
        if asking:
            family = self._proxies[0].authenticator.family
            more = [value for check in asking[1:] for value in check.headers.get_all(family.challenge)]
            headers = asking[0].headers
            for value in more:
                headers = headers.add(family.challenge, value)
            response: Response | None = asking[0].with_headers(headers)
        else:
            response = self.home.answer(request, peer)
        for index, check in enumerate(checks):
            if response is not None and isinstance(check, Authenticated):
                response = self._countersign(response, request, index, check)
        return response

    def _countersign(self, response: Response, request: Request, index: int, step: Authenticated) -> Response:
        neighbour = self.servers[index + 1].endpoints.get(request.from_)
        if index == 0 and self._behaviour.wrong_proxy_signs and neighbour is not None and response.status == 200:
            return _signed_by_other(response, step.association, neighbour)
        right = response.status != 200 or self._behaviour.signature is AnswerSignature.RESET
        return sign(response, step.association, AnswerSignature.RIGHT if right else self._behaviour.signature)


def _signed_by_other(response: Response, named: SecurityAssociation, other: SecurityAssociation) -> Response:
    own, named.context = named.context, other.context
    try:
        return named.sign_response(response)
    finally:
        named.context = own


def _forwarded(request: Request, host: str, peer: Peer) -> Request:
    """The request as a proxy sends it on: the client's address noted, its own Via and Record-Route on top."""
    fields, seen = [], False
    for field in request.headers:
        value = field.value
        if field.name.lower() in ("via", "v") and not seen:
            fields.append(("Via", f"SIP/2.0/TLS {host};branch=z9hG4bK{host.split('.')[0]}"))
            if ";received=" not in value:
                value = f"{value};received={peer.address};ms-received-port={peer.port};ms-received-cid=1A00"
            seen = True
        fields.append((field.name, value))
    route = ("Record-Route", f"<sip:{host};transport={peer.transport};lr>")
    return request.with_headers(Headers([route, *fields]))


def _returned(response: Response) -> Response:
    """The response without the proxy's own Via."""
    fields = [(field.name, field.value) for field in response.headers]
    first = next((index for index, (name, _) in enumerate(fields) if name.lower() in ("via", "v")), None)
    return response.with_headers(Headers(field for index, field in enumerate(fields) if index != first))
