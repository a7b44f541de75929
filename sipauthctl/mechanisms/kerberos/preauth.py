"""Encrypted timestamps (PA-ENC-TIMESTAMP) made from a password, RFC 4120 5.2.7.2, without libkrb5.

With one a KDC judges the password, and tells of an account what it keeps from strangers. libkrb5 makes them too, but
hides the KDC's answer behind a code. The types of keys are those of RFC 3962 (AES) and RFC 4757 (RC4).
"""

from __future__ import annotations

import hashlib
import hmac
import math
import struct
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pyasn1.codec.der import encoder
from spnego._ntlm_raw.crypto import rc4, rc4init

from sipauthctl.mechanisms.kerberos.as_exchange import RC4, KeyType, timestamp_kind
from sipauthctl.mechanisms.kerberos.asn1 import EncryptedData, EncryptedTimestamp
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret
from sipauthctl.trust import Clearance

USAGE = 1  # key usage of PA-ENC-TIMESTAMP, RFC 4120 7.5.1
MAX_ITERATIONS = 1 << 20
"""More is refused: the KDC chooses the number, and each costs time. AD uses 4096, MIT too."""

MIN_ITERATIONS = 4096
"""Fewer are refused, as by libkrb5: whoever answers in the KDC's place would have the password for a cheap guess."""

_AES_BYTES = {17: 16, 18: 32}
_BLOCK = 16
_MAC_BYTES = 12
_DEFAULT_ITERATIONS = 4096


def usable(key_type: KeyType) -> bool:
    """Whether a timestamp can be made for this type of key."""
    return key_type.etype in _AES_BYTES or key_type.etype == RC4


def encrypted_timestamp(
    key_type: KeyType, password: str, time: datetime, token_bytes: Callable[[int], bytes], cleared: Clearance
) -> bytes:
    """The value of a PA-ENC-TIMESTAMP. Takes some milliseconds of computing.

    Args:
        key_type: one of those that the KDC named, with its salt; must be `usable`.
        password: the user's.
        time: in UTC; the KDC compares it with its own clock.
        token_bytes: random bytes.
        cleared: the leave to send it.

    Raises:
        ValueError: the KDC's parameters are out of bounds.
    """
    stamp: Any = EncryptedTimestamp()
    stamp["patimestamp"] = time.strftime("%Y%m%d%H%M%SZ")
    stamp["pausec"] = time.microsecond
    plain = encoder.encode(stamp)
    if key_type.etype == RC4:
        cipher = _rc4_encrypt(NtlmSecret.from_password(password).rc4_key, plain, token_bytes(8))
    else:
        if _iterations(key_type) < MIN_ITERATIONS:
            raise ValueError(f"the KDC asks for {_iterations(key_type)} iterations of string-to-key")
        cipher = aes_encrypt(aes_key(key_type, password), plain, token_bytes(_BLOCK))
    sealed: Any = EncryptedData()
    sealed["etype"] = key_type.etype
    sealed["cipher"] = cipher
    return cleared.release(timestamp_kind(key_type.etype), encoder.encode(sealed))


def aes_key(key_type: KeyType, password: str) -> bytes:
    """String-to-key of RFC 3962 4.

    Raises:
        ValueError: the KDC's parameters are out of bounds.
    """
    iterations = _iterations(key_type)
    if not 0 < iterations <= MAX_ITERATIONS:
        raise ValueError(f"the KDC asks for {iterations} iterations of string-to-key")
    length = _AES_BYTES[key_type.etype]
    secret, salt = (text.encode("utf-8", "surrogateescape") for text in (password, key_type.salt or ""))
    return _derived(hashlib.pbkdf2_hmac("sha1", secret, salt, iterations, length), b"kerberos")


def _iterations(key_type: KeyType) -> int:
    if not key_type.parameters:
        return _DEFAULT_ITERATIONS
    if len(key_type.parameters) != 4:
        raise ValueError("the parameters of the KDC's string-to-key cannot be read")
    return int.from_bytes(key_type.parameters)


def aes_encrypt(key: bytes, plain: bytes, confounder: bytes, usage: int = USAGE) -> bytes:
    """RFC 3962 6 and RFC 3961 5.3: ciphertext with stealing, then the MAC over the plain text."""
    purpose = struct.pack("!I", usage)
    text = confounder + plain
    mac = hmac.digest(_derived(key, purpose + b"\x55"), text, "sha1")[:_MAC_BYTES]
    return cbc_cts(_derived(key, purpose + b"\xaa"), text) + mac


def cbc_cts(key: bytes, text: bytes) -> bytes:
    """CBC with ciphertext stealing and a zero vector, RFC 3962 5, of more than one block."""
    cipher = _cbc(key, text + bytes(-len(text) % _BLOCK))
    head, before_last, last = cipher[: -2 * _BLOCK], cipher[-2 * _BLOCK : -_BLOCK], cipher[-_BLOCK:]
    return (head + last + before_last)[: len(text)]


def n_fold(data: bytes, size: int) -> bytes:
    """The input spread over `size` bytes, RFC 3961 5.1: copies, each turned right by 13 bits more, are added up with
    the carry brought round."""
    bits = len(data) * 8
    value = int.from_bytes(data, "big")
    copies = math.lcm(len(data), size) // len(data)
    turned = []
    for number in range(copies):
        turn = 13 * number % bits
        turned.append((value >> turn | value << (bits - turn)) & ((1 << bits) - 1))
    joined = b"".join(item.to_bytes(len(data), "big") for item in turned)
    total = sum(int.from_bytes(joined[start : start + size], "big") for start in range(0, len(joined), size))
    limit = 1 << size * 8
    while total >= limit:
        total = total % limit + total // limit
    return total.to_bytes(size, "big")


def _derived(key: bytes, constant: bytes) -> bytes:
    """DK of RFC 3961 5.1; AES takes the bytes as they come."""
    block = constant if len(constant) == _BLOCK else n_fold(constant, _BLOCK)
    result = b""
    while len(result) < len(key):
        block = _cbc(key, block)
        result += block
    return result[: len(key)]


def _cbc(key: bytes, data: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(_BLOCK))).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def _rc4_encrypt(key: bytes, plain: bytes, confounder: bytes, usage: int = USAGE) -> bytes:
    """RFC 4757 5."""
    usage_key = hmac.digest(key, struct.pack("<I", usage), "md5")
    text = confounder + plain
    checksum = hmac.digest(usage_key, text, "md5")
    cipher: bytes = rc4(rc4init(hmac.digest(usage_key, checksum, "md5")), text)
    return checksum + cipher
