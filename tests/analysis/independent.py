"""NTLM signatures and strings to sign, written here once more with the standard library, to make wrong ones with.

Nothing of the package is used, so that a mistake in it cannot hide.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import zlib
from dataclasses import dataclass, replace

from spnego._ntlm_raw.md4 import md4

from sipauthctl.capture.record import Record

KEY_EXCH, ESS = 0x40000000, 0x00080000
_MAGIC = {
    ("client", "sign"): b"session key to client-to-server signing key magic constant\0",
    ("client", "seal"): b"session key to client-to-server sealing key magic constant\0",
    ("server", "sign"): b"session key to server-to-client signing key magic constant\0",
    ("server", "seal"): b"session key to server-to-client sealing key magic constant\0",
}


def md5(data: bytes) -> bytes:
    return hashlib.md5(data).digest()


def hmac_md5(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, "md5").digest()


def rc4(key: bytes, data: bytes, skip: int = 0) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    out = bytearray()
    for byte in bytes(skip) + data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out[skip:])


def field(token: bytes, position: int) -> bytes:
    length, _, offset = struct.unpack_from("<HHI", token, position)
    return token[offset : offset + length]


@dataclass(frozen=True)
class Keys:
    """The keys of one handshake, from its two tokens."""

    flags: int
    base: bytes
    encrypted: bytes
    lm_base: bytes

    @property
    def session(self) -> bytes:
        return rc4(self.base, self.encrypted) if self.flags & KEY_EXCH else self.base

    @property
    def ess(self) -> bool:
        return bool(self.flags & ESS)


def keys(challenge: bytes, authenticate: bytes, password: str) -> Keys:
    nt_hash = md4(password.encode("utf-16-le"))
    domain, user = field(authenticate, 28), field(authenticate, 36)
    response_key = hmac_md5(nt_hash, user.decode("utf-16-le").upper().encode("utf-16-le") + domain)
    lm, nt = field(authenticate, 12), field(authenticate, 20)
    assert hmac_md5(response_key, challenge[24:32] + nt[16:]) == nt[:16]
    (flags,) = struct.unpack_from("<I", authenticate, 60)
    return Keys(flags, hmac_md5(response_key, nt[:16]), field(authenticate, 52), hmac_md5(response_key, lm[:16]))


def signature(
    keys: Keys,
    who: str,
    text: bytes,
    *,
    session: bytes | None = None,
    sequence: int = 100,
    skip: int = 0,
    cipher_key: bytes | None = None,
    encrypt: bool = True,
) -> bytes:
    key, number = session or keys.session, struct.pack("<I", sequence)
    if keys.ess:
        checksum = hmac_md5(md5(key + _MAGIC[who, "sign"]), number + text)[:8]
        sealing = md5(md5(key + _MAGIC[who, "seal"]) + number) if cipher_key is None else cipher_key
        return b"\1\0\0\0" + (rc4(sealing, checksum, skip) if encrypt else checksum) + number
    plain = b"\0\0\0\0" + struct.pack("<I", zlib.crc32(text)) + number
    stream = rc4(key if cipher_key is None else cipher_key, bytes(12), skip) if encrypt else bytes(12)
    return b"\1\0\0\0\0\0\0\0" + bytes(a ^ b for a, b in zip(plain, stream, strict=True))[4:]


def sealing_key(keys: Keys, who: str) -> bytes:
    return md5(keys.session + _MAGIC[who, "seal"])


def value(raw: bytes, pattern: bytes) -> bytes:
    match = re.search(pattern, raw)
    return match[1] if match else b""


def string_fields(raw: bytes, who: str, version: int = 4) -> list[bytes]:
    """The fields that are signed, cut out of the message by hand."""
    c = b"c" if who == "client" else b"s"
    fields = [
        b"NTLM",
        value(raw, c + rb'rand="([^"]*)"'),
        value(raw, c + rb'num="([^"]*)"'),
        value(raw, rb'realm="([^"]*)"'),
        value(raw, rb'targetname="([^"]*)"'),
        value(raw, rb"\r\nCall-ID: ([^\r]*)"),
        value(raw, rb"\r\nCSeq: (\d+)"),
        value(raw, rb"\r\nCSeq: \d+ (\w+)"),
        value(raw, rb"\r\nFrom: (?:\"[^\"\r]*\" )?[^<\r]*<([^>]*)>"),
        value(raw, rb"\r\nFrom: [^\r]*;tag=(\w+)"),
    ]
    if version >= 3:
        fields.append(value(raw, rb"\r\nTo: [^<\r]*<([^>]*)>"))
    fields.append(value(raw, rb"\r\nTo: [^\r]*;tag=(\w+)"))
    if version >= 3:
        fields += [
            value(raw, rb"\r\nP-Asserted-Identity: [^\r]*<(sip:[^>]*)>"),
            value(raw, rb"\r\nP-Asserted-Identity: [^\r]*<(tel:[^>]*)>"),
        ]
    fields.append(value(raw, rb"\r\nExpires: (\d+)"))
    if raw.startswith(b"SIP/2.0 "):
        fields.append(raw[8:11])
    return fields


def joined(fields: list[bytes]) -> bytes:
    return b"".join(b"<%b>" % field for field in fields)


def tokens(records: list[Record]) -> list[bytes]:
    """All NTLM messages in their order."""
    found = (value(record.raw, rb'gssapi-data="([^"]+)"') for record in records)
    return [base64.b64decode(token) for token in found if token]


def resigned(record: Record, signature: bytes) -> Record:
    """The record with another signature in the place of its own."""
    raw, count = re.subn(
        rb'(response|rspauth)="[0-9a-fA-F]+"', lambda m: b'%b="%b"' % (m[1], signature.hex().encode()), record.raw
    )
    assert count == 1
    return replace(record, raw=raw)
