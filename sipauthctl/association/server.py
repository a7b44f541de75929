"""The server's side of the handshake and its table of security associations, without I/O, [MS-SIPAE] 3.3."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sipauthctl.association.endpoint import EndpointId
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.offers import OLDEST_VERSION, read_version
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.association.security_association import LIFETIME, SecurityAssociation, SignatureResult
from sipauthctl.association.verdict import Verdict
from sipauthctl.mechanisms.base import Acceptor, LogonRefused, MechanismError, Scheme
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Request

PENDING_LIFETIME = timedelta(minutes=1)
TABLE_SIZE = 4096  # of pending handshakes and of associations each; the oldest gives way
OPAQUE_BYTES = 4
_NEVER_CHALLENGED = ("ACK", "CANCEL")


class ChallengeReason(Enum):
    """Why a request is challenged without any mistake of the client's credentials."""

    NO_CREDENTIALS = "no-credentials"
    OTHER_SERVER = "other-server"  # the credentials name another realm or targetname
    SCHEME_NOT_OFFERED = "scheme-not-offered"
    TOKEN_DUE = "token-due"  # the handshake goes on
    UNKNOWN_ASSOCIATION = "unknown-association"
    ASSOCIATION_EXPIRED = "association-expired"


class RefusalReason(Enum):
    """Why credentials are refused."""

    LOGON = "logon"
    MECHANISM = "mechanism"  # the token is damaged, or too weak for this server
    SIGNATURE = "signature"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Challenge:
    """Answer with the family's status and these headers."""

    headers: tuple[tuple[str, str], ...]
    reason: ChallengeReason


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The request is the peer's. `fresh` tells a new association from a known one; sign the answer with it."""

    association: SecurityAssociation
    signature: SignatureResult
    peer: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The credentials do not hold: answer with the family's status, these headers and a diagnostic.

    `error` is what the mechanism raised, `signature` the check that failed; both may be None.
    """

    reason: RefusalReason
    detail: str
    headers: tuple[tuple[str, str], ...]
    error: MechanismError | None = None
    signature: SignatureResult | None = None

    @property
    def logon_status(self) -> int | None:
        """The NTSTATUS of a refused logon, else None."""
        return self.error.status if isinstance(self.error, LogonRefused) else None


@dataclass(frozen=True, slots=True)
class Forbidden:
    """The signature is right, and the From is another user's than the association's: answer 403, [MS-OCER] 4004."""

    association: SecurityAssociation
    signature: SignatureResult


@dataclass(frozen=True, slots=True)
class Discarded:
    """An ACK or CANCEL without credentials that hold: there is no answer, [MS-SIPAE] 3.3.5.1."""

    reason: ChallengeReason | RefusalReason


ServerStep = Challenge | Authenticated | Refused | Forbidden | Discarded


@dataclass(slots=True)
class _Pending:
    acceptor: Acceptor
    scheme_text: str
    version: int
    since: datetime
    endpoint: EndpointId


@dataclass(slots=True)
class _Known:
    association: SecurityAssociation
    peer: str
    endpoint: EndpointId


class ServerAuthenticator:
    """Authenticates the requests to one server.

    Args:
        family: 401 of a registrar or 407 of a proxy.
        realm: the realm of every challenge.
        targetnames: by scheme; its keys in their order are the offers.
        version: protocol version of the challenges (2, 3 or 4; with 2 the parameter is left out).
        acceptors: makes an acceptor for a new handshake, by scheme; a scheme without one is offered and never taken.
        token_bytes: gives that many random bytes.
        lifetime: of an association.
        idle: after how long without a signed request an association is dropped; None for never.
        sts_uri: where clients of TLS-DSK get certificates.
    """

    def __init__(
        self,
        *,
        family: HeaderFamily,
        realm: str,
        targetnames: Mapping[Scheme, str],
        version: int,
        acceptors: Mapping[Scheme, Callable[[], Acceptor]],
        token_bytes: Callable[[int], bytes],
        lifetime: timedelta = LIFETIME,
        idle: timedelta | None = None,
        sts_uri: str | None = None,
    ) -> None:
        self.family = family
        self.realm = realm
        self.targetnames = dict(targetnames)
        self.version = version
        self._acceptors = acceptors
        self._token_bytes = token_bytes
        self._lifetime = lifetime
        self._idle = idle
        self._sts_uri = sts_uri
        self._pending: dict[str, _Pending] = {}
        self._known: dict[str, _Known] = {}

    def receive(self, request: Request, now: datetime) -> ServerStep:
        """Judges a request by its credentials header, [MS-SIPAE] 3.3.5.1 and 3.3.5.2.

        Raises:
            ParseError: a header that identifies the endpoint or is signed cannot be read.
        """
        step = self._judge(request, now)
        if request.method in _NEVER_CHALLENGED and isinstance(step, Challenge | Refused):
            return Discarded(step.reason)
        return step

    def _judge(self, request: Request, now: datetime) -> ServerStep:
        try:
            credentials = self._credentials(request)
        except SipError as error:
            return Refused(RefusalReason.MALFORMED, str(error), self.challenge_headers())
        if isinstance(credentials, ChallengeReason):
            return Challenge(self.challenge_headers(), credentials)
        if credentials.get("gssapi-data") is None and not self._ends_tls_dsk(credentials):
            return self._signed(request, credentials, now)
        return self._token(request, credentials, now)

    def challenge_headers(self) -> tuple[tuple[str, str], ...]:
        """The offers, one header a scheme."""
        return tuple((self.family.challenge, self._offer(scheme).format()) for scheme in self.targetnames)

    def forget(self) -> None:
        """Drops every association and handshake, as a restart does."""
        self._pending.clear()
        self._known.clear()

    def drop(self, association: SecurityAssociation) -> None:
        """Ends one association."""
        self._known = {opaque: known for opaque, known in self._known.items() if known.association is not association}

    def _ends_tls_dsk(self, credentials: AuthParameters) -> bool:
        """Whether the request is the last of a TLS-DSK handshake, which brings a signature and no token."""
        tls_dsk = Scheme.parse(credentials.scheme_text) is Scheme.TLS_DSK
        return tls_dsk and credentials.get("opaque") in self._pending

    def _offer(self, scheme: Scheme) -> AuthParameters:
        offer = self._parameters(scheme)
        if scheme is not Scheme.TLS_DSK or self._sts_uri is None:
            return offer
        return AuthParameters(offer.scheme_text, (*offer.params, ("sts-uri", self._sts_uri)))

    def _parameters(self, scheme: Scheme, *more: tuple[str, str]) -> AuthParameters:
        version = (("version", str(self.version)),) if self.version != OLDEST_VERSION else ()
        named = (("realm", self.realm), ("targetname", self.targetnames[scheme]))
        return AuthParameters(scheme.value, (*more, *named, *version))

    def _credentials(self, request: Request) -> AuthParameters | ChallengeReason:
        reason = ChallengeReason.NO_CREDENTIALS
        for value in request.headers.get_all(self.family.credentials):
            for parameters in AuthParameters.parse_all(value):
                scheme = Scheme.parse(parameters.scheme_text)
                if scheme is None or scheme not in self.targetnames or scheme not in self._acceptors:
                    reason = ChallengeReason.SCHEME_NOT_OFFERED
                elif (parameters.get("realm"), parameters.get("targetname")) != (self.realm, self.targetnames[scheme]):
                    reason = ChallengeReason.OTHER_SERVER
                else:
                    return parameters
        return reason

    def _token(self, request: Request, credentials: AuthParameters, now: datetime) -> ServerStep:
        try:
            token = base64.b64decode(credentials.get("gssapi-data") or "", validate=True)
        except ValueError:  # also raised for characters beyond ASCII
            return self._refuse(RefusalReason.MALFORMED, "gssapi-data is not base64")
        scheme = Scheme.parse(credentials.scheme_text)
        if scheme is None:
            return Challenge(self.challenge_headers(), ChallengeReason.SCHEME_NOT_OFFERED)
        opaque, pending = self._handshake(scheme, credentials, EndpointId.of(request.from_), now)
        try:
            answer = pending.acceptor.step(token)
        except LogonRefused as error:
            return self._refuse(RefusalReason.LOGON, str(error), error)
        except MechanismError as error:
            return self._refuse(RefusalReason.MECHANISM, str(error), error)
        if pending.acceptor.context is None:
            self._pending[opaque] = pending
            more = (("opaque", opaque), ("gssapi-data", base64.b64encode(answer or b"").decode("ascii")))
            header = (self.family.challenge, self._parameters(scheme, *more).format())
            return Challenge((header,), ChallengeReason.TOKEN_DUE)
        return self._complete(request, credentials, scheme, opaque, pending, now)

    def _handshake(
        self, scheme: Scheme, credentials: AuthParameters, endpoint: EndpointId, now: datetime
    ) -> tuple[str, _Pending]:
        """The handshake that this token belongs to, taken out of the table, or a new one."""
        opaque = credentials.get("opaque")
        pending = self._pending.get(opaque) if opaque is not None else None
        if opaque is not None and pending is not None and pending.endpoint == endpoint:
            del self._pending[opaque]
            if now < pending.since + PENDING_LIFETIME:
                return opaque, pending
        _make_room(self._pending)
        asked = read_version(credentials.get("version"))
        version = min(self.version, OLDEST_VERSION if asked is None else max(asked, OLDEST_VERSION))
        fresh = _Pending(self._acceptors[scheme](), credentials.scheme_text, version, now, endpoint)
        return self._token_bytes(OPAQUE_BYTES).hex().upper(), fresh

    def _complete(
        self,
        request: Request,
        credentials: AuthParameters,
        scheme: Scheme,
        opaque: str,
        pending: _Pending,
        now: datetime,
    ) -> ServerStep:
        context = pending.acceptor.context
        if context is None:
            raise ValueError("the acceptor has no context yet")
        association = SecurityAssociation(
            scheme=scheme,
            scheme_text=credentials.scheme_text,
            realm=self.realm,
            targetname=self.targetnames[scheme],
            opaque=credentials.get("opaque"),
            version=pending.version,
            family=self.family,
            context=context,
            token_bytes=self._token_bytes,
            established=now,
            lifetime=self._lifetime,
            idle=self._idle,
        )
        signature = association.verify_request(request, now)
        # Before version 4 the last request of the handshake is unsigned.
        if not signature.trusted and (pending.version >= 4 or signature.verdict is not Verdict.MISSING):
            return self._refuse(RefusalReason.SIGNATURE, signature.detail, signature=signature)
        association.opaque = opaque
        peer = pending.acceptor.peer or ""
        _make_room(self._known)
        self._known[opaque] = _Known(association, peer, pending.endpoint)
        return Authenticated(association, signature, peer, fresh=True)

    def _signed(self, request: Request, credentials: AuthParameters, now: datetime) -> ServerStep:
        opaque = credentials.get("opaque")
        known = self._known.get(opaque) if opaque is not None else None
        endpoint = EndpointId.of(request.from_)
        if opaque is None or known is None or known.endpoint.epid != endpoint.epid:
            return Challenge(self.challenge_headers(), ChallengeReason.UNKNOWN_ASSOCIATION)
        if known.association.end(now) is not None:
            del self._known[opaque]
            return Challenge(self.challenge_headers(), ChallengeReason.ASSOCIATION_EXPIRED)
        signature = known.association.verify_request(request, now)
        if not signature.trusted:
            return self._refuse(RefusalReason.SIGNATURE, signature.detail, signature=signature)
        if known.endpoint != endpoint:
            return Forbidden(known.association, signature)
        return Authenticated(known.association, signature, known.peer, fresh=False)

    def _refuse(
        self,
        reason: RefusalReason,
        detail: str,
        error: MechanismError | None = None,
        signature: SignatureResult | None = None,
    ) -> Refused:
        return Refused(reason, detail, self.challenge_headers(), error, signature)


def _make_room(table: dict[str, _Pending] | dict[str, _Known]) -> None:
    if len(table) >= TABLE_SIZE:
        del table[next(iter(table))]
