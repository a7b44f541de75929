"""MIC tokens checked with the keys alone: RFC 4121 4.2.6.1 for AES and Camellia, RFC 4757 7.3 for RC4.

The rules are those of GSS_VerifyMIC at the peer. The order of the tokens (SND_SEQ) does not decide whether a MIC is
valid; SIP has its own numbers for that. Without the keys, `form_problem` checks what stands in the clear.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass

from spnego._ntlm_raw.crypto import rc4k

from sipauthctl.mechanisms.base import MalformedToken
from sipauthctl.mechanisms.kerberos.libkrb5 import Key
from sipauthctl.mechanisms.kerberos.offline import ContextKeys
from sipauthctl.mechanisms.kerberos.token import framed

RC4_HMAC = 23
_WITHOUT_TOKENS_HERE = frozenset({1, 2, 3, 16, 24})  # DES, Triple DES and RC4 for export, RFC 1964

HEADER_BYTES = 16
TOKEN_ID = b"\x04\x04"
FILLER = b"\xff" * 5
SENT_BY_ACCEPTOR, SEALED, ACCEPTOR_SUBKEY = 1, 2, 4
SIGN_USAGE = {False: 25, True: 23}
"""KG-USAGE-INITIATOR-SIGN and KG-USAGE-ACCEPTOR-SIGN, RFC 4121 2, by whether the acceptor signs."""

RC4_HEAD = bytes.fromhex("01011100ffffffff")
"""TOK_ID, SGN_ALG (HMAC) and filler, RFC 4757 7.3."""

RC4_SALT = 15
RC4_DIRECTION = {False: bytes(4), True: b"\xff" * 4}
_RC4_BYTES = 24
_FRAME = b"\x60"  # tokens of RFC 1964 and RFC 4757 begin with it
_OLD_TOKEN_ID = b"\x01\x01"
_OLD_HEAD_BYTES = 16  # TOK_ID, SGN_ALG, filler and SND_SEQ, RFC 1964 1.2.1
_OLD_CHECKSUM_BYTES = (8, 20)  # 20 with Triple DES
_CHECKSUM_BYTES = {17: 12, 18: 12, 19: 16, 20: 24, 25: 16, 26: 16}
"""By encryption type: RFC 3962 7, RFC 8009 8, RFC 6803 9."""

_SEQUENCE_LIMIT = 2**33  # SND_SEQ starts from a number of 32 bits, RFC 4120 5.5.1, and counts messages
_NEAR_BYTES = 2


def can_verify(keys: ContextKeys) -> bool:
    """Whether tokens of this type of key are known here."""
    return keys.without_acceptor.enctype not in _WITHOUT_TOKENS_HERE


def verify(keys: ContextKeys, by_acceptor: bool, message: bytes, token: bytes) -> bool:
    """Whether this side made `token` over `message`."""
    if (keys.acceptor_subkey or keys.without_acceptor).enctype == RC4_HMAC:
        parts = read_rc4(token)
        key = keys.acceptor_subkey or keys.without_acceptor
        return parts is not None and _verify_rc4(key, by_acceptor, message, parts)
    if len(token) <= HEADER_BYTES or token[:2] != TOKEN_ID or token[3:8] != FILLER:
        return False
    if bool(token[2] & SENT_BY_ACCEPTOR) is not by_acceptor:
        return False
    made = signing_key(keys, token[2]).checksum(SIGN_USAGE[by_acceptor], message + token[:HEADER_BYTES])
    return hmac.compare_digest(made, token[HEADER_BYTES:])


def form_problem(token: bytes, by_acceptor: bool, key_type: int | None) -> str:
    """What is wrong with the form of a MIC token, as far as it shows without the keys; empty where nothing is.

    Args:
        token: the signature.
        by_acceptor: whether the acceptor (the server) made it.
        key_type: the encryption type of the session key, None where it is not known.
    """
    old = token.startswith(_FRAME)
    if old and key_type not in _CHECKSUM_BYTES:
        return _old_form_problem(token)
    if old or token[: len(TOKEN_ID)] != TOKEN_ID:
        what = "a token of RFC 1964" if old else f"{token[: len(TOKEN_ID)].hex()}"
        due = "0404 of a MIC token of RFC 4121" if key_type in _CHECKSUM_BYTES else "0404 or 60 of a MIC token"
        return f"the signature begins with {what} instead of {due}"
    flags = token[2] if len(token) > 2 else 0
    # The acceptor's subkey may be of another type than the session key, RFC 4537.
    types = _CHECKSUM_BYTES if flags & ACCEPTOR_SUBKEY or key_type not in _CHECKSUM_BYTES else (key_type,)
    lengths = {HEADER_BYTES + _CHECKSUM_BYTES[type_] for type_ in types}
    if len(token) not in lengths:
        due = " or ".join(str(length) for length in sorted(lengths))
        return f"the signature has {len(token)} bytes; a MIC token of this key has {due}"
    if token[3:8] != FILLER:
        return f"the filler of the signature is {token[3:8].hex()} instead of {FILLER.hex()}"
    if bool(flags & SENT_BY_ACCEPTOR) is not by_acceptor:
        said, made = ("client", "server") if by_acceptor else ("server", "client")
        return f"its SentByAcceptor flag says that the {said} made the signature, and the message is the {made}'s"
    if int.from_bytes(token[8:HEADER_BYTES], "big") >= _SEQUENCE_LIMIT:
        return f"the SND_SEQ of the signature is {token[8:16].hex()}, which no count of messages can reach"
    return ""


def sequence_of(token: bytes) -> int | None:
    """SND_SEQ, where it stands in the clear: in a token of RFC 4121."""
    return int.from_bytes(token[8:HEADER_BYTES], "big") if token[: len(TOKEN_ID)] == TOKEN_ID else None


def _old_form_problem(token: bytes) -> str:
    try:
        inner = framed(token)
    except MalformedToken as error:
        return f"the signature is damaged: {error}"
    if inner[:2] != _OLD_TOKEN_ID:
        return f"the TOK_ID of the signature is {inner[:2].hex()} instead of {_OLD_TOKEN_ID.hex()}"
    if inner[4:8] != b"\xff" * 4:
        return f"the filler of the signature is {inner[4:8].hex()} instead of ffffffff"
    if len(inner) - _OLD_HEAD_BYTES not in _OLD_CHECKSUM_BYTES:
        return f"the checksum in the signature has {len(inner) - _OLD_HEAD_BYTES} bytes instead of 8 or 20"
    return ""


def signing_key(keys: ContextKeys, flags: int) -> Key:
    """The key that the flags of a token of RFC 4121 name."""
    if flags & ACCEPTOR_SUBKEY and keys.acceptor_subkey is not None:
        return keys.acceptor_subkey
    return keys.without_acceptor


@dataclass(frozen=True, slots=True)
class Rc4Token:
    """The parts of a token of RFC 4757; the sequence number with the direction is still encrypted."""

    sequence: bytes
    checksum: bytes


def read_rc4(token: bytes) -> Rc4Token | None:
    """Takes a token apart; None where it does not have the form."""
    try:
        inner = framed(token)
    except MalformedToken:
        return None
    if len(inner) != _RC4_BYTES or not inner.startswith(RC4_HEAD):
        return None
    return Rc4Token(inner[8:16], inner[16:])


def rc4_checksum(
    key: bytes, message: bytes, *, salt: int = RC4_SALT, label: bytes = b"signaturekey\0", head: bytes = RC4_HEAD
) -> bytes:
    """SGN_CKSUM; the defaults are what is right."""
    signing = hmac.digest(key, label, "md5")
    digest = hashlib.md5(struct.pack("<I", salt) + head + message, usedforsecurity=False).digest()
    return hmac.digest(signing, digest, "md5")[:8]


def rc4_sequence(key: bytes, parts: Rc4Token) -> bytes:
    """SND_SEQ decrypted: the number in 4 bytes, most significant first, then the direction."""
    sequence_key = hmac.digest(hmac.digest(key, bytes(4), "md5"), parts.checksum, "md5")
    plain: bytes = rc4k(sequence_key, parts.sequence)
    return plain


def _verify_rc4(key: Key, by_acceptor: bool, message: bytes, parts: Rc4Token) -> bool:
    if not hmac.compare_digest(rc4_checksum(key.contents, message), parts.checksum):
        return False
    return rc4_sequence(key.contents, parts)[4:] == RC4_DIRECTION[by_acceptor]


def nearly(keys: ContextKeys, by_acceptor: bool, message: bytes, token: bytes) -> bool:
    """Whether one or two bytes of the token are all that is wrong with it, as when it was changed on the way."""
    key = keys.acceptor_subkey or keys.without_acceptor
    if key.enctype == RC4_HMAC:
        parts = read_rc4(token)
        return parts is not None and _near(rc4_checksum(key.contents, message), parts.checksum)
    flags = SENT_BY_ACCEPTOR if by_acceptor else 0
    right = TOKEN_ID + bytes((flags | (token[2:3] or b"\0")[0] & ACCEPTOR_SUBKEY,)) + FILLER + token[8:HEADER_BYTES]
    made = right + signing_key(keys, right[2]).checksum(SIGN_USAGE[by_acceptor], message + right)
    return _near(made, token)


def _near(right: bytes, other: bytes) -> bool:
    return len(right) == len(other) and 0 < sum(a != b for a, b in zip(right, other, strict=True)) <= _NEAR_BYTES
