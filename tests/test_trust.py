"""Who may receive credentials."""

from __future__ import annotations

import pytest

from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.network.evidence import Transport
from sipauthctl.network.tls import TlsPolicy
from sipauthctl.probe.options import ProbeOptions, ServerChoice
from sipauthctl.sip.uri import SipUri
from sipauthctl.trust import (
    Clearance,
    Credential,
    Destination,
    NamedDomain,
    NotCleared,
    Origin,
    Trust,
    Withheld,
    domain_above,
    named_domains,
    within_domain,
)

NTLM, TICKET = Credential.NTLM_RESPONSE, Credential.SERVICE_TICKET
AES, RC4 = Credential.AES_TIMESTAMP, Credential.RC4_TIMESTAMP
LITWARE = Trust((NamedDomain("litwareinc.com", Origin.USER), NamedDomain("corp.local", Origin.COMPUTER)))


def outcome(trust: Trust, credential: Credential, to: Destination) -> Withheld | None:
    """None where the credential is sent."""
    cleared = trust.clear(credential, to)
    if isinstance(cleared, Clearance):
        assert (cleared.credential, cleared.destination) == (credential, to)
        return None
    return cleared


def server(name: str, origin: Origin, *, proven: bool = True) -> Destination:
    return Destination(name, origin, proven)


def kdc(realm: str, located_by: Origin = Origin.DNS) -> Destination:
    return Destination(realm, Origin.PEER, located_by=located_by)


@pytest.mark.parametrize("credential", [NTLM, TICKET])
@pytest.mark.parametrize("origin", [Origin.DNS, Origin.PEER])
def test_dns_and_peers_name_a_server_only_within_a_named_domain(credential: Credential, origin: Origin) -> None:
    assert outcome(LITWARE, credential, server("hs2.litwareinc.com", origin)) is None
    assert outcome(LITWARE, credential, server("pool.corp.local", origin)) is None
    for foreign in ("evil.fabrikam.com", "evillitwareinc.com", "litwareinc.com.evil.example", "com", "127.0.0.1", ""):
        assert outcome(LITWARE, credential, server(foreign, origin)) is Withheld.FOREIGN


@pytest.mark.parametrize("credential", [NTLM, TICKET])
def test_the_user_may_name_any_server(credential: Credential) -> None:
    assert outcome(LITWARE, credential, server("pool.fabrikam.com", Origin.USER)) is None


def test_an_ntlm_response_needs_a_proven_server() -> None:
    for origin in (Origin.USER, Origin.DNS, Origin.PEER):
        unproven = server("hs1.litwareinc.com", origin, proven=False)
        assert outcome(LITWARE, NTLM, unproven) is Withheld.UNPROVEN
        assert outcome(Trust(LITWARE.domains, unproven_ntlm=True), NTLM, unproven) is None


def test_allowing_unproven_servers_allows_no_foreign_one() -> None:
    trust = Trust(LITWARE.domains, unproven_ntlm=True, rc4=True)
    assert outcome(trust, NTLM, server("evil.fabrikam.com", Origin.DNS, proven=False)) is Withheld.FOREIGN


def test_a_realm_gets_a_timestamp_only_where_it_was_named() -> None:
    for realm in ("LITWAREINC.COM", "EU.LITWAREINC.COM", "CORP.LOCAL"):
        assert outcome(LITWARE, AES, kdc(realm)) is None
    assert outcome(LITWARE, AES, kdc("EVIL.FABRIKAM.COM")) is Withheld.FOREIGN


def test_an_rc4_timestamp_needs_a_realm_of_the_users_and_a_kdc_that_not_only_dns_names() -> None:
    assert outcome(LITWARE, RC4, kdc("LITWAREINC.COM")) is Withheld.WEAK
    assert outcome(LITWARE, RC4, kdc("LITWAREINC.COM", Origin.USER)) is None
    assert outcome(LITWARE, RC4, kdc("LITWAREINC.COM", Origin.COMPUTER)) is None
    assert outcome(LITWARE, RC4, kdc("CORP.LOCAL", Origin.COMPUTER)) is Withheld.WEAK
    assert outcome(Trust(LITWARE.domains, rc4=True), RC4, kdc("LITWAREINC.COM")) is None
    assert outcome(Trust(LITWARE.domains, rc4=True), RC4, kdc("FABRIKAM.COM")) is Withheld.FOREIGN


def test_what_is_made_with_leave_is_witnessed() -> None:
    seen: list[bytes] = []
    cleared = Trust(LITWARE.domains, witness=seen.append).clear(NTLM, server("hs1.litwareinc.com", Origin.DNS))
    assert isinstance(cleared, Clearance)
    assert cleared.release(NTLM, b"response") == b"response" and seen == [b"response"]
    with pytest.raises(NotCleared):
        cleared.release(TICKET, b"ticket")
    assert seen == [b"response"]


def test_nothing_is_withheld_where_nothing_is_secret() -> None:
    trust = Trust(no_secret=True)
    assert outcome(trust, NTLM, server("evil.fabrikam.com", Origin.DNS, proven=False)) is None


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("litwareinc.com", True),
        ("HS1.LitwareInc.com.", True),
        ("a.b.litwareinc.com", True),
        ("evillitwareinc.com", False),
        ("litwareinc.com.evil.example", False),
    ],
)
def test_within_a_domain(host: str, inside: bool) -> None:
    assert within_domain(host, "litwareinc.com") is inside


def test_the_domain_above_a_host() -> None:
    assert domain_above("HS1.ad.LitwareInc.com.") == "ad.litwareinc.com"
    for host in ("litwareinc.com", "hs1", "127.0.0.1", "::1", ""):
        assert domain_above(host) == ""


def test_what_the_user_named() -> None:
    named = named_domains(
        logon_domains=("LITWAREINC", "", "ad.litware.local"),
        server="pool1.corp.example",
        trusted=("contoso.com",),
    )
    assert [domain.name for domain in named] == ["ad.litware.local", "corp.example", "contoso.com"]
    assert {domain.origin for domain in named} == {Origin.USER}


def test_a_server_that_dns_named_names_no_domain() -> None:
    options = ProbeOptions(
        SipUri.parse("sip:ned@litwareinc.com"),
        LogonName("ned", "LITWAREINC"),
        server=ServerChoice("hs1.fabrikam.com", None, Origin.DNS),
    )
    assert [domain.name for domain in options.trust.domains] == ["litwareinc.com"]


def test_an_address_that_the_user_did_not_give_is_not_the_users() -> None:
    """Whether by itself or as the logon name that it is by default."""

    def domains(logon: str, **more: object) -> list[tuple[str, Origin]]:
        uri = SipUri.parse("sip:ned@corp.example")
        options = ProbeOptions(uri, LogonName(logon), address_origin=Origin.COMPUTER, **more)  # type: ignore[arg-type]
        return [(domain.name, domain.origin) for domain in options.trust.domains]

    assert domains("ned@corp.example") == domains("ned") == [("corp.example", Origin.COMPUTER)]
    assert domains("ned@litwareinc.com")[0] == ("litwareinc.com", Origin.USER)
    assert domains("ned", trust_domains=("corp.example",))[0] == ("corp.example", Origin.USER)


def test_another_form_of_the_logon_name_names_no_domain() -> None:
    """The doctor takes it from the server's challenge."""
    tried = LogonName("ned", "evil.fabrikam.com")
    given = LogonName("ned@litwareinc.com")
    options = ProbeOptions(SipUri.parse("sip:ned@litwareinc.com"), tried, given_name=given)
    assert [domain.name for domain in options.trust.domains] == ["litwareinc.com"]


def test_the_options_that_let_ntlm_go_to_an_unproven_server() -> None:
    def options(**more: object) -> ProbeOptions:
        return ProbeOptions(SipUri.parse("sip:ned@litwareinc.com"), LogonName("ned"), **more)  # type: ignore[arg-type]

    assert not options().trust.unproven_ntlm
    assert not options(transport=Transport.TCP).trust.unproven_ntlm
    assert not options(transport=Transport.TCP, policy=TlsPolicy(verify=False)).trust.unproven_ntlm
    assert options(policy=TlsPolicy(verify=False)).trust.unproven_ntlm
    assert options(allow_cleartext=True).trust.unproven_ntlm


@pytest.mark.parametrize(
    "host", ["contoso.co.uk", "contoso.com.au", "contoso.gouv.fr", "contoso.com", "10.0.0.1", "hs1"]
)
def test_no_server_names_a_domain_below_which_anybody_may_have_one(host: str) -> None:
    trust = Trust(named_domains(logon_domains=(), server=host, trusted=()))
    foreign = "evil." + host.partition(".")[2]
    assert outcome(trust, NTLM, server(foreign, Origin.PEER)) is Withheld.FOREIGN
