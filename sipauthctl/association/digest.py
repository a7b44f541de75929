"""Digest challenges and credentials in SIP, RFC 3261 22.4 and RFC 8760.

Servers of this family use Digest for one thing: users without an account who join a conference ([MS-SIPAE] 3.2.4.3
and 4.5). Their INVITE is challenged with MD5-sess; it makes no security association and signs nothing afterwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sipauthctl.association.parameters import AuthParameters
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.digest import DigestAlgorithm, DigestValues, request_digest, response_digest
from sipauthctl.sip.errors import ParseError, SipError
from sipauthctl.sip.message import Message, Request
from sipauthctl.sip.uri import SipUri

ANONYMOUS_HOST = "anonymous.invalid"
"""The domain of every anonymous user, [MS-SIPAE] 3.2.4.3."""

CONFERENCE = "app:conf:"
"""How the opaque of a conference's URI begins, [MS-SIPAE] 4.5."""

_NONCE_COUNT = re.compile(r"[0-9A-Fa-f]{1,8}")
_BARE = frozenset({"algorithm", "stale", "qop", "nc"})


@dataclass(frozen=True, slots=True)
class DigestChallenge:
    """A Digest offer. `algorithm` is None for one that is not known; `qop` are the choices in lower case."""

    realm: str
    nonce: str
    opaque: str | None
    algorithm: DigestAlgorithm | None
    algorithm_text: str
    qop: tuple[str, ...]
    stale: bool

    @classmethod
    def of(cls, parameters: AuthParameters) -> DigestChallenge:
        """Reads the value of a challenge header.

        Raises:
            ParseError: it is no Digest, or has no realm or nonce.
        """
        _require(parameters, "realm", "nonce")
        algorithm = parameters.get("algorithm")
        return cls(
            realm=parameters.get("realm") or "",
            nonce=parameters.get("nonce") or "",
            opaque=parameters.get("opaque"),
            algorithm=DigestAlgorithm.parse(algorithm),
            algorithm_text=algorithm or DigestAlgorithm.MD5.text,
            qop=tuple(text.strip().lower() for text in (parameters.get("qop") or "").split(",") if text.strip()),
            stale=(parameters.get("stale") or "").lower() == "true",
        )

    def format(self) -> str:
        """The value of a challenge header, as [MS-SIPAE] 4.5 writes it."""
        opaque = () if self.opaque is None else (("opaque", self.opaque),)
        stale = (("stale", "true"),) if self.stale else ()
        named = (("realm", self.realm), ("nonce", self.nonce), *opaque, *stale, ("algorithm", self.algorithm_text))
        qop = (("qop", ",".join(self.qop)),) if self.qop else ()
        return AuthParameters(Scheme.DIGEST.value, (*named, *qop)).format(_BARE - {"qop"})


@dataclass(frozen=True, slots=True)
class DigestCredentials:
    """What a client answers. `nc` and `cnonce` are "" and `qop` None in the form of RFC 2069."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str = field(repr=False)
    algorithm: DigestAlgorithm | None
    algorithm_text: str | None
    opaque: str | None
    qop: str | None
    nc: str
    cnonce: str

    @classmethod
    def of(cls, parameters: AuthParameters) -> DigestCredentials:
        """Reads the value of a credentials header.

        Raises:
            ParseError: it is no Digest, or lacks a parameter that every response needs.
        """
        _require(parameters, "username", "realm", "nonce", "uri", "response")
        qop, algorithm = parameters.get("qop"), parameters.get("algorithm")
        if qop is not None:
            _require(parameters, "nc", "cnonce")
        elif (DigestAlgorithm.parse(algorithm) or DigestAlgorithm.MD5).session:
            _require(parameters, "cnonce")
        return cls(
            username=parameters.get("username") or "",
            realm=parameters.get("realm") or "",
            nonce=parameters.get("nonce") or "",
            uri=parameters.get("uri") or "",
            response=parameters.get("response") or "",
            algorithm=DigestAlgorithm.parse(algorithm),
            algorithm_text=algorithm,
            opaque=parameters.get("opaque"),
            qop=qop,
            nc=parameters.get("nc") or "",
            cnonce=parameters.get("cnonce") or "",
        )

    @property
    def count(self) -> int | None:
        """nc as a number, None where there is none."""
        return int(self.nc, 16) if _NONCE_COUNT.fullmatch(self.nc) else None

    def format(self) -> str:
        """The value of a credentials header."""
        optional = (
            ("algorithm", self.algorithm_text),
            ("opaque", self.opaque),
            ("qop", self.qop),
            ("nc", self.nc or None),
            ("cnonce", self.cnonce or None),
        )
        required = (("username", self.username), ("realm", self.realm), ("nonce", self.nonce), ("uri", self.uri))
        given = tuple((name, value) for name, value in optional if value is not None)
        parameters = AuthParameters(Scheme.DIGEST.value, (*required, ("response", self.response), *given))
        return parameters.format(_BARE)

    def expected(self, method: str, body: bytes, password: str) -> str | None:
        """The right `response` to this challenge, None where the algorithm is not known."""
        values = self._values(method, body)
        return None if values is None else request_digest(values, password)

    def expected_rspauth(self, body: bytes, password: str) -> str | None:
        """The right `rspauth` of the answer, whose body is given; None where the algorithm is not known."""
        values = self._values("", body)
        return None if values is None else response_digest(values, password)

    def _values(self, method: str, body: bytes) -> DigestValues | None:
        if self.algorithm is None:
            return None
        return DigestValues(
            self.algorithm,
            self.username,
            self.realm,
            self.nonce,
            self.uri,
            method,
            self.qop,
            self.nc,
            self.cnonce,
            body,
        )


@dataclass(frozen=True, slots=True)
class DigestInfo:
    """What a server proves in Authentication-Info. Texts are None where they are absent."""

    rspauth: str | None = field(repr=False)
    nextnonce: str | None

    @classmethod
    def of(cls, value: str) -> DigestInfo | None:
        """Reads the value of an info header, which names no scheme where it is Digest's; None for one of a scheme."""
        try:
            parameters = AuthParameters.parse(f"{Scheme.DIGEST.value} {value}")
        except ParseError:
            return None
        return cls(parameters.get("rspauth"), parameters.get("nextnonce"))


def answer_challenge(
    challenge: DigestChallenge, request: Request, username: str, password: str, *, cnonce: str, count: int = 1
) -> DigestCredentials:
    """A client's credentials for a challenge, by `auth` where it is offered, else `auth-int`, else as RFC 2069 has it.

    Args:
        challenge: as it came.
        request: what is sent again.
        username: as the server knows it; of an anonymous user any name.
        password: of a conference its passcode.
        cnonce: random text of the client's.
        count: how often this nonce is used.

    Raises:
        ParseError: the algorithm or every qop of the challenge is unknown.
    """
    if challenge.algorithm is None:
        raise ParseError(f"an unknown Digest algorithm: {challenge.algorithm_text[:40]!a}")
    qop = next((choice for choice in ("auth", "auth-int") if choice in challenge.qop), None)
    if challenge.qop and qop is None:
        raise ParseError(f"an unknown Digest qop: {','.join(challenge.qop)[:40]!a}")
    values = DigestValues(
        challenge.algorithm,
        username,
        challenge.realm,
        challenge.nonce,
        request.uri,
        request.method,
        qop,
        f"{count:08x}" if qop is not None else "",
        cnonce if qop is not None or challenge.algorithm.session else "",
        request.body,
    )
    return DigestCredentials(
        username=username,
        realm=values.realm,
        nonce=values.nonce,
        uri=values.uri,
        response=request_digest(values, password),
        algorithm=values.algorithm,
        algorithm_text=challenge.algorithm_text,
        opaque=challenge.opaque,
        qop=qop,
        nc=values.nc,
        cnonce=values.cnonce,
    )


def is_anonymous_join(message: Message) -> bool:
    """Whether an INVITE (or its answer) is of an anonymous user who joins a conference, [MS-SIPAE] 3.2.4.3."""
    try:
        sender, conference = SipUri.parse(message.from_.uri), SipUri.parse(message.to.uri)
        method = message.cseq.method
    except SipError:
        return False
    anonymous = sender.host.lower() == ANONYMOUS_HOST
    return anonymous and method == "INVITE" and (conference.param("opaque") or "").lower().startswith(CONFERENCE)


def _require(parameters: AuthParameters, *names: str) -> None:
    if Scheme.parse(parameters.scheme_text) is not Scheme.DIGEST:
        raise ParseError(f"not Digest: {parameters.scheme_text[:40]!a}")
    for name in names:
        if parameters.get(name) is None:
            raise ParseError(f"the Digest parameters have no {name}")
