"""The values of Digest access authentication, RFC 7616 3.4 (and RFC 2617 3.2.2, which it contains)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from enum import Enum


class DigestAlgorithm(Enum):
    """An algorithm as the header names it, its hash, and whether A1 holds the nonces (`-sess`).

    SHA-512-256 is the hash of FIPS 180-4, not a SHA-512 that is cut short (RFC 7616, erratum 4897).
    """

    MD5 = ("MD5", "md5", False)
    MD5_SESS = ("MD5-sess", "md5", True)
    SHA_256 = ("SHA-256", "sha256", False)
    SHA_256_SESS = ("SHA-256-sess", "sha256", True)
    SHA_512_256 = ("SHA-512-256", "sha512_256", False)
    SHA_512_256_SESS = ("SHA-512-256-sess", "sha512_256", True)

    def __init__(self, text: str, hash_name: str, session: bool) -> None:
        self.text = text
        self.hash_name = hash_name
        self.session = session

    @classmethod
    def parse(cls, text: str | None) -> DigestAlgorithm | None:
        """The algorithm called `text` in any case; MD5 where the parameter is absent; None for an unknown one."""
        wanted = "md5" if text is None else text.lower()
        return next((one for one in cls if one.text.lower() == wanted), None)

    def hash(self, data: bytes) -> str:
        """H(data) in lower-case hexadecimal."""
        return hashlib.new(self.hash_name, data, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class DigestValues:
    """What a response covers. Texts are without quotes; `qop` is None in the form of RFC 2069, which has no nc either.

    `body` counts for `auth-int` alone.
    """

    algorithm: DigestAlgorithm
    username: str
    realm: str
    nonce: str
    uri: str
    method: str
    qop: str | None
    nc: str
    cnonce: str
    body: bytes = field(default=b"", repr=False)


def request_digest(values: DigestValues, password: str) -> str:
    """The `response` of a client."""
    return _digest(values, password, values.method)


def response_digest(values: DigestValues, password: str) -> str:
    """The `rspauth` of a server, whose A2 has no method; `body` is that of its answer."""
    return _digest(values, password, "")


def same_digest(first: str, second: str) -> bool:
    """Whether two digests are equal, in a time that does not tell where they differ; the case does not count."""
    left, right = (text.lower().encode("utf-8", "surrogateescape") for text in (first, second))
    return hmac.compare_digest(left, right)


def _digest(values: DigestValues, password: str, method: str) -> str:
    hashed = values.algorithm.hash
    a1 = hashed(_join(values.username, values.realm, password))
    if values.algorithm.session:
        a1 = hashed(_join(a1, values.nonce, values.cnonce))
    integrity = (values.qop or "").lower() == "auth-int"
    a2 = hashed(_join(method, values.uri, *((hashed(values.body),) if integrity else ())))
    if values.qop is None:
        return hashed(_join(a1, values.nonce, a2))
    return hashed(_join(a1, values.nonce, values.nc, values.cnonce, values.qop, a2))


def _join(*parts: str) -> bytes:
    return ":".join(parts).encode("utf-8", "surrogateescape")
