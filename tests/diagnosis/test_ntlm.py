"""Which end of an NTLM handshake lacks 128-bit keys, by the flags of [MS-NLMP] 2.2.2.5."""

from __future__ import annotations

import pytest

from sipauthctl.diagnosis.ntlm import key_strength
from sipauthctl.findings import finding

ALL = 0xE2898235  # of Windows 7
WITHOUT_128 = 0xC2898235


@pytest.mark.parametrize(
    ("challenge", "authenticate", "words", "command"),
    [
        (ALL, WITHOUT_128, "The AUTHENTICATE lacks the flag", "reg add"),
        (WITHOUT_128, WITHOUT_128, "The CHALLENGE lacks the flag", ""),
        (WITHOUT_128, None, "The CHALLENGE lacks the flag", ""),
        (ALL, ALL, "Both have the flag", "reg query"),
    ],
)
def test_the_remedy_is_for_the_end_that_lacks_the_flag(
    challenge: int, authenticate: int | None, words: str, command: str
) -> None:
    remedy, told = key_strength(challenge, authenticate)
    assert told.startswith(words)
    lines = finding("ntlm-key-strength-mismatch", told, remedy=remedy).remedy.splitlines()
    assert ("reg add" in " ".join(lines)) == (command == "reg add")
    assert any(line.startswith(f"    {command}") for line in lines) == bool(command)


@pytest.mark.parametrize(("challenge", "authenticate"), [(None, WITHOUT_128), (ALL, None), (None, None)])
def test_flags_that_were_not_seen_accuse_nobody(challenge: int | None, authenticate: int | None) -> None:
    assert key_strength(challenge, authenticate) == ("", "")
