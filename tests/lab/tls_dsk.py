"""Sign-ins by TLS-DSK at one server of the lab, without a network: real TLS inside real SIP messages."""

from __future__ import annotations

import secrets
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sipauthctl.association.client import Challenged, ClientHandshake, Finished, SendNext, Stopped
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.server import ServerAuthenticator
from sipauthctl.lab.accounts import ACCOUNTS, Directory
from sipauthctl.lab.behaviour import Behaviour
from sipauthctl.lab.events import LabEvent
from sipauthctl.lab.names import DomainNames
from sipauthctl.lab.registrar import Peer, Registrar
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.tls_dsk.acceptor import TlsDskAcceptor
from sipauthctl.network.evidence import Transport
from sipauthctl.probe.dialog import Dialog, LocalEnd
from sipauthctl.sip.message import Request, Response
from tests.mechanisms.tls_dsk.ends import TlsDskInitiator, client_context, server_context

HOST = "hs2.litwareinc.com"
STS_URI = f"https://{HOST}:443/CertProv/CertProvisioningService.svc"
LOCAL = LocalEnd("192.0.2.35", 40000, Transport.TLS)
PEER = Peer("192.0.2.35", 40000, "tls")


@dataclass
class World:
    """A home server that offers TLS-DSK beside nothing or NTLM, and all messages in their order."""

    folder: Path
    beside: tuple[Scheme, ...] = ()
    messages: list[Request | Response] = field(default_factory=list)
    log: list[LabEvent] = field(default_factory=list)
    empty_token: bool = True
    """Whether the last request has an empty gssapi-data or none; clients do either."""

    def __post_init__(self) -> None:
        server = server_context(self.folder)
        self.server = Registrar(
            HOST,
            ServerAuthenticator(
                family=HeaderFamily.USER_AGENT,
                realm="SIP Communications Service",
                targetnames={Scheme.TLS_DSK: HOST, **dict.fromkeys(self.beside, HOST)},
                version=4,
                acceptors={Scheme.TLS_DSK: lambda: TlsDskAcceptor(server, self.folder / "server-keys.txt")},
                token_bytes=secrets.token_bytes,
                sts_uri=STS_URI,
            ),
            Directory(ACCOUNTS, "litwareinc.com", DomainNames()),
            Behaviour(),
            redirect=None,
            now=lambda: datetime.now(UTC),
            token_bytes=secrets.token_bytes,
            log=self.log.append,
        )

    def ask(self, request: Request) -> Response:
        response = self.server.answer(request, PEER)
        assert response is not None
        self.messages += [request, response]
        return response

    def sign_in(
        self, client: ssl.SSLContext | None = None, *, user: str = "ned", refreshes: int = 1
    ) -> Finished | Stopped:
        """Signs in, refreshes and de-registers."""
        dialog = Dialog(f"sip:{user}@litwareinc.com", "litwareinc.com", secrets.token_bytes)
        handshake = ClientHandshake(token_bytes=secrets.token_bytes)
        initiator = TlsDskInitiator(client or client_context(self.folder), self.folder)
        while True:
            now = datetime.now(UTC)
            request = handshake.authorize(dialog.register(LOCAL), now)
            if not self.empty_token:
                value = request.headers.get("Authorization") or ""
                request = (
                    request.with_headers(
                        request.headers.replace("Authorization", value.replace('gssapi-data="", ', ""))
                    )
                    if value
                    else request
                )
            step = handshake.receive(self.ask(request), now)
            if isinstance(step, Challenged):
                offer = next(one for one in step.offers if one.scheme is Scheme.TLS_DSK)
                handshake.begin(offer, initiator)
            elif isinstance(step, Finished):
                for expires in (*[None] * refreshes, 0):
                    again = step.association.sign_request(dialog.register(LOCAL, expires=expires))
                    assert step.association.verify_response(self.ask(again), now).trusted
                return step
            elif not isinstance(step, SendNext):
                assert isinstance(step, Stopped)
                return step
