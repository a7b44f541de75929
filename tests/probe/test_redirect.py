"""Where a redirect leads: the Contact of a 301, RFC 3261 19.1.2 and OCS 2007 R2 Resource Kit, chapter 22."""

from __future__ import annotations

import pytest

from sipauthctl.network.evidence import Endpoint, Transport
from sipauthctl.probe.redirect import RedirectProblem, RefusedRedirect, follow
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Response
from sipauthctl.trust import NamedDomain, Origin, Trust

TLS = Endpoint("hs1.litwareinc.com", 5061, Transport.TLS)
LITWARE = Trust((NamedDomain("litwareinc.com", Origin.USER),))
TCP = Endpoint("hs1.litwareinc.com", 5060, Transport.TCP)


def followed(contact: str, came_by: Endpoint) -> Endpoint | RefusedRedirect:
    response = Response(status=301, reason="Moved", headers=Headers([("Contact", f"<{contact}>")]))
    return follow(response, [came_by], 3, LITWARE)


@pytest.mark.parametrize(
    ("came_by", "contact", "port", "transport"),
    [
        (TLS, "sip:hs2.litwareinc.com", 5061, Transport.TLS),
        (TLS, "sip:hs2.litwareinc.com:5067", 5067, Transport.TLS),
        (TLS, "sip:hs2.litwareinc.com;transport=TLS", 5061, Transport.TLS),
        (TCP, "sip:hs2.litwareinc.com", 5060, Transport.TCP),
        (TCP, "sip:hs2.litwareinc.com;transport=tls", 5061, Transport.TLS),
        (TCP, "sips:hs2.litwareinc.com", 5061, Transport.TLS),
        (TLS, "sips:hs2.litwareinc.com;transport=tcp", 5061, Transport.TLS),  # TLS over TCP, RFC 3261 26.2.2
    ],
)
def test_a_contact_without_a_transport_keeps_the_one_in_use(
    came_by: Endpoint, contact: str, port: int, transport: Transport
) -> None:
    assert followed(contact, came_by) == Endpoint("hs2.litwareinc.com", port, transport)


def test_cleartext_after_tls_has_to_be_named_and_is_refused() -> None:
    refused = followed("sip:hs2.litwareinc.com;transport=tcp", TLS)
    assert isinstance(refused, RefusedRedirect)
    assert refused.problem is RedirectProblem.DOWNGRADE
