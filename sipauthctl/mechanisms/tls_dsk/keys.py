"""The keys of a TLS-DSK association and its signatures.

[MS-SIPAE] 3.2.5.1: the key material is that of EAP-TLS (RFC 5216 2.3), 128 bytes of
PRF(master secret, "client EAP encryption", ClientHello.random + ServerHello.random); its third 32 bytes are the
client's key and its last 32 the server's. A signature is an HMAC over the signature buffer. Which hash it uses follows
from the cipher suite (MD5 or SHA-1 with the suites of that time); its length tells it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from sipauthctl.mechanisms.tls_dsk.handshake import TlsHandshake
from sipauthctl.mechanisms.tls_dsk.suites import prf_hash

LABEL = b"client EAP encryption"
KEY_BYTES = 32
TLS_1_2 = 0x0303

_HASHES = {16: "md5", 20: "sha1", 32: "sha256", 48: "sha384"}


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The keys of both sides."""

    client: bytes = field(repr=False)
    server: bytes = field(repr=False)


def signing_keys(
    master_secret: bytes, client_random: bytes, server_random: bytes, *, version: int, suite: int
) -> SigningKeys | None:
    """The keys that follow from a handshake.

    Args:
        master_secret: 48 bytes.
        client_random: of the ClientHello, 32 bytes.
        server_random: of the ServerHello, 32 bytes.
        version: as on the wire, 0x0301 to 0x0303.
        suite: the number of the cipher suite.

    Returns:
        None where the version or the suite is not known; TLS 1.3 has no master secret, and the specification knows
        TLS 1.0 to 1.2 alone.
    """
    seed = client_random + server_random
    if version == TLS_1_2:
        name = prf_hash(suite)
        if name is None:
            return None
        material = prf(master_secret, LABEL, seed, 4 * KEY_BYTES, name)
    elif version in (0x0301, 0x0302):
        material = old_prf(master_secret, LABEL, seed, 4 * KEY_BYTES)
    else:
        return None
    return SigningKeys(material[2 * KEY_BYTES : 3 * KEY_BYTES], material[3 * KEY_BYTES :])


def keys_of(seen: TlsHandshake, master_secret: bytes) -> SigningKeys | None:
    """The keys of a handshake whose hellos were seen; None where they cannot be made, as in `signing_keys`."""
    if seen.client_random is None or seen.server_random is None or seen.version is None or seen.suite is None:
        return None
    return signing_keys(master_secret, seen.client_random, seen.server_random, version=seen.version, suite=seen.suite)


def sign(key: bytes, data: bytes, hash_name: str) -> bytes:
    """The signature of `data`; `hash_name` is md5, sha1, sha256 or sha384."""
    return hmac.new(key, data, hash_name).digest()


def hash_of(signature: bytes) -> str | None:
    """The hash that a signature of this length uses, None where it is none's."""
    return _HASHES.get(len(signature))


def verify(key: bytes, data: bytes, signature: bytes) -> bool:
    """Whether `signature` is that of `data`. One of another length than any hash's is False."""
    name = hash_of(signature)
    return name is not None and hmac.compare_digest(sign(key, data, name), signature)


def prf(secret: bytes, label: bytes, seed: bytes, size: int, hash_name: str) -> bytes:
    """The PRF of TLS 1.2, RFC 5246 5."""
    return _p_hash(secret, label + seed, size, hash_name)


def old_prf(secret: bytes, label: bytes, seed: bytes, size: int) -> bytes:
    """The PRF of TLS 1.0 and 1.1, RFC 2246 5: each half of the secret with a hash of its own, exclusive-ored."""
    half = (len(secret) + 1) // 2
    first = _p_hash(secret[:half], label + seed, size, "md5")
    second = _p_hash(secret[len(secret) - half :], label + seed, size, "sha1")
    return bytes(a ^ b for a, b in zip(first, second, strict=True))


def _p_hash(secret: bytes, seed: bytes, size: int, hash_name: str) -> bytes:
    result, a = b"", seed
    while len(result) < size:
        a = hmac.new(secret, a, hash_name).digest()
        result += hmac.new(secret, a + seed, hash_name).digest()
    return result[:size]
