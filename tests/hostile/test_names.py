"""Forged names: whoever is led to the attacker by DNS or by a CHALLENGE gets no credentials there."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.leaks import Kind
from tests.hostile.peers import Kdc
from tests.hostile.sip_peer import EVIL_NAMES, OFFER, OWN_NAMES, SipPeer, Talk, challenge, ntlm, pairs
from tests.hostile.table import Table
from tests.hostile.world import COMPUTER, DIRECTORY_OF_EVIL, TCP, TLS, Scenario, play
from tests.mechanisms.kerberos.recorded import needs_libkrb5
from tests.network.peers import Authority

SRV = "_sipinternaltls._tcp.litwareinc.com. 9 IN SRV 0 0 {tls} "
OWN_KDC = "_kerberos._tcp.litwareinc.com. 9 IN SRV 0 0 {kdc} dc1.litwareinc.com.\n"
OWN_DIRECTORY = "_ldap._tcp.dc._msdcs.litwareinc.com. 9 IN SRV 0 0 {ldap} "
scenario = Table()


@scenario.all()
def test_the_attacker_gets_nothing(scenario: Scenario, authority: Authority, tmp_path: Path) -> None:
    play(scenario, authority, tmp_path).judge(scenario)


async def evil(peer: SipPeer) -> None:
    """A CHALLENGE that names the attacker's domain as the user's."""
    await ntlm(peer, data=challenge(pairs(EVIL_NAMES)))


@scenario(fast=True, options="", zone=SRV + "evil.fabrikam.com.", certificate="evil.fabrikam.com")
async def srv_leads_register_out_of_the_domain(peer: SipPeer) -> None:
    await ntlm(peer)


@scenario(options="", zone=SRV + "evil.fabrikam.com.", certificate="evil.fabrikam.com", command="doctor")
async def srv_leads_doctor_out_of_the_domain(peer: SipPeer) -> None:
    await ntlm(peer)


LOOKALIKE = SRV + "hs1.notlitwareinc.com.\nhs1.notlitwareinc.com. 9 IN A {address}"


@scenario(options="", zone=LOOKALIKE, certificate="hs1.notlitwareinc.com")
async def srv_leads_to_a_domain_that_ends_alike(peer: SipPeer) -> None:
    await ntlm(peer)


SUFFIXED = SRV + "hs1.litwareinc.com.fabrikam.com.\nhs1.litwareinc.com.fabrikam.com. 9 IN A {address}"


@scenario(options="", zone=SUFFIXED, certificate="hs1.litwareinc.com.fabrikam.com")
async def srv_leads_to_a_domain_that_begins_alike(peer: SipPeer) -> None:
    await ntlm(peer)


ALIAS = SRV + "hs7.litwareinc.com.\nhs7.litwareinc.com. 9 IN CNAME evil.fabrikam.com."


@scenario(options="", zone=ALIAS, certificate="evil.fabrikam.com")
async def an_alias_leads_out_of_the_domain(peer: SipPeer) -> None:
    await ntlm(peer)


@scenario(options="", zone=SRV + "{address}.", certificate="evil.fabrikam.com")
async def srv_names_an_address(peer: SipPeer) -> None:
    await ntlm(peer)


@scenario(options=TLS, certificate="evil.fabrikam.com")
async def a_certificate_of_another_name(peer: SipPeer) -> None:
    await ntlm(peer)


@scenario(options=TLS, certificate="")
async def a_certificate_of_an_unknown_authority(peer: SipPeer) -> None:
    await ntlm(peer)


@scenario(options=TLS, certificate="", command="doctor")
async def a_certificate_of_an_unknown_authority_before_the_doctor(peer: SipPeer) -> None:
    await evil(peer)


@scenario(options=TCP)
async def plain_tcp(peer: SipPeer) -> None:
    await ntlm(peer)


CLAIMED = "Only hs1.litwareinc.com names fabrikam.com, which proves nothing."
TO_THE_SERVER = {"options": TLS, "tolerated": frozenset({Kind.NTLM_RESPONSE})}


@scenario(fast=True, said=(CLAIMED, r"Sign in as <FQDN of the domain>\ned"), logon="ned@contoso.com", **TO_THE_SERVER)
async def a_server_claims_the_domain_of_a_principal_that_it_refuses(peer: SipPeer) -> None:
    await ntlm(peer, "401 Unauthorized", OFFER, data=challenge(pairs(EVIL_NAMES)))


DOTTED = {1: "HS1", 2: "fabrikam.com", 3: "hs1.fabrikam.com", 4: "fabrikam.com"}


@scenario(said=(CLAIMED, r"sign in as <domain of the server>\ned"), logon="CONTOSO\\ned", **TO_THE_SERVER)
async def a_server_claims_a_netbios_domain_with_a_dot(peer: SipPeer) -> None:
    await ntlm(peer, "401 Unauthorized", OFFER, data=challenge(pairs(DOTTED)))


@scenario(command="doctor", logon="CONTOSO\\ned", **TO_THE_SERVER)
async def a_server_claims_a_domain_before_the_doctor(peer: SipPeer) -> None:
    await ntlm(peer, "401 Unauthorized", OFFER, data=challenge(pairs(DOTTED)))


def with_doctor(logon: str, options: str, etype: int) -> dict[str, object]:
    """A CHALLENGE of the attacker's before the doctor."""
    tolerated = frozenset({Kind.NTLM_RESPONSE}) if options == TLS else frozenset()
    kdc = Kdc("FABRIKAM.COM", etype=etype)
    return {
        "command": "doctor",
        "options": options,
        "zone": DIRECTORY_OF_EVIL,
        "logon": logon,
        "kdc": kdc,
        "tolerated": tolerated,
    }


@scenario(**with_doctor("LITWAREINC\\ned", TCP, 23))
async def a_forged_challenge_names_the_domain(peer: SipPeer) -> None:
    await evil(peer)


@scenario(**with_doctor("LITWAREINC\\ned", TCP, 18))
async def a_forged_challenge_names_the_domain_and_its_kdc_asks_for_aes(peer: SipPeer) -> None:
    await evil(peer)


@scenario(**with_doctor("LITWAREINC\\ned", TLS, 23))
async def a_malicious_server_names_the_domain(peer: SipPeer) -> None:
    await evil(peer)


@scenario(**with_doctor("ned", TCP, 23))
async def a_forged_challenge_names_the_domain_of_a_bare_user(peer: SipPeer) -> None:
    await evil(peer)


@scenario(**with_doctor("ned@litwareinc.com", TCP, 23))
async def a_forged_challenge_names_the_domain_of_a_principal(peer: SipPeer) -> None:
    await evil(peer)


@scenario(**(with_doctor("LITWAREINC\\ned", TCP, 23) | {"zone": DIRECTORY_OF_EVIL.replace("_kerberos", "_none")}))
async def a_forged_challenge_names_the_domain_and_its_directory_is_asked(peer: SipPeer) -> None:
    await evil(peer)


@scenario(**(with_doctor("LITWAREINC\\ned", TLS, 23) | {"zone": DIRECTORY_OF_EVIL.replace("_kerberos", "_none")}))
async def a_malicious_server_names_the_domain_and_its_directory_is_asked(peer: SipPeer) -> None:
    await evil(peer)


UNKNOWN = {"kdc": Kdc("FABRIKAM.COM", error=6)}


@scenario(**(with_doctor("LITWAREINC\\ned", TCP, 23) | UNKNOWN))
async def a_forged_challenge_names_the_domain_and_its_kdc_knows_no_user(peer: SipPeer) -> None:
    await evil(peer)


REFERRAL = {"kdc": Kdc("FABRIKAM.COM", etype=23, error=68), "zone": OWN_KDC + DIRECTORY_OF_EVIL}


@scenario(**(with_doctor("LITWAREINC\\ned", TCP, 23) | REFERRAL))
async def a_forged_kdc_refers_to_the_domain_of_the_attacker(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(pairs(OWN_NAMES)))


OWN_RC4 = {"kdc": Kdc("LITWAREINC.COM", etype=23), "zone": OWN_KDC}


@scenario(**(with_doctor("LITWAREINC\\ned", TCP, 23) | OWN_RC4))
async def a_forged_kdc_of_the_own_domain_asks_for_rc4(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(pairs(OWN_NAMES)))


@scenario(**(with_doctor("LITWAREINC\\ned", TCP, 23) | {"zone": OWN_DIRECTORY + "dc.fabrikam.com."}))
async def a_forged_record_of_the_directory_leads_out_of_the_domain(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(pairs(OWN_NAMES)))


ITERATIONS = {"kdc": Kdc("LITWAREINC.COM", iterations=0xFFFFFFFF), "zone": OWN_KDC}


@scenario(**(with_doctor("LITWAREINC\\ned", TCP, 18) | ITERATIONS))
async def a_forged_kdc_asks_for_four_billion_iterations(peer: SipPeer) -> None:
    await ntlm(peer, data=challenge(pairs(OWN_NAMES)))


FOREIGN_SPN = 'WWW-Authenticate: Kerberos realm="SIP Communications Service", targetname="{}", version=4'


@scenario(options=TLS, tolerated=frozenset({Kind.NTLM_RESPONSE}))
async def a_ticket_for_the_directory_is_wanted(peer: SipPeer) -> None:
    await ntlm(peer, offer=FOREIGN_SPN.format("ldap/dc1.litwareinc.com"))


@scenario(options=TCP + " --auth kerberos")
async def a_ticket_for_the_server_of_the_attacker_is_wanted(peer: SipPeer) -> None:
    await ntlm(peer, offer=FOREIGN_SPN.format("sip/evil.fabrikam.com"))


async def kerberos(peer: SipPeer) -> None:
    """An offer of Kerberos for the server that is meant."""
    await ntlm(peer, offer=FOREIGN_SPN.format("sip/hs1.litwareinc.com"))


PRIMARY = """
_kerberos-master._udp.litwareinc.com. 9 IN SRV 0 0 {kdc} dc.fabrikam.com.
_kerberos-master._tcp.litwareinc.com. 9 IN SRV 0 0 {kdc} dc.fabrikam.com.
"""
NAMED_KDC = TLS + " --auth kerberos --kdc {address}:{own_kdc}"
REFUSED = Kdc("LITWAREINC.COM", etype=23, judgement=24)


@scenario(options=NAMED_KDC, zone=PRIMARY, kdc=REFUSED, said=("refuses the password",), system_dns=True)
async def dns_names_a_primary_kdc_beside_the_named_one(peer: SipPeer) -> None:
    await kerberos(peer)


@scenario(options=TLS + " --auth kerberos", kdc=Kdc("LITWAREINC.COM", etype=23), zone=OWN_KDC, reached="kdc")
async def a_forged_kdc_of_the_own_domain_asks_register_for_rc4(peer: SipPeer) -> None:
    await kerberos(peer)


def in_base64(proof: bytes) -> str:
    return base64.b64encode(proof).decode("ascii")


def raw(proof: bytes) -> str:
    """Bytes as they are, in an encoding of one byte each."""
    return proof.decode("utf-8", "surrogateescape")


def echoing(quote: Callable[[bytes], str], judgement: int = 24) -> dict[str, Any]:
    """A KDC of the own domain throws the proof back in the text of its error."""
    kdc = Kdc("LITWAREINC.COM", judgement=judgement, quote=quote)
    tolerated = frozenset({Kind.TIMESTAMP_AES})  # from a KDC that only DNS names, docs/security.md
    return {"options": TLS, "kdc": kdc, "zone": OWN_KDC, "reached": "kdc", "kdc_tolerated": tolerated}


@scenario(command="doctor", **echoing(in_base64))
async def a_kdc_throws_the_timestamp_back_in_base64(peer: SipPeer) -> None:
    await kerberos(peer)


@scenario(command="doctor", **echoing(bytes.hex))
async def a_kdc_throws_the_timestamp_back_in_hex(peer: SipPeer) -> None:
    await kerberos(peer)


@scenario(command="doctor", **echoing(raw))
async def a_kdc_throws_the_timestamp_back_as_it_is(peer: SipPeer) -> None:
    await kerberos(peer)


@scenario(**(echoing(in_base64, judgement=60) | {"options": TLS + " --auth kerberos"}))
async def a_kdc_throws_the_timestamp_of_libkrb5_back(peer: SipPeer) -> None:
    await kerberos(peer)


def luring(service: str) -> Talk:
    """An offer of Kerberos for a service that the user has a ticket for."""

    async def talk(peer: SipPeer) -> None:
        await ntlm(peer, offer=FOREIGN_SPN.format(service))

    return talk


OF_EVIL, OF_DIRECTORY, OF_ANOTHER_DOMAIN = "sip/evil.fabrikam.com", "ldap/dc1.litwareinc.com", "sip/hs1.contoso.com"


@needs_libkrb5
@pytest.mark.slow
@pytest.mark.parametrize("command", ["register", "doctor"])
@pytest.mark.parametrize(
    ("service", "zone"),
    [
        (OF_EVIL, SRV + "evil.fabrikam.com."),
        (OF_DIRECTORY, SRV + "hs1.litwareinc.com."),
        (OF_ANOTHER_DOMAIN, SRV + "hs1.litwareinc.com."),
    ],
    ids=["server", "directory", "server-of-another-domain"],
)
def test_no_ticket_is_lured_away(command: str, service: str, zone: str, authority: Authority, tmp_path: Path) -> None:
    certificate = "evil.fabrikam.com" if service == OF_EVIL else "hs1.litwareinc.com"
    lured = Scenario(
        luring(service), command=command, options="", zone=zone, certificate=certificate, tickets=(service,)
    )
    outcome = play(lured, authority, tmp_path)
    outcome.judge(lured)
    assert service != OF_ANOTHER_DOMAIN or "spn-host-mismatch" in outcome.out


@needs_libkrb5
@pytest.mark.slow
def test_a_ticket_goes_where_it_is_meant_to_go(authority: Authority, tmp_path: Path) -> None:
    """So that the tests above can fail."""
    zone = SRV + "evil.fabrikam.com."
    options = "--trust-domain fabrikam.com"
    meant = Scenario(luring(OF_EVIL), options=options, zone=zone, certificate="evil.fabrikam.com", tickets=(OF_EVIL,))
    outcome = play(meant, authority, tmp_path)
    assert {leak.kind for leak in outcome.leaks["sip tls"]} == {Kind.TICKET}, outcome.out


@dataclass
class QuotingKdc(Kdc):
    """Quotes part of the ticket that a TGS-REQ begins with, as the text of KRB_ERR_GENERIC."""

    def answer(self, data: bytes) -> list[bytes]:
        _, begin, ticket = data.partition(b"\x61\x82")
        self.text = base64.b64encode(ticket[120:300]).decode("ascii") if begin else ""
        return super().answer(data)


@needs_libkrb5
@pytest.mark.slow
@pytest.mark.parametrize("command", ["register", "doctor"])
def test_a_ticket_that_a_kdc_quotes_is_not_shown(command: str, authority: Authority, tmp_path: Path) -> None:
    kdc = QuotingKdc("LITWAREINC.COM", error=60)
    asked = Scenario(
        luring("sip/hs9.litwareinc.com"),
        command=command,
        options=TLS + " --auth kerberos",
        zone=OWN_KDC,
        kdc=kdc,
        tickets=("sip/hs1.litwareinc.com",),
    )
    outcome = play(asked, authority, tmp_path)
    assert len(kdc.text) > 100
    shown = outcome.out + outcome.err
    assert not any(kdc.text[at : at + 16] in shown for at in range(0, len(kdc.text) - 16, 4))
    assert "(secret removed)" in shown


NO_CERTIFICATE = OWN_DIRECTORY + "dc9.litwareinc.com.\ndc9.litwareinc.com. 9 IN A {address}"


@scenario(**(with_doctor("LITWAREINC\\ned", TCP, 18) | {"zone": NO_CERTIFICATE}))
async def a_forged_record_of_the_directory_names_a_host_of_the_own_domain(peer: SipPeer) -> None:
    """One that the attacker has no certificate for."""
    await ntlm(peer, data=challenge(pairs(OWN_NAMES)))


MANY = "".join(
    f"_sipinternaltls._tcp.litwareinc.com. 9 IN SRV 0 0 {number} hs1.litwareinc.com.\n" for number in range(1, 40)
)


@scenario(options="", zone=MANY, reached="dns")
async def srv_names_many_closed_ports(peer: SipPeer) -> None:
    await ntlm(peer)


CIRCLE = SRV + "hs7.litwareinc.com.\nhs7.litwareinc.com. 9 IN CNAME hs7.litwareinc.com."


@scenario(options="", zone=CIRCLE, reached="dns")
async def an_alias_of_itself(peer: SipPeer) -> None:
    await ntlm(peer)


OWN_NAME = f"""
{COMPUTER}. 9 IN A {{address}}
{{reverse}}.in-addr.arpa. 9 IN PTR {COMPUTER}.evil.fabrikam.com.
_sipinternaltls._tcp.evil.fabrikam.com. 9 IN SRV 0 0 {{evil}} evil.fabrikam.com.
"""


@pytest.mark.slow
def test_the_name_that_dns_gives_this_computer_is_no_address(authority: Authority, tmp_path: Path) -> None:
    outcome = play(Scenario(address=(), options="", zone=OWN_NAME, system_dns=True), authority, tmp_path)
    assert not any(outcome.leaks.values()), outcome.leaks
    assert outcome.code == 2 and "Missing the SIP address" in outcome.err
