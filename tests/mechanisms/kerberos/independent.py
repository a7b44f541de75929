"""MIC tokens written here once more, to make wrong ones with: RFC 3961, 3962, 8009, 4121 and 4757.

Nothing of the package is used, and only AES and hashes of others.
"""

from __future__ import annotations

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.analysis.independent import rc4

SHA1 = {17: 16, 18: 32}
SHA2 = {19: ("sha256", 16), 20: ("sha384", 24)}


def n_fold(text: bytes, size: int) -> bytes:
    """RFC 3961 5.1."""
    length = len(text) * size
    while length % len(text) or length % size:
        length += 1
    length = len(text) * size // _gcd(len(text), size)
    bits = "".join(f"{byte:08b}" for byte in text)
    long = ""
    for turn in range(length // len(text)):
        shift = 13 * turn % len(bits)
        long += bits[len(bits) - shift :] + bits[: len(bits) - shift]
    total = 0
    for place in range(0, len(long), size * 8):
        total += int(long[place : place + size * 8], 2)
    while total >> size * 8:
        total = (total >> size * 8) + (total & (1 << size * 8) - 1)
    return total.to_bytes(size, "big")


def _gcd(a: int, b: int) -> int:
    return a if b == 0 else _gcd(b, a % b)


def aes(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def checksum_key(key: bytes, enctype: int, usage: int) -> bytes:
    """Kc, RFC 3961 5.3 and RFC 8009 3."""
    label = struct.pack(">I", usage) + b"\x99"
    if enctype in SHA2:
        digest, length = SHA2[enctype]
        data = struct.pack(">I", 1) + label + b"\0" + struct.pack(">I", length * 8)
        return hmac.digest(key, data, digest)[:length]
    block = n_fold(label, 16)
    made = b""
    while len(made) < SHA1[enctype]:
        block = aes(key, block)
        made += block
    return made[: SHA1[enctype]]


def checksum(key: bytes, enctype: int, usage: int, data: bytes, *, whole: bool = False) -> bytes:
    digest, length = ("sha1", 12) if enctype in SHA1 else SHA2[enctype]
    made = hmac.digest(checksum_key(key, enctype, usage), data, digest)
    return made if whole else made[:length]


def header(flags: int, sequence: int = 7) -> bytes:
    return b"\x04\x04" + bytes((flags,)) + b"\xff" * 5 + struct.pack(">Q", sequence)


RC4_HEAD = bytes.fromhex("01011100ffffffff")


def rc4_token(
    key: bytes,
    message: bytes,
    *,
    direction: bytes = bytes(4),
    salt: int = 15,
    label: bytes = b"signaturekey\0",
    head: bytes = RC4_HEAD,
    encrypt: bool = True,
    sequence_key: bytes | None = None,
) -> bytes:
    signing = hmac.digest(key, label, "md5")
    made = hmac.digest(signing, hashlib.md5(struct.pack("<I", salt) + head + message).digest(), "md5")[:8]
    cipher = hmac.digest(hmac.digest(sequence_key or key, bytes(4), "md5"), made, "md5")
    plain = struct.pack(">I", 7) + direction
    body = RC4_HEAD + (rc4(cipher, plain) if encrypt else plain) + made
    oid = bytes.fromhex("06092a864886f712010202")
    return b"\x60" + bytes((len(oid + body),)) + oid + body
