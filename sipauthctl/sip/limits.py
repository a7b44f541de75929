"""How much of one message is accepted. All numbers count bytes, but `headers` counts header lines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds for one message."""

    line: int
    header_block: int
    headers: int
    body: int


DEFAULT_LIMITS = Limits(line=65_536, header_block=262_144, headers=1_000, body=4_194_304)
"""Generous: a Kerberos token with a large PAC takes up to 64 KiB of base64, a roaming contact list megabytes."""
