"""The value of an authentication header: a scheme and its parameters, [MS-SIPAE] 2.2.

The grammar is that of RFC 3261 25.1 (`challenge`, `credentials`), read generously: any order, any case of names,
quoted or bare values. Written values are quoted, as the servers and clients of this family write them, except
`version`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sipauthctl.association.redaction import quoted
from sipauthctl.sip.errors import ParseError
from sipauthctl.sip.headers import split_list
from sipauthctl.sip.params import quote, unquote

_TOKEN = r"[A-Za-z0-9!%*_+`'~.-]+"
_SCHEME_START = re.compile(rf"({_TOKEN})(?:\s+(?=\S)|$)(?!\s*=)")
_PARAMETER = re.compile(rf"({_TOKEN})\s*=\s*(.*)", re.DOTALL)
_PLAIN = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"([^"\\]*)"|([^\s",<>\\]+))\s*(?:,|\Z)|(.+)', re.DOTALL)
"""A parameter without escapes; where there is none, all the rest as the last group."""

_BARE = frozenset({"version"})


@dataclass(frozen=True, slots=True)
class AuthParameters:
    """One challenge, credentials or info value. Parameter values are without their quotes."""

    scheme_text: str
    params: tuple[tuple[str, str], ...]
    _values: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        values = {name.lower(): value for name, value in reversed(self.params)}
        object.__setattr__(self, "_values", values)

    def get(self, name: str) -> str | None:
        """The value of parameter `name` in any case, None when it is absent. A repeated one counts the first time."""
        return self._values.get(name.lower())

    def format(self, bare: frozenset[str] = _BARE) -> str:
        """The header value, parameters in the given order; those named in `bare` without quotes."""
        written = (f"{key}={value if key in bare else quote(value)}" for key, value in self.params)
        return f"{self.scheme_text} {', '.join(written)}"

    @classmethod
    def parse(cls, text: str) -> AuthParameters:
        """Reads a header value that holds one scheme.

        Raises:
            ParseError: no scheme, several schemes, or a parameter without a value.
        """
        found = cls.parse_all(text)
        if len(found) != 1:
            raise ParseError(f"an authentication header holds {len(found)} schemes where one is due")
        return found[0]

    @classmethod
    def parse_all(cls, text: str) -> tuple[AuthParameters, ...]:
        """Reads a header value that may hold several schemes in one comma-separated list (RFC 3261 7.3.1 forbids it
        for these headers; some middleboxes join them all the same).

        Raises:
            ParseError: as `parse`.
        """
        plain = _parse_plain(text)
        if plain is not None:
            return (cls(*plain),)
        found: list[tuple[str, list[tuple[str, str]]]] = []
        for element in split_list(text):
            start = _SCHEME_START.match(element)
            rest = element
            if start:
                found.append((start[1], []))
                rest = element[start.end() :]
            if not found:
                raise ParseError("an authentication header does not begin with a scheme")
            if rest:
                found[-1][1].append(_parameter(rest))
        return tuple(cls(scheme, tuple(params)) for scheme, params in found)


def _parse_plain(text: str) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """The usual case in one pass: one scheme, values without escapes. None for anything else, right or wrong."""
    start = _SCHEME_START.match(text)
    if start is None:
        return None
    found = _PLAIN.findall(text, start.end())
    if found and found[-1][3]:
        return None
    return start[1], tuple([(name, quoted or bare) for name, quoted, bare, _ in found])


def _parameter(text: str) -> tuple[str, str]:
    match = _PARAMETER.fullmatch(text)
    if match is None:
        raise ParseError(f"an authentication parameter is not of the form name=value: {quoted(text)}")
    value = match[2].strip()
    return match[1], unquote(value) if value.startswith('"') else value
