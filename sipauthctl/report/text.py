"""Text from outside made harmless: it is shown as it is, but never acts on a terminal, and shows no secret."""

from __future__ import annotations

import re
import unicodedata

from sipauthctl.association.known_secrets import KnownSecrets

KNOWN = KnownSecrets()
"""What this process has sent as a secret, or has read from a capture; no output shows it."""

MAX_CHARACTERS = 2_000
_TOKEN_CHARACTERS = 16_000  # beyond the limit, so that a token which the limit cuts is still known

# Cc controls, Cf format characters (bidirectional overrides, zero-width), Cs surrogates, Co private use, Cn
# unassigned, and the separators that break lines.
_ACTING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SURROGATE = re.compile("[\ud800-\udfff]")


def safe(text: str, limit: int = MAX_CHARACTERS) -> str:
    """The text without secrets, every character that could act written as an escape, cut to `limit` characters."""
    text = KNOWN.removed_from(text[: limit + _TOKEN_CHARACTERS]) + text[limit + _TOKEN_CHARACTERS :]
    shown = text if len(text) <= limit else f"{text[:limit]}... ({len(text) - limit} more characters)"
    if shown.isascii() and shown.isprintable():
        return shown
    return "".join(_shown(char) for char in shown)


def for_json(text: str) -> str:
    """The text without secrets, and bytes that were not UTF-8 written as escapes: a lone surrogate is no JSON text."""
    return _SURROGATE.sub(lambda match: _escape(match[0]), KNOWN.removed_from(text))


def _shown(char: str) -> str:
    return _escape(char) if unicodedata.category(char) in _ACTING else char


def _escape(char: str) -> str:
    number = ord(char)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that is not UTF-8, as the parser keeps it
        return f"\\x{number - 0xDC00:02x}"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
