"""Header fields in their order, found by name in any case and in compact form, RFC 3261 7.3."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

_COMPACT = {  # RFC 3261 7.3.3 and 20, RFC 6665 8.2, RFC 3515, RFC 3891, RFC 3892, RFC 4028
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
_SPECIAL = {separator: re.compile(rf'["<>{separator}]') for separator in ",;"}
_STRING_END = re.compile(r'(?:[^"\\]|\\.)*"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Field:
    """One header line: the name as it stands, the value unfolded and without outer white space."""

    name: str
    value: str


class Headers:
    """An ordered multi-map of header fields that never changes; `add`, `replace` and `without` give new ones."""

    __slots__ = ("_fields", "_first")

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = tuple(fields)
        self._first = {long_name(name): value for name, value in reversed(self._fields)}

    def get(self, name: str) -> str | None:
        """The value of the first header line `name`, None when there is none."""
        return self._first.get(long_name(name))

    def get_all(self, name: str) -> tuple[str, ...]:
        """The values of all header lines `name`, in their order, not split at commas."""
        key = long_name(name)
        if key not in self._first:
            return ()
        if len(self._first) == len(self._fields):  # no name comes twice
            return (self._first[key],)
        return tuple(value for own, value in self._fields if long_name(own) == key)

    def values(self, name: str) -> tuple[str, ...]:
        """All values of a list header, whether on one line or on several; empty ones left out."""
        lines = self.get_all(name)
        return tuple([part for line in lines for part in split_list(line) if part]) if lines else ()

    def count(self, name: str) -> int:
        """How many values of a list header there are."""
        lines = self.get_all(name)
        plain = len(lines) == 1 and "," not in lines[0]
        return 1 if plain and lines[0] else len(self.values(name))

    def add(self, name: str, value: str) -> Headers:
        """With one more header line at the end."""
        return Headers((*self._fields, (name, value)))

    def replace(self, name: str, value: str) -> Headers:
        """With exactly one line `name`, where the first one stood or else at the end."""
        key, pairs, placed = long_name(name), [], False
        for field in self._fields:
            if long_name(field[0]) != key:
                pairs.append(field)
            elif not placed:
                pairs.append((name, value))
                placed = True
        return Headers(pairs if placed else [*pairs, (name, value)])

    def without(self, name: str) -> Headers:
        """With every line `name` left out."""
        key = long_name(name)
        return Headers(field for field in self._fields if long_name(field[0]) != key)

    def __iter__(self) -> Iterator[Field]:
        return (Field(name, value) for name, value in self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and long_name(name) in self._first

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._fields == other._fields

    def __hash__(self) -> int:
        return hash(self._fields)

    def __repr__(self) -> str:
        return f"Headers({[name for name, _ in self._fields]!r})"


def split_list(value: str, separator: str = ",") -> tuple[str, ...]:
    """Splits at `separator` (a comma or a semicolon) outside quoted strings and angle brackets; parts are stripped.

    A quoted string or bracket that is never closed runs to the end: the reader of that part will refuse it.
    """
    special = _SPECIAL[separator]
    parts: list[str] = []
    start = position = 0
    bracketed = False
    while (match := special.search(value, position)) is not None:
        position = match.end()
        mark = match[0]
        if mark == '"' and not bracketed:
            end = _STRING_END.match(value, position)
            position = end.end() if end else len(value)
        elif mark == "<":
            bracketed = True
        elif mark == ">":
            bracketed = False
        elif mark == separator and not bracketed:
            parts.append(value[start : match.start()].strip())
            start = position
    parts.append(value[start:].strip())
    return tuple(parts)


@lru_cache(maxsize=512)
def long_name(name: str) -> str:
    """A header name in lower case, written out where it is a compact form, RFC 3261 7.3.3."""
    lower = name.lower()
    return _COMPACT.get(lower, lower)
