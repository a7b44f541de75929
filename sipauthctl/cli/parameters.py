"""Option values: what is checked before a command runs."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from datetime import timedelta

import click


@dataclass(frozen=True, slots=True)
class HostPort:
    """A host name or address, and a port (None where it was not given)."""

    host: str
    port: int | None


_DURATION = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,3})?)(?P<unit>[smh]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,254}}\Z)(?:{_LABEL}\.)*(?![0-9]+\.?\Z){_LABEL}\.?")  # one in digits is an IP address
_SIP_URI = re.compile(
    r"(?:sips?:)?(?P<user>[^\s@<>\"';,:]+)@(?P<domain>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)", re.I
)


def host_port(ctx: click.Context, param: click.Parameter, value: str | None) -> HostPort | None:
    """A Click callback: reads `HOST[:PORT]`.

    Raises:
        BadParameter: it is not of that form.
    """
    if value is None:
        return None
    host, port = _split(value)
    if not _is_host(host) or (port is not None and not 0 < port < 65_536):
        raise click.BadParameter(f"{value!a} is not HOST or HOST:PORT.")
    return HostPort(host, port)


def domains(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """A Click callback: reads names of domains. One that matches no server would be accepted in vain, and a top-level
    domain, such as `com`, matches everybody's.

    Raises:
        BadParameter: one of them is not the name of a domain, or a top-level domain.
    """
    for value in values:
        if not _DOMAIN.fullmatch(value):
            raise click.BadParameter(f"{value!a} is not the name of a domain, such as fabrikam.com.")
        if "." not in value.strip("."):
            raise click.BadParameter(f"{value!a} is a top-level domain. Name the domain of the server below it.")
    return values


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    """A Click callback: reads `30s`, `10m`, `8h`, or a number of seconds.

    Raises:
        BadParameter: it is not of that form, or nothing at all.
    """
    if value is None:
        return None
    match = _DURATION.fullmatch(value)
    seconds = float(match["number"]) * _UNITS[match["unit"]] if match is not None else 0.0
    if not 0 < seconds <= 366 * 86_400:
        raise click.BadParameter(f"{value!a} is no time such as 30s, 10m or 8h.")
    return timedelta(seconds=seconds)


def nameserver(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A Click callback: reads `HOST[:PORT]` and gives `ADDRESS[:PORT]`; a name is looked up by the system.

    Raises:
        BadParameter: it is not of that form, or the name has no address.
    """
    given = host_port(ctx, param, value)
    if given is None:
        return None
    try:
        address = str(socket.getaddrinfo(given.host, None, type=socket.SOCK_DGRAM)[0][4][0])
    except (OSError, UnicodeError):
        raise click.BadParameter(f"{given.host!a} has no address.") from None
    if given.port is None:
        return address
    return f"[{address}]:{given.port}" if ":" in address else f"{address}:{given.port}"


def sip_uri(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A Click callback: reads `[sip:]user@domain`, gives it with the scheme.

    Raises:
        BadParameter: it is not of that form.
    """
    if value is None:
        return None
    match = _SIP_URI.fullmatch(value)
    if match is None:
        raise click.BadParameter(f"{value!a} is not an address such as sip:ned@litwareinc.com.")
    return f"sip:{match['user']}@{match['domain']}"


def _split(text: str) -> tuple[str, int | None]:
    """Host and port; an IPv6 address with a port stands in brackets. A port that is no number gives 0."""
    if text.startswith("["):
        host, end, rest = text[1:].partition("]")
        if not end:
            return text, None
        port = rest.removeprefix(":") if rest else ""
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        return text, None
    if not port and not text.endswith(":"):
        return host, None
    return host, int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0


def _is_host(host: str) -> bool:
    return bool(_HOST.fullmatch(host)) or _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
