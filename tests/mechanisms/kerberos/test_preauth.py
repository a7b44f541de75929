"""Encrypted timestamps: the published vectors of each step."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import pytest

from sipauthctl.mechanisms.kerberos.as_exchange import KeyType
from sipauthctl.mechanisms.kerberos.preauth import (
    MAX_ITERATIONS,
    aes_key,
    cbc_cts,
    encrypted_timestamp,
    n_fold,
    usable,
)
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret
from tests.cleared import AES

AES128, AES256 = 17, 18
MIT = "ATHENA.MIT.EDUraeburn"


# RFC 3961 A.1
@pytest.mark.parametrize(
    ("text", "folded"),
    [
        (b"012345", "be072631276b1955"),
        (b"password", "78a07b6caf85fa"),
        (b"Rough Consensus, and Running Code", "bb6ed30870b7f0e0"),
        (b"password", "59e4a8ca7c0385c3c37b3f6d2000247cb6e6bd5b3e"),
        (b"MASSACHVSETTS INSTITVTE OF TECHNOLOGY", "db3b0d8f0b061e603282b308a50841229ad798fab9540c1b"),
        (b"Q", "518a54a215a8452a518a54a215a8452a518a54a215"),
        (b"kerberos", "6b65726265726f737b9b5b2b93132b93"),
        (b"kerberos", "6b65726265726f737b9b5b2b93132b935c9bdcdad95c9899c4cae4dee6d6cae4"),
    ],
)
def test_n_fold(text: bytes, folded: str) -> None:
    assert n_fold(text, len(folded) // 2).hex() == folded


# RFC 3962 B, string-to-key
@pytest.mark.parametrize(
    ("etype", "iterations", "password", "salt", "key"),
    [
        (AES128, 1, "password", MIT, "42263c6e89f4fc28b8df68ee09799f15"),
        (AES256, 1, "password", MIT, "fe697b52bc0d3ce14432ba036a92e65bbb52280990a2fa27883998d72af30161"),
        (AES128, 1200, "password", MIT, "4c01cd46d632d01e6dbe230a01ed642a"),
        (AES256, 1200, "password", MIT, "55a6ac740ad17b4846941051e1e8b0a7548d93b0ab30a8bc3ff16280382b8c2a"),
        (AES128, 50, "\U0001d11e", "EXAMPLE.COMpianist", "f149c1f2e154a73452d43e7fe62a56e5"),
        (
            AES256,
            50,
            "\U0001d11e",
            "EXAMPLE.COMpianist",
            "4b6d9839f84406df1f09cc166db4b83c571848b784a3d6bdc346589a3e393f9e",
        ),
    ],
)
def test_string_to_key(etype: int, iterations: int, password: str, salt: str, key: str) -> None:
    assert aes_key(KeyType(etype, salt, iterations.to_bytes(4, "big")), password).hex() == key


# RFC 3962 B, CBC with ciphertext stealing
@pytest.mark.parametrize(
    ("text", "cipher"),
    [
        (
            "4920776f756c64206c696b652074686520",
            "c6353568f2bf8cb4d8a580362da7ff7f97",
        ),
        (
            "4920776f756c64206c696b65207468652047656e6572616c20476175277320",
            "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5",
        ),
        (
            "4920776f756c64206c696b65207468652047656e6572616c2047617527732043",
            "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584",
        ),
    ],
)
def test_ciphertext_stealing(text: str, cipher: str) -> None:
    assert cbc_cts(b"chicken teriyaki", bytes.fromhex(text)).hex() == cipher


def test_the_key_of_rc4_is_the_nt_hash() -> None:
    # [MS-NLMP] 4.2.2.1.2
    assert NtlmSecret.from_password("Password").rc4_key.hex() == "a4f49c406510bdcab6824ee7c30fd852"


@pytest.mark.parametrize("parameters", [b"\0\0\0\0", (MAX_ITERATIONS + 1).to_bytes(4, "big"), b"\0\0\1"])
def test_parameters_out_of_bounds_are_refused(parameters: bytes) -> None:
    with pytest.raises(ValueError, match="string-to-key"):
        encrypted_timestamp(KeyType(AES256, "salt", parameters), "x", datetime.now(UTC), secrets.token_bytes, AES)


def test_other_types_of_keys_are_told_apart() -> None:
    assert [etype for etype in (3, 17, 18, 19, 20, 23) if usable(KeyType(etype, None))] == [17, 18, 23]


@pytest.mark.parametrize("iterations", [1, 4095])
def test_a_password_that_would_be_cheap_to_guess_is_not_proven(iterations: int) -> None:
    """libkrb5, too, takes no fewer than the 4096 of RFC 3962 4."""
    key_type = KeyType(18, "LITWAREINC.COMned", iterations.to_bytes(4, "big"))
    with pytest.raises(ValueError, match=f"asks for {iterations} iterations"):
        encrypted_timestamp(key_type, "Litware-Ned-1", datetime(2026, 3, 1, tzinfo=UTC), bytes, AES)
