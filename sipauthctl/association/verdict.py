"""The verdict on one signature, in the words that every output uses."""

from __future__ import annotations

from enum import Enum


class Verdict(str, Enum):
    """What is known of a signature."""

    __hash__ = str.__hash__  # Enum's own is written in Python, and these are keys of tables

    VALID = "valid"
    INVALID = "invalid"
    MISSING = "missing"
    UNVERIFIABLE = "unverifiable"  # no secret given
    CONSISTENT = "consistent"  # by the keyless relation of NTLM without extended session security
    INCONSISTENT = "inconsistent"
