"""Session keys of NTLMv1: the known answers of [MS-NLMP] 4.2.2 and 4.2.3."""

from __future__ import annotations

import pytest

from sipauthctl.mechanisms.ntlm.keys import NtlmSecret
from sipauthctl.mechanisms.ntlm.messages import Flags

SERVER, CLIENT = bytes.fromhex("0123456789abcdef"), b"\xaa" * 8
NT_HASH, LM_HASH = "a4f49c406510bdcab6824ee7c30fd852", "e52cac67419a9a224a3b108f3fa6cb6d"
LM_RESPONSE = bytes.fromhex("98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13")
SECRET = NtlmSecret.from_password("Password")


def test_the_response() -> None:
    expected = "67c43011f30298a2ad35ece64f16331c44bdbed927841f94"
    assert SECRET.response_v1(0, SERVER, bytes(8)).hex() == expected
    extended = "7537f803ae367128ca458204bde7caf81e97ed2683267232"
    assert SECRET.response_v1(Flags.extended_session_security, SERVER, CLIENT).hex() == extended


@pytest.mark.parametrize(
    ("flags", "key"),
    [
        (0, "d87262b0cde4b1cb7499becccdf10784"),
        (Flags.non_nt_session_key, "e52cac67419a9a220000000000000000"),
        (Flags.lm_key, "b09e379f7fbecb1eaf0afdcb0383c8a0"),
    ],
)
@pytest.mark.parametrize("secret", [SECRET, NtlmSecret.from_nt_hash(f"{LM_HASH}:{NT_HASH}")])
def test_the_key_exchange_key(secret: NtlmSecret, flags: int, key: str) -> None:
    made = secret.key_exchange_key_v1(flags, SERVER, LM_RESPONSE)
    assert made is not None
    assert made.hex() == key


def test_with_extended_session_security_the_lm_hash_is_not_needed() -> None:
    flags = Flags.extended_session_security | Flags.lm_key
    made = NtlmSecret.from_nt_hash(NT_HASH).key_exchange_key_v1(flags, SERVER, CLIENT + bytes(16))
    assert made is not None
    assert made.hex() == "eb93429a8bd952f8b89c55b87f475edc"


@pytest.mark.parametrize("hashes", [NT_HASH, f"aad3b435b51404eeaad3b435b51404ee:{NT_HASH}"])
def test_a_key_of_the_lm_hash_is_not_guessed(hashes: str) -> None:
    assert NtlmSecret.from_nt_hash(hashes).key_exchange_key_v1(Flags.lm_key, SERVER, LM_RESPONSE) is None


@pytest.mark.parametrize("password", ["longer than fourteen", "p\u00e4ssword"])
def test_passwords_without_an_lm_hash(password: str) -> None:
    secret = NtlmSecret.from_password(password)
    assert secret.key_exchange_key_v1(Flags.lm_key, SERVER, LM_RESPONSE) is None
    assert secret.key_exchange_key_v1(0, SERVER, LM_RESPONSE) is not None
