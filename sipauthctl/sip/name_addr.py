"""Addresses of From, To, Contact, P-Asserted-Identity: name-addr or addr-spec with parameters, RFC 3261 20.10."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from sipauthctl.sip.errors import ParseError, excerpt
from sipauthctl.sip.params import Params, find_param, parse_params, unquote

_NAME_ADDR = re.compile(r'(?P<name>"(?:[^"\\]|\\.)*"\s*|[^"<>]*)<(?P<uri>[^<>]*)>(?P<params>.*)', re.DOTALL)
_URI = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*:(?!\s)[^ \t\r\n"]+')


@dataclass(frozen=True, slots=True)
class NameAddr:
    """An address. `uri` is its exact text: all between the brackets, or without brackets all up to a semicolon."""

    display_name: str | None
    uri: str
    params: Params
    tag: str | None = field(init=False, repr=False, compare=False)
    """The tag, None when absent."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tag", find_param(self.params, "tag"))

    @staticmethod
    @lru_cache(maxsize=512)  # the same few addresses stand in every message of a dialog
    def parse(text: str) -> NameAddr:
        """Reads one address.

        Raises:
            ParseError: no URI, an unbalanced quote or bracket, or malformed parameters.
        """
        return _parse(text)

    @classmethod
    def parse_list(cls, values: Iterable[str]) -> tuple[NameAddr, ...]:
        """Reads several addresses that are split already (`Headers.values`)."""
        return tuple(cls.parse(value) for value in values)

    def param(self, name: str) -> str | None:
        """A header parameter: "" where it has no value, None where it is absent."""
        return find_param(self.params, name)


def _parse(text: str) -> NameAddr:
    if "<" not in text:
        uri, _, rest = text.partition(";")
        return NameAddr(None, _uri(uri.strip(), text), parse_params(";" + rest if rest else ""))
    match = _NAME_ADDR.fullmatch(text.strip())
    if match is None:
        raise ParseError(f"not an address: {excerpt(text)}")
    name = match["name"].strip()
    display_name = (unquote(name) if name.startswith('"') else name) if name else None
    return NameAddr(display_name, _uri(match["uri"], text), parse_params(match["params"]))


def _uri(uri: str, text: str) -> str:
    if not _URI.fullmatch(uri):
        raise ParseError(f"an address without a usable URI: {excerpt(text)}")
    return uri
