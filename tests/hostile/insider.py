"""A server that knows the user's password, such as the user's own in the wrong hands: its signatures are right."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.security_association import SecurityAssociation
from sipauthctl.association.server import Authenticated, ServerAuthenticator
from sipauthctl.lab.accounts import Account, Directory
from sipauthctl.lab.names import DomainNames
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.ntlm.acceptor import AcceptorOptions, NtlmAcceptor
from sipauthctl.mechanisms.ntlm.messages import TargetNames
from sipauthctl.sip.message import Request, Response, parse_message
from tests.hostile.sip_peer import SipPeer, response
from tests.hostile.world import PASSWORD

HOST = "hs1.litwareinc.com"


class Insider:
    """The server's side of one sign-in after the other over one connection."""

    def __init__(self, peer: SipPeer) -> None:
        self.peer = peer
        directory = Directory((Account("ned", "Ned Flint", PASSWORD),), "litwareinc.com", DomainNames())
        names = TargetNames("LITWAREINC", "HS1", "litwareinc.com", HOST)

        def acceptor() -> NtlmAcceptor:
            options = AcceptorOptions()
            return NtlmAcceptor(directory, names, options=options, now=_now, token_bytes=secrets.token_bytes)

        self._authenticator = ServerAuthenticator(
            family=HeaderFamily.USER_AGENT,
            realm="SIP Communications Service",
            targetnames={Scheme.NTLM: HOST},
            version=4,
            acceptors={Scheme.NTLM: acceptor},
            token_bytes=secrets.token_bytes,
        )

    async def authenticated(self) -> tuple[str, SecurityAssociation]:
        """The next request whose signature is right, and its association; others are challenged."""
        while True:
            text = await self.peer.request()
            request = parse_message(text.encode())
            assert isinstance(request, Request)
            step = self._authenticator.receive(request, _now())
            if isinstance(step, Authenticated):
                return text, step.association
            headers = (f"{name}: {value}" for name, value in step.headers)
            await self.peer.answer(text, "401 Unauthorized", *headers)

    async def serve(self, status: str, *headers: str, body: bytes = b"") -> None:
        """Gives every request the same signed answer."""
        while True:
            text, association = await self.authenticated()
            await self.peer.send(signed(association, text, status, *headers, body=body))

    async def register(self, *headers: str, expires: int = 600) -> SecurityAssociation:
        """Registers the user; gives the association."""
        text, association = await self.authenticated()
        await self.peer.send(signed(association, text, "200 OK", f"Expires: {expires}", *headers))
        return association


def signed(
    association: SecurityAssociation, request: str, status: str, *headers: str, body: bytes = b"", **changed: str
) -> bytes:
    """An answer with a right signature."""
    message = parse_message(response(request, status, *headers, body=body, **changed))
    assert isinstance(message, Response)
    return association.sign_response(message).to_bytes()


def _now() -> datetime:
    return datetime.now(UTC)
