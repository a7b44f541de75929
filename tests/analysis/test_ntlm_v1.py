"""A client that answers with NTLMv1, to a server that takes it: its signatures are verified too."""

from __future__ import annotations

import base64
import re
import struct
import warnings
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from spnego._ntlm_raw.md4 import md4

from sipauthctl.analysis.secrets import Secrets, nt_hash_secrets, password_secrets
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Record
from tests.analysis import independent
from tests.analysis.independent import ESS, KEY_EXCH, Keys, hmac_md5, joined, md5, resigned, signature, string_fields
from tests.analysis.sessions import GIVEN, PASSWORD, changed, outcome, put, session

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES

LM_KEY = 0x80
CLIENT = b"\xaa" * 8
NT_HASH = md4(PASSWORD.encode("utf-16-le"))


def des(key: bytes, block: bytes) -> bytes:
    """DES with 56 bits of key, as Triple DES with one key three times."""
    bits = int.from_bytes(key, "big")
    spread = bytes((bits >> 49 - 7 * place & 0x7F) << 1 for place in range(8))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encryptor = Cipher(TripleDES(spread * 3), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def desl(key: bytes, block: bytes) -> bytes:
    padded = key.ljust(21, b"\0")
    return b"".join(des(padded[place : place + 7], block) for place in (0, 7, 14))


def token(challenge: bytes, flags: int) -> tuple[bytes, Keys]:
    """An AUTHENTICATE of NTLMv1 without a MIC, and its keys."""
    server = challenge[24:32]
    if flags & ESS:
        nt, lm = desl(NT_HASH, md5(server + CLIENT)[:8]), CLIENT + bytes(16)
        key = hmac_md5(md4(NT_HASH), server + CLIENT)
    else:
        nt = lm = desl(NT_HASH, server)
        key = md4(NT_HASH)
        if flags & LM_KEY:
            upper = PASSWORD.upper().encode().ljust(14, b"\0")
            lm_hash = des(upper[:7], b"KGS!@#$%") + des(upper[7:14], b"KGS!@#$%")
            key = des(lm_hash[:7], lm[:8]) + des(lm_hash[7:8] + b"\xbd" * 6, lm[:8])
    session_key = bytes(range(16))
    parts = (
        lm,
        nt,
        "LITWAREINC".encode("utf-16-le"),
        "ned".encode("utf-16-le"),
        b"",
        independent.rc4(key, session_key),
    )
    head, body, at = b"NTLMSSP\0\x03\0\0\0", b"", 64
    for part in parts:
        head += struct.pack("<HHI", len(part), len(part), at + len(body))
        body += part
    return head + struct.pack("<I", flags) + body, Keys(flags, key, parts[5], b"")


def with_version_1(flags: int) -> list[Record]:
    """A session in which the client answers with NTLMv1, all signed with the keys of that."""
    records = session(extended=bool(flags & ESS))
    challenge = independent.tokens(records)[0]
    data, keys = token(challenge, flags)
    raw = re.sub(rb'gssapi-data="[^"]*"', b'gssapi-data="' + base64.b64encode(data) + b'"', records[4].raw)
    records = put(records, replace(records[4], raw=raw))
    for record in records[4:]:
        who = "server" if record.raw.startswith(b"SIP/2.0") else "client"
        text = joined(string_fields(record.raw, who))
        records = put(records, resigned(record, signature(keys, who, text)))
    return records


BASE = 0x20000000 | KEY_EXCH | 0x8011 | 0x40 | 1  # 128 bits, ALWAYS_SIGN, SIGN, DATAGRAM, Unicode
WAYS = [BASE | ESS, BASE | ESS | LM_KEY, BASE]


@pytest.mark.parametrize("flags", WAYS)
@pytest.mark.parametrize("secrets", [GIVEN, Secrets(nt_hash_secrets(NT_HASH.hex()))], ids=["password", "hash"])
def test_every_signature_is_valid(flags: int, secrets: Secrets) -> None:
    seen = outcome(with_version_1(flags), secrets)
    assert {s.verdict for s in seen.signatures} == {Verdict.VALID}
    assert [found.severity.value for found in seen.findings if found.id == "ntlm-v1"] == ["warning"]  # it works


def test_a_changed_field_is_found_as_well() -> None:
    seen = outcome(changed(with_version_1(BASE | ESS), 9, b"From: <sip:ned@", b"From: <sip:nad@"))
    assert [s.frame for s in seen.signatures if s.verdict is Verdict.INVALID] == [9]
    assert "From URI" in seen.sentences[0]


def test_a_wrong_password_shows_in_the_response() -> None:
    seen = outcome(with_version_1(BASE | ESS), Secrets(password_secrets("another")))
    assert {s.detail for s in seen.signatures} == {"the given secret does not fit the token of the client"}


def test_the_key_of_the_lm_hash() -> None:
    records = with_version_1(BASE | LM_KEY)
    assert {s.verdict for s in outcome(records, GIVEN).signatures} == {Verdict.VALID}
    by_hash = outcome(records, Secrets(nt_hash_secrets(NT_HASH.hex())))
    assert Verdict.INVALID not in {s.verdict for s in by_hash.signatures}
