"""How implementations sign wrongly, so that an onlooker can name the mistake; [MS-NLMP] 3.4.4 is what is right.

Every function gives the signatures that one mistake would make. Nothing here is used to sign.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from spnego._ntlm_raw.crypto import crc32, hmac_md5, md5, rc4k, sealkey, signkey

from sipauthctl.mechanisms.ntlm.context import SEQUENCE_NUMBER, SIGNATURE_BYTES, Role
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret
from sipauthctl.mechanisms.ntlm.messages import AuthenticateFacts, ChallengeFacts, Flags

_VERSION = b"\x01\x00\x00\x00"
_LONGEST_STREAM = 1 << 16
_PROOF_BYTES = 16


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """All keys that an implementation might mistake for the right one. `lm_base_key` is that of an LMv2 response."""

    flags: int
    session_key: bytes = field(repr=False)
    session_base_key: bytes = field(repr=False)
    encrypted_session_key: bytes = field(repr=False)
    lm_base_key: bytes | None = field(repr=False)

    @property
    def extended_session_security(self) -> bool:
        """Which of the two kinds of signature is made."""
        return bool(self.flags & Flags.extended_session_security)


def lm_base_key(secret: NtlmSecret, challenge: ChallengeFacts, authenticate: AuthenticateFacts) -> bytes | None:
    """The session base key that the LMv2 response would give, None where the AUTHENTICATE has no right one."""
    response = authenticate.lm_response
    if len(response) != 24 or authenticate.version != 2:
        return None
    key = secret.response_key(authenticate.user, authenticate.domain)
    proof = response[:_PROOF_BYTES]
    if hmac_md5(key, challenge.server_challenge + response[_PROOF_BYTES:]) != proof:
        return None
    return hmac_md5(key, proof)


@dataclass(frozen=True, slots=True)
class NtlmDeviation:
    """One mistake. `signatures` takes the keys, who signed, the message's number (cnum or snum) and the string."""

    name: str
    sentence: str
    signatures: Callable[[KeyMaterial, Role, int, bytes], Iterator[bytes]] = field(repr=False)


def find_deviation(keys: KeyMaterial, role: Role, num: int, data: bytes, signature: bytes) -> NtlmDeviation | None:
    """The first mistake that makes `signature`, None where none does."""
    if len(signature) != SIGNATURE_BYTES:
        return None
    counts = 4 if keys.extended_session_security else 8  # before that stands a version, or a version and a pad
    wanted = signature[counts:]
    for deviation in NTLM_DEVIATIONS:
        if any(made[counts:] == wanted for made in deviation.signatures(keys, role, num, data)):
            return deviation
    return None


def _sign(
    keys: KeyMaterial,
    role: Role,
    data: bytes,
    *,
    sequence: int = SEQUENCE_NUMBER,
    offset: int = 0,
    cipher_key: bytes | None = None,
    encrypt: bool = True,
) -> bytes:
    """A signature with one thing different: the sequence number, the place in the key stream, the cipher's key."""
    number = (sequence & 0xFFFFFFFF).to_bytes(4, "little")
    if keys.extended_session_security:
        checksum = hmac_md5(signkey(keys.flags, keys.session_key, role.value), number + data)[:8]
        if keys.flags & Flags.key_exch and encrypt:
            key = md5(sealkey(keys.flags, keys.session_key, role.value) + number) if cipher_key is None else cipher_key
            checksum = _xor(checksum, _stream(key, offset, 8))
        return _VERSION + checksum + number
    stream = _stream(keys.session_key if cipher_key is None else cipher_key, offset, 12) if encrypt else bytes(12)
    return _VERSION + bytes(4) + _xor(crc32(data), stream[4:8]) + _xor(number, stream[8:])


def _stream(key: bytes, offset: int, length: int) -> bytes:
    return rc4k(key, bytes(offset + length))[offset:]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _other_direction(keys: KeyMaterial, role: Role, num: int, data: bytes) -> Iterator[bytes]:
    if keys.extended_session_security:
        yield _sign(keys, role.peer, data)


def _sequence(of: Callable[[int], int]) -> Callable[[KeyMaterial, Role, int, bytes], Iterator[bytes]]:
    def signatures(keys: KeyMaterial, role: Role, num: int, data: bytes) -> Iterator[bytes]:
        yield _sign(keys, role, data, sequence=of(num))

    return signatures


def _counting(keys: KeyMaterial, role: Role, num: int, data: bytes) -> Iterator[bytes]:
    for sequence in (num, num - 1, SEQUENCE_NUMBER + num, SEQUENCE_NUMBER + num - 1):
        if sequence != SEQUENCE_NUMBER:
            yield _sign(keys, role, data, sequence=sequence)


def _not_rekeyed(keys: KeyMaterial, role: Role, num: int, data: bytes) -> Iterator[bytes]:
    used = 8 if keys.extended_session_security else 12
    offset = (num - 1) * used
    if not 0 < offset <= _LONGEST_STREAM:
        return
    yield _sign(keys, role, data, offset=offset)
    if keys.extended_session_security:
        # A connection-oriented context sets its cipher up once, with the sealing key itself.
        yield _sign(keys, role, data, offset=offset, cipher_key=sealkey(keys.flags, keys.session_key, role.value))


def _cipher_key_without_sequence(keys: KeyMaterial, role: Role, num: int, data: bytes) -> Iterator[bytes]:
    if keys.extended_session_security:
        yield _sign(keys, role, data, cipher_key=sealkey(keys.flags, keys.session_key, role.value))


def _not_encrypted(keys: KeyMaterial, role: Role, num: int, data: bytes) -> Iterator[bytes]:
    yield _sign(keys, role, data, encrypt=False)


def _with_key(key_of: Callable[[KeyMaterial], Iterator[bytes]]) -> Callable[..., Iterator[bytes]]:
    def signatures(keys: KeyMaterial, role: Role, num: int, data: bytes) -> Iterator[bytes]:
        for key in key_of(keys):
            if key != keys.session_key:
                yield _sign(replace(keys, session_key=key), role, data)
                yield _sign(replace(keys, session_key=key), role, data, encrypt=False)

    return signatures


def _base(keys: KeyMaterial) -> Iterator[bytes]:
    if keys.flags & Flags.key_exch:
        yield keys.session_base_key


def _still_encrypted(keys: KeyMaterial) -> Iterator[bytes]:
    if keys.flags & Flags.key_exch:
        yield keys.encrypted_session_key


def _lm(keys: KeyMaterial) -> Iterator[bytes]:
    if keys.lm_base_key is None:
        return
    yield keys.lm_base_key
    if len(keys.encrypted_session_key) == len(keys.lm_base_key):
        yield rc4k(keys.lm_base_key, keys.encrypted_session_key)


def _short(keys: KeyMaterial, role: Role, num: int, data: bytes) -> Iterator[bytes]:
    if not keys.extended_session_security:
        return
    for weaker in (Flags.key_128, Flags.key_128 | Flags.key_56):
        flags = keys.flags & ~weaker
        key = md5(sealkey(flags, keys.session_key, role.value) + SEQUENCE_NUMBER.to_bytes(4, "little"))
        yield _sign(keys, role, data, cipher_key=key)


NTLM_DEVIATIONS = (
    NtlmDeviation(
        "other-direction-key",
        "the signing and sealing keys of the other direction were used",
        _other_direction,
    ),
    NtlmDeviation("sequence-number-zero", "sequence number 0 was used instead of 100", _sequence(lambda num: 0)),
    NtlmDeviation(
        "cipher-not-rekeyed",
        "RC4 was set up once and runs on from message to message, instead of being set up afresh for each "
        "with MD5(sealing key, sequence number)",
        _not_rekeyed,
    ),
    NtlmDeviation("sequence-number-one", "sequence number 1 was used instead of 100", _sequence(lambda num: 1)),
    NtlmDeviation("sequence-number-counting", "the sequence number counts messages instead of being 100", _counting),
    NtlmDeviation(
        "cipher-key-without-sequence-number",
        "RC4 was set up with the sealing key itself instead of MD5(sealing key, sequence number)",
        _cipher_key_without_sequence,
    ),
    NtlmDeviation("checksum-not-encrypted", "the checksum was not encrypted with RC4", _not_encrypted),
    NtlmDeviation(
        "no-key-exchange",
        "the session base key was used, although a key exchange was negotiated: the key is the one that the "
        "AUTHENTICATE carries encrypted",
        _with_key(_base),
    ),
    NtlmDeviation(
        "key-left-encrypted",
        "the encrypted session key of the AUTHENTICATE was used as it is, without decrypting it",
        _with_key(_still_encrypted),
    ),
    NtlmDeviation("lm-key", "the key was derived from the LM response instead of the NT response", _with_key(_lm)),
    NtlmDeviation(
        "short-sealing-key", "the sealing key was cut to 56 or 40 bits, although 128 were negotiated", _short
    ),
)
"""In the order of trying: a mistake that implies another comes after it."""
