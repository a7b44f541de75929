"""Quoted strings and `;name=value` parameters, RFC 3261 25.1."""

from __future__ import annotations

import re

from sipauthctl.sip.errors import ParseError, excerpt
from sipauthctl.sip.headers import split_list

Params = tuple[tuple[str, str | None], ...]

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def unquote(text: str) -> str:
    """The content of a quoted string, escapes resolved.

    Raises:
        ParseError: it is not exactly one quoted string.
    """
    match = _QUOTED.fullmatch(text)
    if match is None:
        raise ParseError(f"not a quoted string: {excerpt(text)}")
    return _ESCAPE.sub(r"\1", match[1]) if "\\" in match[1] else match[1]


def quote(text: str) -> str:
    """The text as a quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_params(text: str) -> Params:
    """Reads `;a=b;c` (the text after a URI or an address). Quoted values lose their quotes.

    Raises:
        ParseError: it does not begin with a semicolon, or a parameter has no name.
    """
    if not text.strip():
        return ()
    empty, *parts = split_list(text, ";")
    if empty:
        raise ParseError(f"parameters must begin with a semicolon: {excerpt(text)}")
    return tuple(_param(part) for part in parts if part)


def find_param(params: Params, name: str) -> str | None:
    """The value of the first parameter `name` in any case: "" where it has none, None where it is absent."""
    wanted = name.lower()
    return next((value or "" for key, value in params if key.lower() == wanted), None)


def _param(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if not name:
        raise ParseError(f"a parameter has no name: {excerpt(text)}")
    if not equals:
        return name, None
    return name, unquote(value) if value.startswith('"') else value
