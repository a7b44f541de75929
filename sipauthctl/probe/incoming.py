"""What a server sends on its own: requests (NOTIFY, MESSAGE, ...), RFC 3261 8.2, and answers that nobody waits for."""

from __future__ import annotations

from sipauthctl.association.associations import Checked, ClientAssociations
from sipauthctl.association.security_association import SignatureProblem
from sipauthctl.network.transport import Connection
from sipauthctl.probe.checks import note_checks, own_signatures
from sipauthctl.probe.events import RequestReceived, ResponseSent, StrayResponse
from sipauthctl.probe.facts import HopFacts
from sipauthctl.probe.results import ServerRequest
from sipauthctl.probe.tools import Tools
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Message, Request, Response

_ACCEPTED = frozenset({"NOTIFY", "MESSAGE", "OPTIONS", "INFO", "BYE", "CANCEL"})
_UNANSWERED = frozenset({"ACK", "BENOTIFY"})  # BENOTIFY is a NOTIFY without an answer, [MS-SIP] 2.2.3
_COPIED = ("Via", "From", "Call-ID", "CSeq")


class Unasked:
    """Looks at it, and answers what has to be answered.

    Args:
        associations: verify it, and sign the answers.
        tools: see there.
        facts: filled in.
    """

    def __init__(self, associations: ClientAssociations, tools: Tools, facts: HopFacts) -> None:
        self._associations = associations
        self._tools = tools
        self._facts = facts

    async def take(self, message: Message, connection: Connection) -> None:
        """Takes one message; what cannot be read is not answered.

        Raises:
            NetworkError: the connection failed.
        """
        try:
            checks = self._associations.verify(message, self._tools.now())
            if isinstance(message, Request):
                await self._answer(message, checks, connection)
            else:
                replayed = tuple(check for check in checks if check.result.problem is SignatureProblem.REPLAYED)
                seen = tuple(note_checks(replayed, message, self._facts))
                self._tools.observer(StrayResponse(connection.server, message, seen))
        except SipError:
            return

    async def _answer(self, request: Request, checks: tuple[Checked, ...], connection: Connection) -> None:
        made = tuple(note_checks(checks, request, self._facts))
        verdicts = tuple(check.verdict for check in made)
        self._facts.life.server_requests.add(ServerRequest(request.method, verdicts))
        self._tools.observer(RequestReceived(connection.server, request, made))
        response = answer_to(request, self._tools.token_bytes(5).hex())
        if response is None:
            return
        for check in checks:
            if check.result.trusted:
                response = check.association.sign_client_response(response)
        self._facts.signatures.add(own_signatures(response))
        self._tools.observer(ResponseSent(connection.server, response))
        await connection.send(response.to_bytes())


def answer_to(request: Request, tag: str) -> Response | None:
    """The response to a request of the server, None where none is due.

    Args:
        request: what came.
        tag: for the To header, where the request has none.

    Raises:
        ParseError: the request has no usable To.
    """
    if request.method in _UNANSWERED:
        return None
    to = request.headers.get("To") or ""
    fields = [(name, value) for name in _COPIED for value in request.headers.get_all(name)]
    fields.append(("To", to if request.to.tag else f"{to};tag={tag}"))
    status, reason = (200, "OK") if request.method in _ACCEPTED else (480, "Temporarily Unavailable")
    return Response(status=status, reason=reason, headers=Headers([*fields, ("Content-Length", "0")]))
