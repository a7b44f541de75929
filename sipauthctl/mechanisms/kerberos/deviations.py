"""How implementations make MIC tokens wrongly, so that an onlooker can name the mistake.

What is right is RFC 4121 4.2.6.1, with RC4 RFC 4757 7.3. Nothing here is used to sign.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sipauthctl.mechanisms.kerberos.libkrb5 import Key, LibraryError
from sipauthctl.mechanisms.kerberos.mic import (
    ACCEPTOR_SUBKEY,
    FILLER,
    HEADER_BYTES,
    RC4_DIRECTION,
    RC4_HEAD,
    RC4_HMAC,
    SENT_BY_ACCEPTOR,
    SIGN_USAGE,
    TOKEN_ID,
    Rc4Token,
    rc4_checksum,
    rc4_sequence,
    read_rc4,
    signing_key,
    verify,
)
from sipauthctl.mechanisms.kerberos.offline import ContextKeys

_SEAL_USAGE = {False: 24, True: 22}  # KG-USAGE-INITIATOR-SEAL and KG-USAGE-ACCEPTOR-SEAL, RFC 4121 2
_FULL_DIGEST = {12: 20, 16: 32, 24: 48}  # bytes of SHA-1, SHA-256 and SHA-384 by those that a checksum keeps
_OTHER_CHECKSUMS = (15, 16, 19, 20, 17, 18, -138, 12)  # RFC 3961 and 3962, 8009, 6803, 4757
_WRAP_HEAD = b"\x05\x04"


@dataclass(frozen=True, slots=True)
class Signed:
    """A token that does not hold, and what it should cover."""

    keys: ContextKeys
    by_acceptor: bool
    message: bytes
    token: bytes

    @property
    def header(self) -> bytes:
        """The first 16 bytes of a token of RFC 4121."""
        return self.token[:HEADER_BYTES]

    @property
    def checksum(self) -> bytes:
        """The rest of it."""
        return self.token[HEADER_BYTES:]

    @property
    def key(self) -> Key:
        """The key that should sign."""
        return signing_key(self.keys, self.token[2])

    @property
    def usage(self) -> int:
        """The key usage that should be."""
        return SIGN_USAGE[self.by_acceptor]

    @property
    def of_own_form(self) -> bool:
        """Whether it has the form of RFC 4121 and says of itself what its sender is."""
        return self.framed and bool(self.token[2] & SENT_BY_ACCEPTOR) is self.by_acceptor

    @property
    def framed(self) -> bool:
        """Whether it has the form of RFC 4121."""
        return len(self.token) > HEADER_BYTES and self.token[:2] == TOKEN_ID and self.token[3:8] == FILLER

    def made_over(self, data: bytes, key: Key | None = None, usage: int | None = None) -> bool:
        """Whether the checksum is one over `data`."""
        return (key or self.key).checksum(usage or self.usage, data) == self.checksum


@dataclass(frozen=True, slots=True)
class MicDeviation:
    """One mistake, and how to recognise it."""

    name: str
    sentence: str
    explains: Callable[[Signed], bool] = field(repr=False)


def find_deviation(keys: ContextKeys, by_acceptor: bool, message: bytes, token: bytes) -> MicDeviation | None:
    """The first mistake that explains the token, None where none does."""
    signed = Signed(keys, by_acceptor, message, token)
    rc4 = (keys.acceptor_subkey or keys.without_acceptor).enctype == RC4_HMAC
    table = RC4_DEVIATIONS if rc4 else MIC_DEVIATIONS
    return next((deviation for deviation in table if deviation.explains(signed)), None)


# --- RFC 4121


def _other_side(signed: Signed) -> bool:
    return verify(signed.keys, not signed.by_acceptor, signed.message, signed.token)


def _flag(signed: Signed) -> bool:
    if not signed.framed or signed.of_own_form:
        return False
    right = _with_flags(signed.header, signed.token[2] ^ SENT_BY_ACCEPTOR)
    return signed.made_over(signed.message + signed.header) or signed.made_over(signed.message + right)


def _usage(signed: Signed) -> bool:
    other = SIGN_USAGE[not signed.by_acceptor]
    return signed.of_own_form and signed.made_over(signed.message + signed.header, usage=other)


def _seal_usage(signed: Signed) -> bool:
    data = signed.message + signed.header
    return signed.of_own_form and any(signed.made_over(data, usage=usage) for usage in _SEAL_USAGE.values())


def _session_key(signed: Signed) -> bool:
    keys = signed.keys
    if not signed.of_own_form or signed.key is keys.session:
        return False
    return signed.made_over(signed.message + signed.header, keys.session)


def _initiator_key(signed: Signed) -> bool:
    if not signed.of_own_form or signed.key is signed.keys.without_acceptor:
        return False
    return signed.made_over(signed.message + signed.header, signed.keys.without_acceptor)


def _subkey_bit(signed: Signed) -> bool:
    key = signed.keys.acceptor_subkey
    if not signed.of_own_form or key is None or signed.token[2] & ACCEPTOR_SUBKEY:
        return False
    right = _with_flags(signed.header, signed.token[2] | ACCEPTOR_SUBKEY)
    return any(signed.made_over(signed.message + header, key) for header in (signed.header, right))


def _header_left_out(signed: Signed) -> bool:
    return signed.framed and signed.made_over(signed.message)


def _header_first(signed: Signed) -> bool:
    return signed.framed and signed.made_over(signed.header + signed.message)


def _other_header(signed: Signed) -> bool:
    return signed.framed and any(signed.made_over(signed.message + header) for header in _headers(signed.header))


def _headers(header: bytes) -> Iterator[bytes]:
    """What stands in the place of the header with those who mix it up with that of a Wrap token, or fill it late."""
    flags, number = header[2:3], header[8:]
    yield TOKEN_ID + flags + bytes(5) + number
    yield _WRAP_HEAD + flags + b"\xff" + bytes(4) + number
    yield _WRAP_HEAD + flags + FILLER + number
    yield TOKEN_ID + b"\0" + FILLER + number
    yield header[:8]
    yield bytes(HEADER_BYTES)


def _sequence(signed: Signed) -> bool:
    if not signed.framed:
        return False
    number = int.from_bytes(signed.header[8:], "big")
    others = {number - 1, number + 1, 0, int.from_bytes(signed.header[8:], "little")} - {number}
    near = (other.to_bytes(8, "big") for other in others if 0 <= other < 1 << 64)
    return any(signed.made_over(signed.message + signed.header[:8] + other) for other in near)


def _not_truncated(signed: Signed) -> bool:
    if not signed.framed:
        return False
    right = signed.key.checksum(signed.usage, signed.message + signed.header)
    return len(signed.checksum) == _FULL_DIGEST.get(len(right)) and signed.checksum.startswith(right)


def _checksum_type(signed: Signed) -> bool:
    if not signed.framed:
        return False
    data = signed.message + signed.header
    return any(made == signed.checksum for made in _other_checksums(signed.key, signed.usage, data))


def _other_checksums(key: Key, usage: int, data: bytes) -> Iterator[bytes]:
    for number in _OTHER_CHECKSUMS:
        try:
            yield key.checksum(usage, data, number)
        except LibraryError:
            continue
    for digest in ("sha1", "sha256", "sha384", "md5"):  # with the key itself, from which none is derived
        made = hmac.digest(key.contents, data, digest)
        yield from (made[:length] for length in (12, 16, 20, 24, 32, 48))
    yield from (hashlib.new(digest, data, usedforsecurity=False).digest() for digest in ("sha1", "sha256", "md5"))


def _old_frame(signed: Signed) -> bool:
    """The token of RFC 4121 within the frame that RFC 1964 has."""
    start = signed.token.find(TOKEN_ID)
    if not signed.token.startswith(b"\x60") or start < 0:
        return False
    return verify(signed.keys, signed.by_acceptor, signed.message, signed.token[start:])


def _old_token(signed: Signed) -> bool:
    return read_rc4(signed.token) is not None


def _filler(signed: Signed) -> bool:
    token = signed.token
    if len(token) <= HEADER_BYTES or token[:2] != TOKEN_ID or token[3:8] == FILLER:
        return False
    return any(signed.made_over(signed.message + header) for header in (token[:16], token[:3] + FILLER + token[8:16]))


def _wrap_token(signed: Signed) -> bool:
    return signed.token.startswith(_WRAP_HEAD)


def _with_flags(header: bytes, flags: int) -> bytes:
    return header[:2] + bytes((flags,)) + header[3:]


MIC_DEVIATIONS = (
    MicDeviation(
        "other-direction-key",
        "the token is made as the other side makes it: with its flag SentByAcceptor and its key usage",
        _other_side,
    ),
    MicDeviation("mic-direction-flag", "the flag SentByAcceptor of the token is that of the other side", _flag),
    MicDeviation(
        "mic-key-usage",
        "the checksum has the key usage of the other side (initiators sign with 25, acceptors with 23)",
        _usage,
    ),
    MicDeviation(
        "mic-seal-key-usage",
        "the checksum has a key usage for Wrap tokens (22 or 24) instead of one for MIC tokens (23 or 25)",
        _seal_usage,
    ),
    MicDeviation(
        "mic-subkey-bit",
        "the acceptor's subkey signed, and the flag AcceptorSubkey of the token does not say so",
        _subkey_bit,
    ),
    MicDeviation(
        "mic-initiator-key",
        "the key of the initiator was used, although the acceptor chose a subkey and the token names that",
        _initiator_key,
    ),
    MicDeviation(
        "mic-session-key",
        "the session key of the ticket was used, although there is a subkey, which replaces it",
        _session_key,
    ),
    MicDeviation(
        "mic-header-left-out",
        "the checksum covers the string alone, without the 16 bytes of the token's header after it",
        _header_left_out,
    ),
    MicDeviation(
        "mic-header-first", "the token's header was put before the string instead of after it", _header_first
    ),
    MicDeviation(
        "mic-other-header",
        "the header under the checksum is not the token's own: filler, flags or identifier differ",
        _other_header,
    ),
    MicDeviation(
        "mic-sequence-number",
        "the sequence number under the checksum is another than that in the token (SND_SEQ, 8 bytes, most "
        "significant first)",
        _sequence,
    ),
    MicDeviation("mic-not-truncated", "the checksum was not cut to the length that its type has", _not_truncated),
    MicDeviation(
        "mic-checksum-type",
        "the checksum is not of the type that belongs to the key (or its key was not derived, RFC 3961 5.3)",
        _checksum_type,
    ),
    MicDeviation("mic-filler", "the five filler bytes of the token's header are not FF", _filler),
    MicDeviation("mic-framed", "the token stands in a GSS-API frame, which RFC 4121 does not have", _old_frame),
    MicDeviation("mic-old-token", "the token is one of RFC 1964, which goes with older types of keys", _old_token),
    MicDeviation("mic-wrap-token", "the token is a Wrap token instead of a MIC token", _wrap_token),
)
"""In the order of trying."""


# --- RC4, RFC 4757


def _rc4(explains: Callable[[Signed, Rc4Token, bytes], bool]) -> Callable[[Signed], bool]:
    def with_parts(signed: Signed) -> bool:
        parts = read_rc4(signed.token)
        key = signed.keys.acceptor_subkey or signed.keys.without_acceptor
        return parts is not None and explains(signed, parts, key.contents)

    return with_parts


def _rc4_direction(signed: Signed, parts: Rc4Token, key: bytes) -> bool:
    right = rc4_checksum(key, signed.message) == parts.checksum
    return right and rc4_sequence(key, parts)[4:] == RC4_DIRECTION[not signed.by_acceptor]


def _rc4_plain_sequence(signed: Signed, parts: Rc4Token, key: bytes) -> bool:
    right = rc4_checksum(key, signed.message) == parts.checksum
    return right and parts.sequence[4:] in RC4_DIRECTION.values()


def _rc4_sequence(signed: Signed, parts: Rc4Token, key: bytes) -> bool:
    return rc4_checksum(key, signed.message) == parts.checksum


def _rc4_salt(signed: Signed, parts: Rc4Token, key: bytes) -> bool:
    return any(rc4_checksum(key, signed.message, salt=salt) == parts.checksum for salt in (13, 23, 25, 22, 24, 0, 6))


def _rc4_label(signed: Signed, parts: Rc4Token, key: bytes) -> bool:
    return rc4_checksum(key, signed.message, label=b"signaturekey") == parts.checksum


def _rc4_head(signed: Signed, parts: Rc4Token, key: bytes) -> bool:
    heads = (b"", RC4_HEAD[:4], RC4_HEAD[:4] + bytes(4))
    return any(rc4_checksum(key, signed.message, head=head) == parts.checksum for head in heads)


def _rc4_session_key(signed: Signed, parts: Rc4Token, key: bytes) -> bool:
    session = signed.keys.session.contents
    return key != session and rc4_checksum(session, signed.message) == parts.checksum


RC4_DEVIATIONS = (
    MicDeviation(
        "mic-direction-flag", "the direction in the sequence number is that of the other side", _rc4(_rc4_direction)
    ),
    MicDeviation("mic-sequence-not-encrypted", "the sequence number was not encrypted", _rc4(_rc4_plain_sequence)),
    MicDeviation(
        "mic-sequence-number",
        "the sequence number does not decrypt to a number and a direction",
        _rc4(_rc4_sequence),
    ),
    MicDeviation("mic-key-usage", "the number of another key usage was hashed instead of 15", _rc4(_rc4_salt)),
    MicDeviation(
        "mic-signature-key",
        "the signing key was derived from `signaturekey` without the zero byte at its end",
        _rc4(_rc4_label),
    ),
    MicDeviation("mic-header-left-out", "the 8 bytes of the token's head were not hashed", _rc4(_rc4_head)),
    MicDeviation(
        "mic-session-key",
        "the session key of the ticket was used, although there is a subkey, which replaces it",
        _rc4(_rc4_session_key),
    ),
    MicDeviation(
        "mic-new-token",
        "the token is one of RFC 4121, which does not go with a key for RC4",
        lambda signed: signed.token.startswith(TOKEN_ID),
    ),
)
"""In the order of trying."""
