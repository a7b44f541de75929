"""The security association: what both sides hold after a handshake, and what signs every later message.

[MS-SIPAE] 3.2.1 (client) and 3.3.1 (server). The same object serves both roles. A client signs all that it sends,
requests and its answers to the server's requests, with a credentials header (crand, cnum, response); a server signs
all that it sends with an info header (srand, snum, rspauth).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from sipauthctl.association.family import CREDENTIALS_HEADERS, INFO_HEADERS, HeaderFamily
from sipauthctl.association.offers import Offer
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.association.redaction import quoted
from sipauthctl.association.signing import SignatureBuffer, WireSignature, signature_buffer
from sipauthctl.association.verdict import Verdict
from sipauthctl.association.window import NumState, ReplayWindow
from sipauthctl.mechanisms.base import Scheme, SecurityContext
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Message, Request, Response

LIFETIME = timedelta(hours=8)
"""How long an association lives at most, [MS-SIPAE] 3.3.2."""

RAND_BYTES = 4
"""crand and srand are 8 hexadecimal digits, [MS-SIPAE] 2.2.1."""


class SignatureProblem(Enum):
    """What is wrong with a signature or with its number."""

    MISSING = "missing"
    MALFORMED = "malformed"
    INVALID = "invalid"
    UNKNOWN_ASSOCIATION = "unknown-association"  # it names another realm, targetname or opaque
    REPLAYED = "replayed"
    TOO_OLD = "too-old"
    GAP = "gap"
    NOT_FROM_ONE = "not-from-one"
    OTHER_SIGNER = "other-signer"  # it is made under another association than it names


HARMLESS = frozenset({None, SignatureProblem.GAP, SignatureProblem.NOT_FROM_ONE})
"""What keeps no message from being believed."""


@dataclass(frozen=True, slots=True)
class SignatureResult:
    """The check of one signature.

    `buffer` is the string that should have been signed, where it could be built; `value` the signature as it came.
    """

    verdict: Verdict
    num: int | None
    problem: SignatureProblem | None
    detail: str
    buffer: SignatureBuffer | None = None
    value: bytes = b""

    @property
    def trusted(self) -> bool:
        """Whether the message may be believed: the signature holds and is no replay."""
        return self.verdict is Verdict.VALID and self.problem in HARMLESS


class EndReason(Enum):
    """Why an association is over."""

    LIFETIME = "lifetime"
    CREDENTIALS_EXPIRED = "credentials-expired"  # the Kerberos ticket ended
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class AssociationKey:
    """What tells the associations of one endpoint apart, [MS-SIPAE] 3.2.5.2."""

    scheme: Scheme | None
    realm: str | None
    targetname: str | None


@dataclass(slots=True)
class SecurityAssociation:
    """One association, made by a handshake.

    `next_num` is the number that the next message signed here will carry. `last_used` moves with each message whose
    signature was accepted; `outlived` is the longest time between two of them.
    """

    scheme: Scheme
    scheme_text: str
    realm: str
    targetname: str
    opaque: str | None
    version: int
    family: HeaderFamily
    context: SecurityContext = field(repr=False)
    token_bytes: Callable[[int], bytes] = field(repr=False)
    established: datetime
    lifetime: timedelta = LIFETIME
    idle: timedelta | None = None
    next_num: int = 1
    window: ReplayWindow = field(default_factory=ReplayWindow)
    last_used: datetime = field(init=False)
    outlived: timedelta = timedelta()

    def __post_init__(self) -> None:
        self.last_used = self.established

    @property
    def key(self) -> AssociationKey:
        """What its headers name it by."""
        return AssociationKey(self.scheme, self.realm, self.targetname)

    @property
    def expires(self) -> datetime:
        """When it is over even if it is used: its lifetime, or the end of the credentials where that is earlier."""
        by_lifetime = self.established + self.lifetime
        return by_lifetime if self.context.expires is None else min(by_lifetime, self.context.expires)

    def end(self, now: datetime) -> EndReason | None:
        """Why it is over at `now`, None while it can be used."""
        if self.context.expires is not None and now >= self.context.expires:
            return EndReason.CREDENTIALS_EXPIRED
        if now >= self.expires:
            return EndReason.LIFETIME
        if self.idle is not None and now >= self.last_used + self.idle:
            return EndReason.IDLE
        return None

    def sign_request(self, request: Request, gssapi_data: str | None = None) -> Request:
        """A client's request with a signed credentials header, [MS-SIPAE] 3.2.4.1.

        Args:
            request: complete but for that header; every signed header must already stand in it.
            gssapi_data: the base64 token that goes with it in a version-4 handshake.

        Raises:
            ParseError: a header that is signed is missing.
        """
        return request.with_headers(self._signed_by_client(request, gssapi_data))

    def sign_client_response(self, response: Response) -> Response:
        """A client's answer to a request of the server, otherwise as `sign_request`."""
        return response.with_headers(self._signed_by_client(response, None))

    def sign_response(self, response: Response) -> Response:
        """A server's response with the header that carries rspauth, [MS-SIPAE] 3.3.4.1.

        Raises:
            ParseError: a header that is signed is missing.
        """
        return response.with_headers(self._signed_by_server(response))

    def sign_server_request(self, request: Request) -> Request:
        """A server's request (NOTIFY, MESSAGE) to the client, otherwise as `sign_response`."""
        return request.with_headers(self._signed_by_server(request))

    def verify_request(self, request: Request, now: datetime) -> SignatureResult:
        """Checks crand, cnum and response of a client's request, [MS-SIPAE] 3.3.5.2."""
        return self._verify(request, CREDENTIALS_HEADERS, WireSignature.of_request, now)

    def verify_client_response(self, response: Response, now: datetime) -> SignatureResult:
        """The same of a client's answer to a request of the server."""
        return self._verify(response, CREDENTIALS_HEADERS, WireSignature.of_request, now)

    def verify_response(self, response: Response, now: datetime) -> SignatureResult:
        """Checks srand, snum and rspauth of a server's response, [MS-SIPAE] 3.2.5.2."""
        return self._verify(response, INFO_HEADERS, WireSignature.of_response, now)

    def verify_from_server(self, message: Message, now: datetime) -> SignatureResult:
        """The same of anything that a server sends: also of its requests to the client."""
        return self._verify(message, INFO_HEADERS, WireSignature.of_response, now)

    def made(self, result: SignatureResult) -> bool:
        """Whether a signature that was checked under another association was made under this one."""
        return result.buffer is not None and self.context.verify(result.buffer.text, result.value)

    def parameters(self, *more: tuple[str, str]) -> AuthParameters:
        """The parameters that name this association, and `more`."""
        opaque = () if self.opaque is None else (("opaque", self.opaque),)
        common = (("qop", "auth"), ("realm", self.realm), ("targetname", self.targetname))
        return AuthParameters(self.scheme_text, (*common, *opaque, *more))

    def _signed_by_client(self, message: Message, gssapi_data: str | None) -> Headers:
        token = () if gssapi_data is None else (("gssapi-data", gssapi_data),)
        signature = self._sign(message, "crand", "cnum", "response")
        value = self.parameters(*token, *signature, ("version", str(self.version))).format()
        return message.headers.add(self.family.credentials, value)

    def _signed_by_server(self, message: Message) -> Headers:
        signature = self._sign(message, "srand", "snum", "rspauth")
        value = self.parameters(*signature, ("version", str(self.version))).format()
        return message.headers.add(self.family.info, value)

    def _sign(self, message: Message, rand_name: str, num_name: str, value_name: str) -> tuple[tuple[str, str], ...]:
        rand, num_text = self.token_bytes(RAND_BYTES).hex(), str(self.next_num)
        signature = self.context.sign(self._buffer(message, self.scheme_text, rand, num_text).text)
        self.next_num += 1
        return ((rand_name, rand), (num_name, num_text), (value_name, signature.hex()))

    def _buffer(self, message: Message, scheme_text: str, rand: str, num_text: str) -> SignatureBuffer:
        return signature_buffer(
            message,
            scheme_text=scheme_text,
            rand=rand,
            num_text=num_text,
            realm=self.realm,
            targetname=self.targetname,
            version=self.version,
        )

    def _verify(
        self,
        message: Message,
        header_names: tuple[str, ...],
        read: Callable[[AuthParameters], WireSignature | None],
        now: datetime,
    ) -> SignatureResult:
        try:
            parameters, mismatch = self._find(message, header_names)
            if parameters is None:
                return _unsigned(mismatch)
            wire = read(parameters)
            if wire is None:
                return _unsigned("")
            buffer = self._buffer(message, parameters.scheme_text, wire.rand, wire.num_text)
        except SipError as error:
            return SignatureResult(Verdict.INVALID, None, SignatureProblem.MALFORMED, str(error))
        if not self.context.verify(buffer.text, wire.value):
            detail = "the signature does not match the message"
            return SignatureResult(Verdict.INVALID, wire.num, SignatureProblem.INVALID, detail, buffer, wire.value)
        problem, detail = self._accept(wire.num)
        if problem in HARMLESS:
            self.outlived = max(self.outlived, now - self.last_used)
            self.last_used = now
            self.opaque = self.opaque if self.opaque is not None else parameters.get("opaque")
        return SignatureResult(Verdict.VALID, wire.num, problem, detail, buffer, wire.value)

    def _find(self, message: Message, header_names: tuple[str, ...]) -> tuple[AuthParameters | None, str]:
        """The header of this association among those of several proxies; else a text on what differs."""
        mismatch = ""
        for name in header_names:
            for value in message.headers.get_all(name):
                for parameters in AuthParameters.parse_all(value):
                    differs = self._differs(parameters)
                    if not differs:
                        return parameters, ""
                    mismatch = f"{name} names another association: {differs}"
        return None, mismatch

    def _differs(self, parameters: AuthParameters) -> str:
        if Scheme.parse(parameters.scheme_text) is not self.scheme:
            return f"scheme {quoted(parameters.scheme_text)} instead of {self.scheme.value}"
        own = (("realm", self.realm), ("targetname", self.targetname), ("opaque", self.opaque))
        for name, expected in own:
            got = parameters.get(name)
            if expected is not None and got != expected:
                return f"{name} {'absent' if got is None else quoted(got)} instead of {quoted(expected)}"
        return ""

    def _accept(self, num: int) -> tuple[SignatureProblem | None, str]:
        first, expected = self.window.highest == 0, self.window.highest + 1
        state = self.window.accept(num)
        if state is NumState.REPLAYED:
            return SignatureProblem.REPLAYED, f"number {num} was used before"
        if state is NumState.TOO_OLD:
            return SignatureProblem.TOO_OLD, f"number {num} lies too far behind {self.window.highest}"
        if state is NumState.AHEAD and first:
            return SignatureProblem.NOT_FROM_ONE, f"the first number is {num} instead of 1"
        if state is NumState.AHEAD:
            return SignatureProblem.GAP, f"number {num} came where {expected} was due"
        return None, ""


def from_offer(
    offer: Offer,
    family: HeaderFamily,
    context: SecurityContext,
    *,
    opaque: str | None,
    version: int,
    token_bytes: Callable[[int], bytes],
    now: datetime,
    lifetime: timedelta = LIFETIME,
) -> SecurityAssociation:
    """The client's association for an offer that was taken.

    Raises:
        ValueError: the offer has no scheme, realm or targetname; such offers must not be taken.
    """
    if offer.scheme is None or offer.realm is None or offer.targetname is None:
        raise ValueError("an offer without scheme, realm or targetname cannot be taken")
    return SecurityAssociation(
        scheme=offer.scheme,
        scheme_text=offer.scheme_text,
        realm=offer.realm,
        targetname=offer.targetname,
        opaque=opaque,
        version=version,
        family=family,
        context=context,
        token_bytes=token_bytes,
        established=now,
        lifetime=lifetime,
    )


def _unsigned(mismatch: str) -> SignatureResult:
    if mismatch:
        return SignatureResult(Verdict.MISSING, None, SignatureProblem.UNKNOWN_ASSOCIATION, mismatch)
    return SignatureResult(Verdict.MISSING, None, SignatureProblem.MISSING, "the message carries no signature")
