"""Where a signed 301 leads, and whether to go there, [MS-SIPREGE] 3.1.5.2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sipauthctl.network.evidence import Endpoint, Transport
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Response
from sipauthctl.sip.name_addr import NameAddr
from sipauthctl.sip.uri import SipUri
from sipauthctl.trust import Origin, Trust, domain_above


class RedirectProblem(Enum):
    """Why a redirect is not followed."""

    UNUSABLE = "unusable"  # no Contact, or none that can be used
    LOOP = "loop"
    TOO_MANY = "too-many"
    DOWNGRADE = "downgrade"  # from TLS to plain TCP
    FOREIGN = "foreign"  # to a host outside the domains that the user or this computer named


@dataclass(frozen=True, slots=True)
class RefusedRedirect:
    """A redirect that is not followed; `detail` says where it led, `foreign` to which domain that nobody named."""

    problem: RedirectProblem
    detail: str
    foreign: str = ""


def follow(
    response: Response, visited: Sequence[Endpoint], max_redirects: int, trust: Trust
) -> Endpoint | RefusedRedirect:
    """The server that a 301 names, or why not to go there.

    Args:
        response: its signature must have been verified.
        visited: the servers so far, the one that answered last.
        max_redirects: how many are followed in all.
        trust: a server that may not receive credentials is not asked at all.
    """
    try:
        contacts = NameAddr.parse_list(response.headers.values("Contact"))
        if not contacts:
            return RefusedRedirect(RedirectProblem.UNUSABLE, "the redirect has no Contact")
        target = _endpoint(SipUri.parse(contacts[0].uri), visited[-1].transport)
    except SipError as error:
        return RefusedRedirect(RedirectProblem.UNUSABLE, f"the Contact of the redirect cannot be used: {error}")
    if target is None:
        detail = f"the Contact of the redirect asks for another transport than TLS or TCP: {contacts[0].uri!a}"
        return RefusedRedirect(RedirectProblem.UNUSABLE, detail)
    words = f"{visited[-1].host} redirects to {target.host} port {target.port} by {target.transport.value.upper()}"
    if _key(target) in {_key(server) for server in visited}:
        return RefusedRedirect(RedirectProblem.LOOP, f"{words}, which was asked before")
    if len(visited) > max_redirects:
        return RefusedRedirect(RedirectProblem.TOO_MANY, f"{words}; {max_redirects} redirects were followed before")
    if visited[-1].transport is Transport.TLS and target.transport is not Transport.TLS:
        return RefusedRedirect(RedirectProblem.DOWNGRADE, f"{words}, which has no protection")
    if trust.named_by(target.host, Origin.PEER) is None:
        domains = ", ".join(dict.fromkeys(domain.name for domain in trust.domains))
        return RefusedRedirect(
            RedirectProblem.FOREIGN,
            f"{words}, outside {domains}. That server got no credentials",
            domain_above(target.host),
        )
    return target


def _endpoint(uri: SipUri, in_use: Transport) -> Endpoint | None:
    """The server that a Contact names. One without a transport keeps the transport in use: `<sip:hs2.litwareinc.com>`
    after TLS means TLS (OCS 2007 R2 Resource Kit, chapter 22)."""
    try:
        transport = Transport(uri.transport or in_use)
    except ValueError:
        return None
    transport = Transport.TLS if uri.scheme == "sips" else transport
    return Endpoint(uri.host, uri.port or transport.port, transport)


def _key(server: Endpoint) -> tuple[str, int, Transport]:
    return server.host.rstrip(".").lower(), server.port, server.transport
