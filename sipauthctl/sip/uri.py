"""SIP URIs, RFC 3261 19.1."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sipauthctl.sip.errors import ParseError, excerpt
from sipauthctl.sip.numbers import port_number
from sipauthctl.sip.params import Params, find_param, parse_params

_URI = re.compile(
    r"(?P<scheme>sips?):"
    r"(?:(?P<user>[^@<>\s\"]+)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<params>;[^?<>\s]*)?"
    r"(?P<headers>\?[^<>\s]*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SipUri:
    """A sip: or sips: URI. The host is without brackets; `user` keeps its escapes and any password."""

    scheme: str
    user: str | None
    host: str
    port: int | None
    params: Params
    headers: str | None

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Reads a URI without angle brackets.

        Raises:
            ParseError: it is no SIP URI, or its port is none.
        """
        match = _URI.fullmatch(text)
        if match is None:
            raise ParseError(f"not a SIP URI: {excerpt(text)}")
        port = port_number(match["port"])
        if match["port"] and port is None:
            raise ParseError(f"not a port in a SIP URI: {excerpt(text)}")
        return cls(
            scheme=match["scheme"].lower(),
            user=match["user"],
            host=match["host"].strip("[]"),
            port=port,
            params=parse_params(match["params"] or ""),
            headers=match["headers"],
        )

    def param(self, name: str) -> str | None:
        """A URI parameter: "" where it has no value, None where it is absent."""
        return find_param(self.params, name)

    @property
    def transport(self) -> str | None:
        """The transport parameter in lower case, None when absent."""
        value = self.param("transport")
        return value.lower() if value else None

    @property
    def address_of_record(self) -> str:
        """`sip:user@host` in lower case, for comparing users."""
        return f"sip:{self.user}@{self.host}".lower() if self.user else f"sip:{self.host}".lower()
