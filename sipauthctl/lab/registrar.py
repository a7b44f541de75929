"""One server of the lab without I/O: it authenticates, then redirects (the outbound proxy) or registers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sipauthctl.association.digest import is_anonymous_join
from sipauthctl.association.digest_server import DigestAccepted
from sipauthctl.association.endpoint import EndpointId, endpoint_problem
from sipauthctl.association.family import CREDENTIALS_HEADERS, HeaderFamily
from sipauthctl.association.security_association import SecurityAssociation
from sipauthctl.association.server import (
    Authenticated,
    Challenge,
    ChallengeReason,
    Discarded,
    Forbidden,
    Refused,
    ServerAuthenticator,
)
from sipauthctl.association.signing import must_be_signed
from sipauthctl.lab.accounts import Directory
from sipauthctl.lab.answers import date_header, respond, sign
from sipauthctl.lab.behaviour import AnswerSignature, Behaviour
from sipauthctl.lab.bindings import MAXIMUM_EXPIRES, Bindings, requested_expires
from sipauthctl.lab.conferences import Lobby
from sipauthctl.lab.diagnostics import (
    ENDPOINT_REPORTS,
    HANDSHAKE_FAILED,
    NO_SUCH_URI,
    NOT_THE_USERS_URI,
    SECURITY_LEVEL,
    GivenAnswer,
    Report,
    telling,
)
from sipauthctl.lab.endpoints import Endpoints
from sipauthctl.lab.events import LabEvent, Log
from sipauthctl.lab.tampering import tamper
from sipauthctl.mechanisms.base import MechanismError
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.acceptor import SecurityLevelMismatch
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Request, Response

TAG_BYTES = 16
KEEP_ALIVE = ("ms-keep-alive", "UAS; tcp=no; hop-hop=yes; end-end=no; timeout=300")  # [MS-CONMGMT] 2.2.1
ALLOWED_EVENTS = (
    "vnd-microsoft-provisioning,vnd-microsoft-roaming-contacts,vnd-microsoft-roaming-ACL,presence,presence.wpending,"
    "vnd-microsoft-roaming-self,vnd-microsoft-provisioning-v2"
)


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a request came from."""

    address: str
    port: int
    transport: str


def is_refresh(request: Request) -> bool:
    """Whether it is a REGISTER that is signed without any token."""
    values = [value for name in CREDENTIALS_HEADERS for value in request.headers.get_all(name)]
    return request.method == "REGISTER" and bool(values) and not any("gssapi-data" in v.lower() for v in values)


class Registrar:
    """Answers requests.

    Args:
        host: this server's name.
        authenticator: its table of security associations.
        directory: the accounts.
        behaviour: the faults.
        redirect: gives the Contact of a 301 for the transport a client came by; None for a home server.
        now: the true time in UTC.
        token_bytes: gives that many random bytes.
        log: called for each event.
        longest_registration: what a registration is granted at most, in seconds.
    """

    def __init__(
        self,
        host: str,
        authenticator: ServerAuthenticator,
        directory: Directory,
        behaviour: Behaviour,
        *,
        redirect: Callable[[str], str] | None,
        now: Callable[[], datetime],
        token_bytes: Callable[[int], bytes],
        log: Log,
        longest_registration: int = MAXIMUM_EXPIRES,
    ) -> None:
        self.host = host
        self.bindings = Bindings()
        self.authenticator = authenticator
        self.endpoints = Endpoints()
        self._directory = directory
        self._behaviour = behaviour
        self._redirect = redirect
        self._now = now
        self._token_bytes = token_bytes
        self._log = log
        self._longest_registration = longest_registration
        self._has_forgotten = False
        self._lobby = Lobby(authenticator.family, token_bytes)

    @property
    def servers(self) -> tuple[Registrar, ...]:
        """All that authenticate here: this one."""
        return (self,)

    @property
    def home(self) -> Registrar:
        """The one that registers: this one, as far as it does."""
        return self

    def answer(self, request: Request, peer: Peer) -> Response | None:
        """The response to a request; None for an ACK, which has none."""
        if request.method == "ACK":
            return None
        try:
            if is_anonymous_join(request):
                return self._join(request, peer)
            checked = self.check(request, peer)
            if not isinstance(checked, Authenticated):
                return checked
            response = self._serve(request, peer, checked)
        except SipError as error:
            self._note("answered", f"400: {error}", request)
            response = self._respond(request, peer, 400, ())
        return tamper(response, self._behaviour)

    def check(self, request: Request, peer: Peer) -> Response | Authenticated | None:
        """Judges the credentials: whose request it is, or the challenge or refusal to answer it with, if any.

        Raises:
            ParseError: a header that is needed cannot be read.
        """
        step = self.authenticator.receive(request, self._now())
        if isinstance(step, Authenticated) and self._forgets(request, step):
            self.authenticator.drop(step.association)
            step = self.authenticator.receive(request, self._now())
        first = self._behaviour.first_answer
        unasked = isinstance(step, Challenge) and step.reason is ChallengeReason.NO_CREDENTIALS
        if first is not None and unasked and request.method == "REGISTER":
            return tamper(self._given(request, peer, first, None), self._behaviour)
        if unasked and self.endpoints.could_sign(request, self._now()):
            self._note("not-preauthenticated", "the client has an association to sign it with", request)
        if isinstance(step, Challenge):
            return tamper(self._challenge(request, peer, step), self._behaviour)
        if isinstance(step, Refused):
            return tamper(self._refuse(request, peer, step), self._behaviour)
        if isinstance(step, Discarded):
            self._note("discarded", step.reason.value, request)
            return None
        if isinstance(step, Forbidden):
            return self._forbid(request, peer, step.association, 403, NOT_THE_USERS_URI)
        self.endpoints.put(request, step.association)
        what = "authenticated" if step.fresh else "verified"
        self._log(LabEvent(self._now(), self.host, what, step.peer, request, step.signature))
        return step

    def forget(self) -> None:
        """Drops associations and registrations, as a restart does."""
        self.authenticator.forget()
        self.endpoints.clear()
        self.bindings.clear()

    def association_for_requests(self, request: Request) -> SecurityAssociation | None:
        """What signs a request to a client; None where there is nothing, or none is signed by a fault.

        Raises:
            ParseError: the request has no usable To.
        """
        return None if self._behaviour.unsigned_requests else self.endpoints.get(request.to)

    def hear(self, response: Response) -> None:
        """Takes a client's answer to a request of this server, and logs the check of its signature."""
        association = self.endpoints.get(response.to) if must_be_signed(response) else None
        signature = None if association is None else association.verify_client_response(response, self._now())
        detail = f"{response.status} to {response.cseq.method}"
        self._log(LabEvent(self._now(), self.host, "client answered", detail, None, signature))

    def _join(self, request: Request, peer: Peer) -> Response:
        """An anonymous user at a conference: by Digest, without an association."""
        step = self._lobby.receive(request)
        if step is None:
            self._note("answered", f"404: no conference {request.to.uri}", request)
            return self._respond(request, peer, 404, (NO_SUCH_URI.header(self.host),))
        if isinstance(step, DigestAccepted):
            self._note("joined", f"{request.from_.uri} as {step.username!a}", request)
            return self._respond(request, peer, 200, ((self._lobby.family.info, step.info),))
        self._note("refused" if step.wrong else "challenge", f"Digest: {step.detail}", request)
        challenge = ((self._lobby.family.challenge, step.challenge.format()),)
        return self._respond_challenge(request, peer, challenge, ())

    def _forgets(self, request: Request, step: Authenticated) -> bool:
        now = (
            self._behaviour.forgets_association and not self._has_forgotten and not step.fresh and is_refresh(request)
        )
        self._has_forgotten |= now
        return now

    def _challenge(self, request: Request, peer: Peer, step: Challenge) -> Response:
        what = "token" if step.reason is ChallengeReason.TOKEN_DUE else "challenge"
        self._note(what, step.reason.value, request)
        return self._respond_challenge(request, peer, step.headers, ())

    def _refuse(self, request: Request, peer: Peer, step: Refused) -> Response:
        status = step.logon_status
        detail = f"{step.reason.value}: {step.detail}"
        event = LabEvent(self._now(), self.host, "refused", detail, request, step.signature, status)
        self._log(event)
        report = self._report(step.error, status)
        return self._respond_challenge(request, peer, step.headers, (report.header(self.host),))

    def _report(self, error: MechanismError | None, status: int | None) -> Report:
        if isinstance(error, SecurityLevelMismatch):
            return SECURITY_LEVEL
        return telling(status) if status is not None and self._behaviour.tell_logon_status else HANDSHAKE_FAILED

    def _respond_challenge(
        self,
        request: Request,
        peer: Peer,
        challenge: tuple[tuple[str, str], ...],
        more: tuple[tuple[str, str], ...],
    ) -> Response:
        date = date_header(self._behaviour.date, self._now() + self._behaviour.clock_offset)
        return self._respond(request, peer, self.authenticator.family.status, (*date, *challenge, *more))

    def _serve(self, request: Request, peer: Peer, step: Authenticated) -> Response:
        if request.method != "REGISTER":
            return self._unauthorized(request, peer, step) or self._ok(request, peer, step)
        given = self._behaviour.final_answer if step.fresh else self._behaviour.refresh_answer
        if given is not None and requested_expires(request) > 0:
            return self._given(request, peer, given, step.association)
        if self._redirect is not None:
            contact = self._redirect(peer.transport)
            self._note("redirected", contact, request)
            response = self._respond(request, peer, 301, (("Contact", f"<{contact}>"), ("Expires", "300")))
            return sign(response, step.association, self._behaviour.redirect_signature)
        return self._register(request, peer, step)

    def _given(
        self, request: Request, peer: Peer, given: GivenAnswer, association: SecurityAssociation | None
    ) -> Response:
        """The answer that a fault demands, signed where there is an association, unless it is a challenge."""
        self._note("answered", f"{given.status}, as configured", request)
        family = HeaderFamily.of_status(given.status)
        if family is not None:
            offers = tuple((family.challenge, value) for _, value in self.authenticator.challenge_headers())
            date = date_header(self._behaviour.date, self._now() + self._behaviour.clock_offset)
            return self._respond(request, peer, given.status, (*date, *offers, *given.headers(self.host)))
        response = self._respond(request, peer, given.status, given.headers(self.host))
        return response if association is None else sign(response, association, self._behaviour.signature)

    def _ok(self, request: Request, peer: Peer, step: Authenticated) -> Response:
        self._note("answered", f"200 to {request.method}", request)
        headers = [("P-Asserted-Identity", f"<{request.to.uri}>")]
        if request.method == "SUBSCRIBE":
            headers.append(("Expires", str(requested_expires(request))))
        return self._sign(self._respond(request, peer, 200, tuple(headers)), step)

    def _register(self, request: Request, peer: Peer, step: Authenticated) -> Response:
        problem = endpoint_problem(request)
        if problem is not None:
            return self._forbid(request, peer, step.association, 400, ENDPOINT_REPORTS[problem])
        refusal = self._unauthorized(request, peer, step)
        if refusal is not None:
            return refusal
        address = EndpointId.of(request.from_).address_of_record
        leaves, now = requested_expires(request) == 0, self._now()
        seconds = requested_expires(request, self._longest_registration)
        refreshed = any(b.address_of_record == address for b in self.bindings.current(now)) and not step.fresh
        binding = self.bindings.bind(address, request, seconds, now, (peer.address, peer.port))
        headers = [("Expires", str(seconds)), ("Allow-Events", ALLOWED_EVENTS), ("Supported", "adhoclist")]
        if binding is not None:
            headers.insert(0, ("Contact", f"<{binding.contact}>;expires={seconds}"))
            headers.append(KEEP_ALIVE)
            if refreshed and self._behaviour.signature is AnswerSignature.RESET:
                step.association.next_num = 1
        self._note(
            "de-registered" if binding is None else "refreshed" if refreshed else "registered", address, request
        )
        response = self._sign(self._respond(request, peer, 200, tuple(headers)), step)
        if leaves:
            self.authenticator.drop(step.association)
        return response

    def _unauthorized(self, request: Request, peer: Peer, step: Authenticated) -> Response | None:
        """The refusal of a request under an address that is nobody's or another user's."""
        owner = self._directory.owner(EndpointId.of(request.from_).address_of_record)
        name = LogonName.parse(step.peer)
        if owner is None:
            return self._forbid(request, peer, step.association, 404, NO_SUCH_URI)
        if owner is not self._directory.find(name.user, name.domain):
            return self._forbid(request, peer, step.association, 403, NOT_THE_USERS_URI)
        return None

    def _forbid(
        self, request: Request, peer: Peer, association: SecurityAssociation, status: int, report: Report
    ) -> Response:
        self._note("answered", f"{status}: {report.reason}", request)
        response = self._respond(request, peer, status, (report.header(self.host),))
        return sign(response, association, self._behaviour.signature)

    def _sign(self, response: Response, step: Authenticated) -> Response:
        return sign(response, step.association, self._behaviour.signature)

    def _respond(self, request: Request, peer: Peer, status: int, headers: tuple[tuple[str, str], ...]) -> Response:
        tag = self._token_bytes(TAG_BYTES).hex().upper()
        address = self._behaviour.seen_address or peer.address
        return respond(request, status, headers, peer=(address, peer.port), tag=tag)

    def _note(self, what: str, detail: str, request: Request) -> None:
        self._log(LabEvent(self._now(), self.host, what, detail, request))
