"""The client's side of the handshake, as a state machine without I/O, [MS-SIPAE] 3.2.

The driver sends requests and hands over each answer; the machine says what to do next, or why it stopped:

    START --challenge--> CHALLENGED --begin()--> TOKEN_DUE --authorize()--> TOKEN_SENT or FINAL_SENT
    TOKEN_SENT --challenge with a token--> TOKEN_DUE        (NTLM; Kerberos needs no second token)
    FINAL_SENT --any final answer but a challenge--> FINISHED
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from sipauthctl.association.diagnostics import diagnostics
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.offers import Offer, read_offers
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.association.redaction import quoted
from sipauthctl.association.security_association import (
    LIFETIME,
    SecurityAssociation,
    SignatureResult,
    from_offer,
)
from sipauthctl.mechanisms.base import Initiator, MalformedToken, MechanismError
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Request, Response


class StopReason(Enum):
    """Why a handshake ended without an association."""

    NOT_CHALLENGED = "not-challenged"  # a success or redirect that nothing proves
    NO_OFFERS = "no-offers"  # a challenge without a challenge header
    REFUSED = "refused"  # a final answer that says no: 403, 404, 5xx, ...
    CREDENTIALS_REFUSED = "credentials-refused"  # challenged again after the last token
    STARTED_OVER = "started-over"  # challenged again in the middle, without a token
    OTHER_SERVER = "other-server"  # the token comes from another realm or targetname than was chosen
    MALFORMED_TOKEN = "malformed-token"
    MALFORMED_HEADER = "malformed-header"
    MECHANISM_FAILED = "mechanism-failed"


@dataclass(frozen=True, slots=True)
class Challenged:
    """The server offers schemes: choose one and call `begin`.

    `gone` is the association with this server that it no longer knows, None where there was none. `left_out` counts
    the offers beyond the first `MAX_OFFERS`.
    """

    offers: tuple[Offer, ...]
    family: HeaderFamily
    gone: SecurityAssociation | None = None
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class SendNext:
    """The handshake goes on: build a request with a higher CSeq and `authorize` it."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A provisional answer: wait for the final one."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The handshake ran its course. Whether to believe the answer is for `signature.trusted` to say."""

    response: Response
    signature: SignatureResult
    association: SecurityAssociation


@dataclass(frozen=True, slots=True)
class Stopped:
    """The handshake ended without an association. `error` is set where the mechanism raised it."""

    reason: StopReason
    detail: str
    error: MechanismError | None = None


ClientStep = Challenged | SendNext | Wait | Finished | Stopped


class _State(Enum):
    START = auto()
    CHALLENGED = auto()
    TOKEN_DUE = auto()
    TOKEN_SENT = auto()
    FINAL_SENT = auto()
    FINISHED = auto()


class ClientHandshake:
    """One handshake with one server; for the next server (a redirect) make another.

    Args:
        token_bytes: gives that many random bytes.
        lifetime: that the server is taken to give the association.
    """

    def __init__(self, *, token_bytes: Callable[[int], bytes], lifetime: timedelta = LIFETIME) -> None:
        self._token_bytes = token_bytes
        self._lifetime = lifetime
        self._state = _State.START
        self._family = HeaderFamily.USER_AGENT
        self._offer: Offer | None = None
        self._initiator: Initiator | None = None
        self._token = b""
        self._opaque: str | None = None
        self._association: SecurityAssociation | None = None

    @property
    def association(self) -> SecurityAssociation | None:
        """The association once the request that completes the handshake was authorized."""
        return self._association

    @property
    def offer(self) -> Offer | None:
        """The offer that was taken, if any."""
        return self._offer

    @property
    def initiator(self) -> Initiator | None:
        """The mechanism that was begun with, if any."""
        return self._initiator

    def begin(self, offer: Offer, initiator: Initiator) -> None:
        """Takes an offer. May block: a Kerberos initiator gets its ticket here.

        Raises:
            MechanismError: the mechanism cannot make its first token; another offer may be tried.
            ValueError: no challenge came yet, or the offer lacks what a handshake needs.
        """
        if self._state is not _State.CHALLENGED:
            raise ValueError("a handshake begins with a challenge")
        if offer.scheme is not initiator.scheme or offer.realm is None or not offer.targetname:
            raise ValueError("this offer cannot be taken with this mechanism")
        self._token = initiator.step(None)
        self._offer, self._initiator, self._opaque = offer, initiator, offer.opaque
        self._state = _State.TOKEN_DUE

    def authorize(self, request: Request, now: datetime) -> Request:
        """Adds the credentials that are due at this step; before any challenge there are none.

        From version 4 on, the request that carries the last token is itself signed ([MS-SIPAE] 3.2.5.1).

        Raises:
            ParseError: the request lacks a header that is signed.
        """
        if self._state is not _State.TOKEN_DUE or self._offer is None or self._initiator is None:
            return request
        token = base64.b64encode(self._token).decode("ascii")
        context = self._initiator.context
        version = self._offer.spoken_version
        if context is not None:
            self._association = from_offer(
                self._offer,
                self._family,
                context,
                opaque=self._opaque,
                version=version,
                token_bytes=self._token_bytes,
                now=now,
                lifetime=self._lifetime,
            )
            self._state = _State.FINAL_SENT
            if version >= 4:
                return self._association.sign_request(request, gssapi_data=token)
            value = self._association.parameters(("gssapi-data", token), ("version", str(version))).format()
        else:
            self._state = _State.TOKEN_SENT
            value = self._unsigned(self._offer, token, version).format()
        return request.with_headers(request.headers.add(self._family.credentials, value))

    def receive(self, response: Response, now: datetime) -> ClientStep:
        """Takes the answer to the last request."""
        if response.status < 200:
            return Wait()
        try:
            if HeaderFamily.of_status(response.status) is not None:
                return self._challenge(response)
            return self._answer(response, now)
        except SipError as error:
            return Stopped(StopReason.MALFORMED_HEADER, str(error))

    def _unsigned(self, offer: Offer, token: str, version: int) -> AuthParameters:
        opaque = () if self._opaque is None else (("opaque", self._opaque),)
        return AuthParameters(
            offer.scheme_text,
            (
                ("qop", "auth"),
                ("realm", offer.realm or ""),
                ("targetname", offer.targetname or ""),
                *opaque,
                ("gssapi-data", token),
                ("version", str(version)),
            ),
        )

    def _challenge(self, response: Response) -> ClientStep:
        family = HeaderFamily.of_status(response.status)
        read = read_offers(response)
        found = read.first
        if self._state is _State.START and family is not None:
            if not found and diagnostics(response):
                return Stopped(StopReason.REFUSED, f"{response.status} {response.reason}")
            if not found:
                return Stopped(StopReason.NO_OFFERS, f"the {response.status} carries no {family.challenge} header")
            self._family, self._state = family, _State.CHALLENGED
            return Challenged(found, family, left_out=read.left_out)
        if self._state is _State.FINAL_SENT:
            return Stopped(
                StopReason.CREDENTIALS_REFUSED, f"challenged again with {response.status} after the last token"
            )
        return self._next_token(found, family or self._family)

    def _next_token(self, found: tuple[Offer, ...], family: HeaderFamily) -> ClientStep:
        offer, initiator = self._offer, self._initiator
        if offer is None or initiator is None:
            return Stopped(StopReason.STARTED_OVER, "challenged again before any credentials were sent")
        with_token = [other for other in found if other.scheme is offer.scheme and other.gssapi_data]
        if not with_token:
            return Stopped(
                StopReason.STARTED_OVER, f"the server did not answer the {offer.scheme_text} token with its own"
            )
        same = [o for o in with_token if (o.realm, o.targetname) == (offer.realm, offer.targetname)]
        if not same:
            other = with_token[0]
            detail = (
                f"realm {quoted(other.realm or '')} and targetname {quoted(other.targetname or '')} where "
                f"{quoted(offer.realm or '')} and {quoted(offer.targetname or '')} were chosen"
            )
            return Stopped(StopReason.OTHER_SERVER, detail)
        self._opaque = same[0].opaque if same[0].opaque is not None else self._opaque
        try:
            self._token = initiator.step(base64.b64decode(same[0].gssapi_data or "", validate=True))
        except ValueError:  # also raised for characters beyond ASCII
            return Stopped(StopReason.MALFORMED_TOKEN, "gssapi-data is not base64")
        except MalformedToken as error:
            return Stopped(StopReason.MALFORMED_TOKEN, str(error), error)
        except MechanismError as error:
            return Stopped(StopReason.MECHANISM_FAILED, str(error), error)
        self._family, self._state = family, _State.TOKEN_DUE
        return SendNext()

    def _answer(self, response: Response, now: datetime) -> ClientStep:
        if self._state is _State.FINAL_SENT and self._association is not None:
            self._state = _State.FINISHED
            return Finished(response, self._association.verify_response(response, now), self._association)
        if response.status < 400:
            return Stopped(StopReason.NOT_CHALLENGED, f"{response.status} before the handshake was complete")
        return Stopped(StopReason.REFUSED, f"{response.status} {response.reason}")
