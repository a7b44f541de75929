"""Finds what is derived from a secret in bytes that an attacker received. Nothing of the package is used.

`find_leaks` knows the password in several encodings, its NT hash, NTLM responses, encrypted timestamps of Kerberos,
LDAP simple binds and Kerberos tickets. Whatever has the form of one is reported; `proven` tells whether it was
recomputed with the password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote_from_bytes

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from spnego._ntlm_raw.crypto import compute_response_v1, ntowfv1, ntowfv2, rc4k
from spnego._ntlm_raw.messages import Authenticate, NegotiateFlags

from tests.mechanisms.kerberos.independent import n_fold


class Kind(Enum):
    """What leaked."""

    PASSWORD = "the password"
    NT_HASH = "the NT hash of the password"
    NTLM_RESPONSE = "an NTLM response"
    TIMESTAMP_AES = "a PA-ENC-TIMESTAMP under AES"
    TIMESTAMP_RC4 = "a PA-ENC-TIMESTAMP under RC4"
    SIMPLE_BIND = "an LDAP simple bind"
    TICKET = "a Kerberos ticket"


@dataclass(frozen=True)
class Leak:
    """One secret that reached the attacker. `proven`: it was recomputed with the password."""

    kind: Kind
    proven: bool = True
    detail: str = ""


@dataclass(frozen=True)
class Secret:
    """What is looked for: a password, and what the attacker chose for what is made of it.

    `server_challenges` are those of the attacker's NTLM CHALLENGEs, `salts` those of its KDC with the iterations.
    """

    password: str
    server_challenges: tuple[bytes, ...] = ()
    salts: tuple[tuple[str, int], ...] = ()


def find_leaks(data: bytes, secret: Secret) -> set[Leak]:
    """All leaks in what came over one connection, or in one datagram."""
    found: set[Leak] = set()
    for text in (data, *_decoded(data)):
        found |= set(_spellings(text, secret))
        found |= set(_ntlm(text, secret))
        found |= set(_timestamps(text, secret))
        found |= set(_simple_binds(text, secret))
        if _TICKET.search(text):
            found.add(Leak(Kind.TICKET, proven=False))
    return found


_BASE64 = re.compile(rb"[A-Za-z0-9+/]{12,}={0,2}")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}){8,}")


def _decoded(data: bytes) -> Iterator[bytes]:
    """What stands in it in base64 (at each of its four alignments) or in hex (at both)."""
    for match in _BASE64.finditer(data):
        for start in range(4):
            run = match[0][start:].rstrip(b"=")
            yield base64.b64decode(run + b"A" * (-len(run) % 4))
    for match in _HEX.finditer(data):
        for start in range(2):
            run = match[0][start:]
            yield bytes.fromhex(run[: len(run) // 2 * 2].decode("ascii"))


def _spellings(data: bytes, secret: Secret) -> Iterator[Leak]:
    plain = secret.password.encode()
    forms = {plain, secret.password.encode("utf-16-le"), secret.password.encode("utf-16-be")}
    forms |= {quote_from_bytes(plain, safe="").encode(), plain.hex().encode(), plain.hex().upper().encode()}
    if any(form in data for form in forms):
        yield Leak(Kind.PASSWORD)
    if ntowfv1(secret.password) in data:
        yield Leak(Kind.NT_HASH)


def _ntlm(data: bytes, secret: Secret) -> Iterator[Leak]:
    """NTLM AUTHENTICATE messages with a response, [MS-NLMP] 2.2.1.3."""
    for match in re.finditer(rb"NTLMSSP\0\x03\0\0\0", data):
        try:
            message = Authenticate.unpack(data[match.start() :])
        except (ValueError, IndexError) as error:
            yield Leak(Kind.NTLM_RESPONSE, False, f"in a message that cannot be read: {error}")
            continue
        response, lm_response = message.nt_challenge_response or b"", message.lm_challenge_response or b""
        if response or lm_response.strip(b"\0"):
            version = 1 if len(response) == 24 else 2
            proven = any(_made(message, response, one, secret.password) for one in secret.server_challenges)
            yield Leak(Kind.NTLM_RESPONSE, proven, f"version {version}")


def _made(message: Authenticate, response: bytes, server_challenge: bytes, password: str) -> bool:
    """Whether the NT response answers the challenge with the password, [MS-NLMP] 3.3.1 and 3.3.2."""
    nt_hash = ntowfv1(password)
    if len(response) == 24:
        client_challenge = (message.lm_challenge_response or b"")[:8]
        made = (
            compute_response_v1(flags, nt_hash, bytes(16), server_challenge, client_challenge, no_lm_response=True)[0]
            for flags in (0, NegotiateFlags.extended_session_security)
        )
        return response in made
    key = ntowfv2(message.user_name or "", nt_hash, message.domain_name or "")
    return hmac.digest(key, server_challenge + response[16:], "md5") == response[:16]


_PA_ENC_TIMESTAMP = re.compile(rb"\xa1\x03\x02\x01\x02\xa2")  # padata-type 2, then the tag of its value
_ETYPE = re.compile(rb"\xa0\x03\x02\x01(.)", re.DOTALL)


def _timestamps(data: bytes, secret: Secret) -> Iterator[Leak]:
    """PA-ENC-TIMESTAMP, RFC 4120 5.2.7.2, in whatever message."""
    for match in _PA_ENC_TIMESTAMP.finditer(data):
        try:
            _, value, _ = read_der(data, match.end() - 1)
            _, octets, _ = read_der(value)
            _, encrypted, _ = read_der(octets)
            etype = _ETYPE.match(encrypted)
            _, cipher, _ = read_der(encrypted, etype.end() if etype else 0)
            _, cipher, _ = read_der(cipher)
        except IndexError:
            continue  # the bytes of something else
        if etype is not None:
            number = etype[1][0]
            kind = Kind.TIMESTAMP_RC4 if number == 23 else Kind.TIMESTAMP_AES
            yield Leak(kind, _opens(number, cipher, secret), f"etype {number}")


def _opens(etype: int, cipher: bytes, secret: Secret) -> bool:
    """Whether a key of the password opens it."""
    if etype == 23:  # RFC 4757 3
        key = hmac.digest(ntowfv1(secret.password), (1).to_bytes(4, "little"), "md5")
        plain = rc4k(hmac.digest(key, cipher[:16], "md5"), cipher[16:])
        return hmac.digest(key, plain, "md5") == cipher[:16]
    size = {17: 16, 18: 32}.get(etype)
    return size is not None and any(_opens_aes(size, cipher, secret.password, *salt) for salt in secret.salts)


def _opens_aes(size: int, cipher: bytes, password: str, salt: str, iterations: int) -> bool:
    """RFC 3962 4 and 6; the key usage is 1."""
    stretched = hashlib.pbkdf2_hmac("sha1", password.encode(), salt.encode(), iterations, size)
    key = _derived(stretched, b"kerberos")
    body, mac = cipher[:-12], cipher[-12:]
    plain = _decrypt_cts(_derived(key, b"\0\0\0\x01\xaa"), body)
    return hmac.digest(_derived(key, b"\0\0\0\x01\x55"), plain, "sha1")[:12] == mac


def _derived(key: bytes, constant: bytes) -> bytes:
    """DK, RFC 3961 5.1."""
    block, made = n_fold(constant, 16), b""
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    while len(made) < len(key):
        block = encryptor.update(block)
        made += block
    return made[: len(key)]


def _decrypt_cts(key: bytes, data: bytes) -> bytes:
    """AES in CBC mode with ciphertext stealing and an initial vector of zeros, RFC 3962 5."""
    short = len(data) % 16 or 16
    head, last, rest = data[: -16 - short], data[-16 - short : -short], data[-short:]
    block = Cipher(algorithms.AES(key), modes.ECB()).decryptor().update(last)
    full = head + rest + block[short:] + last
    plain = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor().update(full)
    return plain[: len(data)]


_BIND = re.compile(rb"\x02\x01[\x02\x03](?=\x04)")  # LDAP version, before the name


def _simple_binds(data: bytes, secret: Secret) -> Iterator[Leak]:
    """BindRequest with a simple password that is not empty, RFC 4511 4.2."""
    for match in _BIND.finditer(data):
        try:
            _, _, after = read_der(data, match.end())
            tag, password, _ = read_der(data, after)
        except IndexError:
            continue
        if tag == 0x80 and password:
            yield Leak(Kind.SIMPLE_BIND, password == secret.password.encode())


# The initial token of Kerberos in GSS-API (RFC 4121 4.1), an AP-REQ in a TGS-REQ (padata-type 1, RFC 4120 5.2.7.1),
# and a bare AP-REQ: pvno 5 and msg-type 14.
_TICKET = re.compile(
    rb"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00\x6e"
    rb"|\xa1\x03\x02\x01\x01\xa2.{1,10}\x6e"
    rb"|\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x0e",
    re.DOTALL,
)


def read_der(data: bytes, start: int = 0) -> tuple[int, bytes, int]:
    """One element of DER: its tag, its content, and where the next one begins.

    Raises:
        IndexError: the data ends before it does.
    """
    tag, length, at = data[start], data[start + 1], start + 2
    if length & 0x80:
        size = length & 0x7F
        length, at = int.from_bytes(data[at : at + size], "big"), at + size
    if at + length > len(data):
        raise IndexError
    return tag, data[at : at + length], at + length
