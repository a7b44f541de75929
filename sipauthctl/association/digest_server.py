"""The server's side of Digest, without I/O, RFC 7616 3.3 to 3.5."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sipauthctl.association.digest import DigestChallenge, DigestCredentials
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.digest import DigestAlgorithm, same_digest
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Request
from sipauthctl.sip.params import quote

NONCE_BYTES = 24
OPAQUE_BYTES = 4
NONCES_KEPT = 1024  # the oldest gives way; whoever comes with it then is challenged with stale=true


@dataclass(frozen=True, slots=True)
class DigestAccepted:
    """The client knows the password. `info` is the value of the info header for the answer, whose body is empty."""

    username: str
    info: str


@dataclass(frozen=True, slots=True)
class DigestRefused:
    """Answer with this challenge. `detail` says why; `wrong` tells a wrong response from one that was due."""

    challenge: DigestChallenge
    detail: str
    wrong: bool


@dataclass(slots=True)
class _Nonce:
    realm: str
    count: int = 0


@dataclass(slots=True)
class DigestAuthenticator:
    """Challenges and checks.

    Args:
        family: 401 of a user agent or 407 of a proxy.
        token_bytes: gives that many random bytes.
        algorithm: of every challenge; servers of this family use MD5-sess ([MS-SIPAE] 4.5).
    """

    family: HeaderFamily
    token_bytes: Callable[[int], bytes]
    algorithm: DigestAlgorithm = DigestAlgorithm.MD5_SESS
    _nonces: dict[str, _Nonce] = field(default_factory=dict)

    def receive(self, request: Request, realm: str, password: str) -> DigestAccepted | DigestRefused:
        """Judges a request for one realm with one password."""
        try:
            credentials = self._credentials(request, realm)
        except SipError as error:
            return self._refuse(realm, str(error), wrong=True)
        if credentials is None:
            return self._refuse(realm, "no Digest credentials")
        known = self._nonces.get(credentials.nonce)
        if known is None or known.realm != realm:
            return self._refuse(realm, "the nonce is not known", stale=True)
        count = credentials.count
        if count is None or count <= known.count:
            return self._refuse(realm, f"nc {credentials.nc[:20]!a} was used before", stale=True)
        if credentials.uri != request.uri:
            return self._refuse(realm, "the uri parameter is not the Request-URI", wrong=True)
        if credentials.algorithm is not self.algorithm or (credentials.qop or "").lower() not in ("auth", "auth-int"):
            return self._refuse(realm, "another algorithm or qop than was offered", wrong=True)
        expected = credentials.expected(request.method, request.body, password)
        if expected is None or not same_digest(expected, credentials.response):
            return self._refuse(realm, "the response does not prove the password", wrong=True)
        known.count = count
        return DigestAccepted(credentials.username, _info(credentials, password))

    def _credentials(self, request: Request, realm: str) -> DigestCredentials | None:
        for value in request.headers.get_all(self.family.credentials):
            for parameters in AuthParameters.parse_all(value):
                if Scheme.parse(parameters.scheme_text) is Scheme.DIGEST and parameters.get("realm") == realm:
                    return DigestCredentials.of(parameters)
        return None

    def _refuse(self, realm: str, detail: str, *, stale: bool = False, wrong: bool = False) -> DigestRefused:
        nonce = self.token_bytes(NONCE_BYTES).hex()
        opaque = self.token_bytes(OPAQUE_BYTES).hex().upper()
        if len(self._nonces) >= NONCES_KEPT:
            del self._nonces[next(iter(self._nonces))]
        self._nonces[nonce] = _Nonce(realm)
        challenge = DigestChallenge(realm, nonce, opaque, self.algorithm, self.algorithm.text, ("auth",), stale)
        return DigestRefused(challenge, detail, wrong)


def _info(credentials: DigestCredentials, password: str) -> str:
    rspauth = credentials.expected_rspauth(b"", password)
    cnonce = quote(credentials.cnonce)
    return f'qop={credentials.qop}, rspauth="{rspauth}", cnonce={cnonce}, nc={credentials.nc}'
