"""For each mistake with MIC tokens a token that has it, made by `independent`, and its name found.

The keys are those of recorded contexts, whose right tokens `independent` reproduces.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import pytest

from sipauthctl.mechanisms.kerberos.deviations import MIC_DEVIATIONS, RC4_DEVIATIONS, find_deviation
from sipauthctl.mechanisms.kerberos.libkrb5 import Key
from sipauthctl.mechanisms.kerberos.mic import verify
from sipauthctl.mechanisms.kerberos.offline import ContextKeys
from tests.mechanisms.kerberos import independent
from tests.mechanisms.kerberos.independent import checksum, header, rc4_token
from tests.mechanisms.kerberos.recorded import MESSAGES, context, contexts, needs_libkrb5

pytestmark = needs_libkrb5

TEXT = b"<Kerberos><8a59ce2b><3><SIP Communications Service><sip/hs1.litwareinc.com>"
AES = [found for found in contexts() if found.type != "arcfour-hmac"]


def test_the_key_derivation_is_that_of_the_published_vectors() -> None:
    """RFC 3961 A.1; RFC 8009 Appendix A."""
    assert independent.n_fold(b"012345", 8).hex() == "be072631276b1955"
    assert independent.n_fold(b"kerberos", 16).hex() == "6b65726265726f737b9b5b2b93132b93"
    assert independent.n_fold(b"Rough Consensus, and Running Code", 8).hex() == "bb6ed30870b7f0e0"
    key = bytes.fromhex("3705D96080C17728A0E800EAB6E0D23C")
    assert independent.checksum_key(key, 19, 2).hex().upper() == "B31A018A48F54776F403E9A396325DC3"


@pytest.mark.parametrize("recorded", AES, ids=[found.name for found in AES])
def test_the_independent_token_is_the_right_one(recorded: object) -> None:
    found = next(one for one in AES if one is recorded)
    keys = found.keys()
    key = keys.acceptor_subkey or keys.without_acceptor
    for who, usage in (("client", 25), ("server", 23)):
        for message, mic in zip(MESSAGES, found.mics[who], strict=True):
            assert checksum(key.contents, key.enctype, usage, message + mic[:16]) == mic[16:]


def test_the_independent_rc4_token_is_the_right_one() -> None:
    found = context("arcfour-hmac")
    keys = found.keys()
    for who, direction in (("client", bytes(4)), ("server", b"\xff" * 4)):
        made = rc4_token(keys.without_acceptor.contents, TEXT, direction=direction)
        assert verify(keys, who == "server", TEXT, made)
        mic = found.mics[who][0]
        assert rc4_token(keys.without_acceptor.contents, MESSAGES[0], direction=direction)[-8:] == mic[-8:]


Make = Callable[[ContextKeys, Key], bytes]


def signed(key: Key, usage: int, data: bytes) -> bytes:
    return checksum(key.contents, key.enctype, usage, data)


def token(
    flags: int = 0,
    usage: int = 25,
    over: Callable[[bytes], bytes] | None = None,
    sent: Callable[[bytes], bytes] | None = None,
) -> Make:
    """A token of the client with one thing different: its flags, the key usage, what is covered, what is sent."""

    def make(keys: ContextKeys, key: Key) -> bytes:
        own = header(flags)
        data = TEXT + own if over is None else over(own)
        return (own if sent is None else sent(own)) + signed(key, usage, data)

    return make


def with_session_key(keys: ContextKeys, key: Key) -> bytes:
    return header(0) + signed(keys.session, 25, TEXT + header(0))


def not_truncated(keys: ContextKeys, key: Key) -> bytes:
    return header(0) + checksum(key.contents, key.enctype, 25, TEXT + header(0), whole=True)


def not_derived(keys: ContextKeys, key: Key) -> bytes:
    return header(0) + hmac.digest(key.contents, TEXT + header(0), "sha1")[:12]


def plain_hash(keys: ContextKeys, key: Key) -> bytes:
    return header(0) + hashlib.md5(TEXT + header(0)).digest()


def framed(keys: ContextKeys, key: Key) -> bytes:
    inner = header(0) + signed(key, 25, TEXT + header(0))
    oid = bytes.fromhex("06092a864886f712010202")
    return b"\x60" + bytes((len(oid + inner),)) + oid + inner


AES_MISTAKES: list[tuple[str, Make]] = [
    ("other-direction-key", token(1, 23)),
    ("mic-direction-flag", token(1, 25)),
    ("mic-direction-flag", token(1, 25, over=lambda own: TEXT + header(0))),
    ("mic-key-usage", token(0, 23)),
    ("mic-seal-key-usage", token(0, 24)),
    ("mic-seal-key-usage", token(0, 22)),
    ("mic-session-key", with_session_key),
    ("mic-header-left-out", token(over=lambda own: TEXT)),
    ("mic-header-first", token(over=lambda own: own + TEXT)),
    ("mic-other-header", token(over=lambda own: TEXT + b"\x05\x04\0\xff" + bytes(4) + own[8:])),
    ("mic-other-header", token(over=lambda own: TEXT + own[:3] + bytes(5) + own[8:])),
    ("mic-sequence-number", token(over=lambda own: TEXT + header(0, 8))),
    ("mic-sequence-number", token(over=lambda own: TEXT + header(0, 0))),
    ("mic-sequence-number", token(over=lambda own: TEXT + own[:8] + own[:7:-1])),
    ("mic-not-truncated", not_truncated),
    ("mic-checksum-type", not_derived),
    ("mic-checksum-type", plain_hash),
    ("mic-filler", token(sent=lambda own: own[:3] + bytes(5) + own[8:])),
    (
        "mic-filler",
        token(over=lambda own: TEXT + own[:3] + bytes(5) + own[8:], sent=lambda own: own[:3] + bytes(5) + own[8:]),
    ),
    ("mic-framed", framed),
    ("mic-old-token", lambda keys, key: rc4_token(key.contents, TEXT)),
    ("mic-wrap-token", token(sent=lambda own: b"\x05" + own[1:])),
]


@pytest.mark.parametrize(("name", "make"), AES_MISTAKES)
def test_a_mistake_is_named(name: str, make: Make) -> None:
    keys = context().keys()
    mic = make(keys, keys.without_acceptor)
    assert not verify(keys, False, TEXT, mic)
    found = find_deviation(keys, False, TEXT, mic)
    assert found is not None
    assert found.name == name


SHA2 = [make for make in AES_MISTAKES if make[0] in ("mic-key-usage", "mic-session-key", "mic-not-truncated")]


@pytest.mark.parametrize("type_", ["aes256-cts-hmac-sha384-192", "aes128-cts-hmac-sha256-128"])
@pytest.mark.parametrize(("name", "make"), SHA2)
def test_with_sha_2_too(type_: str, name: str, make: Make) -> None:
    keys = context(type_).keys()
    found = find_deviation(keys, False, TEXT, make(keys, keys.without_acceptor))
    assert found is not None
    assert found.name == name


def test_the_subkey_of_the_acceptor() -> None:
    keys = context(mutual=True).keys()
    acceptor, initiator = keys.acceptor_subkey, keys.initiator_subkey
    assert acceptor is not None and initiator is not None
    made = [
        ("mic-subkey-bit", header(0) + signed(acceptor, 25, TEXT + header(0))),
        ("mic-subkey-bit", header(0) + signed(acceptor, 25, TEXT + header(4))),
        ("mic-initiator-key", header(4) + signed(initiator, 25, TEXT + header(4))),
        ("mic-session-key", header(4) + signed(keys.session, 25, TEXT + header(4))),
    ]
    assert verify(keys, False, TEXT, header(4) + signed(acceptor, 25, TEXT + header(4)))
    for name, mic in made:
        assert not verify(keys, False, TEXT, mic)
        found = find_deviation(keys, False, TEXT, mic)
        assert found is not None
        assert found.name == name


def rc4(**different: object) -> Make:
    return lambda keys, key: rc4_token(key.contents, TEXT, **different)  # type: ignore[arg-type]


RC4_MISTAKES: list[tuple[str, Make]] = [
    ("mic-direction-flag", rc4(direction=b"\xff" * 4)),
    ("mic-sequence-not-encrypted", rc4(encrypt=False)),
    ("mic-sequence-number", rc4(sequence_key=bytes(16))),
    ("mic-key-usage", rc4(salt=13)),
    ("mic-key-usage", rc4(salt=25)),
    ("mic-signature-key", rc4(label=b"signaturekey")),
    ("mic-header-left-out", rc4(head=b"")),
    ("mic-session-key", lambda keys, key: rc4_token(keys.session.contents, TEXT)),
    ("mic-new-token", lambda keys, key: header(0) + bytes(12)),
]


@pytest.mark.parametrize(("name", "make"), RC4_MISTAKES)
def test_a_mistake_with_rc4_is_named(name: str, make: Make) -> None:
    keys = context("arcfour-hmac").keys()
    mic = make(keys, keys.without_acceptor)
    assert not verify(keys, False, TEXT, mic)
    found = find_deviation(keys, False, TEXT, mic)
    assert found is not None
    assert found.name == name


def test_every_mistake_of_the_tables_is_tried_here() -> None:
    tried = {name for name, _ in AES_MISTAKES} | {"mic-subkey-bit", "mic-initiator-key"}
    assert tried == {deviation.name for deviation in MIC_DEVIATIONS}
    assert {name for name, _ in RC4_MISTAKES} == {deviation.name for deviation in RC4_DEVIATIONS}


@pytest.mark.parametrize("recorded", contexts(), ids=[found.name for found in contexts()])
def test_nothing_is_named_for_a_token_over_another_string(recorded: object) -> None:
    found = next(one for one in contexts() if one is recorded)
    keys = found.keys()
    assert find_deviation(keys, False, TEXT, found.mics["client"][0]) is None
    assert find_deviation(keys, True, TEXT, found.mics["server"][0]) is None
