"""Which hosts a server may name in a Kerberos offer."""

from __future__ import annotations

import pytest

from sipauthctl.network.evidence import Endpoint, TlsEvidence, Transport
from sipauthctl.probe.facts import HopFacts
from sipauthctl.trust import NamedDomain, Origin, Trust


@pytest.mark.parametrize(
    ("host", "proven", "allowed"),
    [
        ("sip.fabrikam.com", False, True),
        ("pool01.fabrikam.com", False, True),
        ("hs1.corp.litwareinc.com", False, True),
        ("hs1.contoso.com", True, False),
        ("pool01.corp.example", True, True),
        ("pool01.corp.example", False, False),
    ],
)
def test_only_itself_and_hosts_of_named_domains(host: str, proven: bool, allowed: bool) -> None:
    named = NamedDomain("fabrikam.com", Origin.USER), NamedDomain("corp.litwareinc.com", Origin.COMPUTER)
    hop = HopFacts(Endpoint("sip.fabrikam.com", 5061, Transport.TLS), proven=proven)
    names = ("sip.fabrikam.com", "Pool01.corp.example")
    hop.tls = TlsEvidence("TLSv1.3", "", "", "", names, None, verified=proven)
    assert hop.may_name(host, Trust(domains=named)) is allowed
