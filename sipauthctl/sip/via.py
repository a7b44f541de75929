"""Via, RFC 3261 20.42, where a server notes what it saw of the client's address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from sipauthctl.sip.errors import ParseError, excerpt
from sipauthctl.sip.numbers import port_number
from sipauthctl.sip.params import Params, find_param, parse_params

_VIA = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*(?P<transport>[A-Za-z0-9-]+)\s+"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:;,\[\]]+)"
    r"(?:\s*:\s*(?P<port>[0-9]{1,5}))?\s*"
    r"(?P<params>;.*)?",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Via:
    """One hop. The transport is in upper case, the host without brackets."""

    transport: str
    host: str
    port: int | None
    params: Params

    @classmethod
    def parse(cls, text: str) -> Via:
        """Reads one Via value.

        Raises:
            ParseError: it is none.
        """
        match = _VIA.fullmatch(text.strip())
        if match is None:
            raise ParseError(f"not a Via: {excerpt(text)}")
        port = port_number(match["port"])
        return cls(match["transport"].upper(), match["host"].strip("[]"), port, parse_params(match["params"] or ""))

    def param(self, name: str) -> str | None:
        """A parameter: "" where it has no value, None where it is absent."""
        return find_param(self.params, name)


def ip_of(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host or `received` writes, with or without brackets and zone; None for a name."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
