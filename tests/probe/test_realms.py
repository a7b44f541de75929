"""Which realm a logon name belongs to, and whose KDC is asked."""

from __future__ import annotations

import asyncio
import random
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sipauthctl.machine.facts import Machine, Membership
from sipauthctl.machine.krb5_conf import Krb5Conf
from sipauthctl.mechanisms.kerberos.names import STUB_REALM, KerberosName
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.network.resolver import Resolver
from sipauthctl.probe.initiators import Credentials, kerberos_login
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.realms import DomainNames, NoLogon, Realms
from sipauthctl.sip.uri import SipUri
from sipauthctl.trust import Credential, Origin
from tests.mechanisms.kerberos.recorded import Entry, needs_libkrb5, written
from tests.network.peers import NameServer

NOWHERE = "127.0.0.1:1"
CORP = "corp.contoso.com"


def realms(
    logon: str, *memberships: Membership, krb5: Krb5Conf | None = None, resolver: Resolver | None = None, **more: Any
) -> Realms:
    options = ProbeOptions(user=SipUri.parse("sip:ned@litwareinc.com"), logon_name=LogonName.parse(logon))
    machine = Machine(memberships, (), krb5 or Krb5Conf())
    return Realms(options, machine, resolver or Resolver(NOWHERE, 0.1), random.Random(1), **more)


def names(logon: str, *memberships: Membership, **more: Any) -> list[KerberosName]:
    return list(realms(logon, *memberships, **more).principals(LogonName.parse(logon)))


def joined(domain: str = CORP, netbios: str = "") -> Membership:
    return Membership(domain, netbios, "sssd")


@pytest.mark.parametrize(
    ("logon", "expected"),
    [
        ("ned", [KerberosName("ned", "LITWAREINC.COM"), KerberosName("ned", "CORP.CONTOSO.COM")]),
        ("LITWAREINC\\ned", [KerberosName("ned", "LITWAREINC.COM")]),
        ("CONTOSO\\ned", [KerberosName("ned", "CORP.CONTOSO.COM")]),
        ("fabrikam.com\\ned", [KerberosName("ned", "FABRIKAM.COM")]),
        ("fabrikam.com\\ned@contoso.com", [KerberosName("ned@contoso.com", "FABRIKAM.COM", enterprise=True)]),
        (
            "ned@contoso.com",
            [
                KerberosName("ned", "CONTOSO.COM"),
                KerberosName("ned@contoso.com", "LITWAREINC.COM", enterprise=True),
                KerberosName("ned@contoso.com", "CORP.CONTOSO.COM", enterprise=True),
            ],
        ),
    ],
)
def test_the_names_domain_comes_first_then_the_address_then_this_computer(
    logon: str, expected: list[KerberosName]
) -> None:
    assert names(logon, joined(netbios="CONTOSO")) == expected


def test_a_name_that_libkrb5_would_cut_short_is_refused() -> None:
    with pytest.raises(NoLogon, match="no Kerberos name"):
        asyncio.run(realms("ned").principal(LogonName("ned\0more", "litwareinc.com")))


def test_the_realm_of_an_unedited_krb5_conf_is_never_used() -> None:
    krb5 = Krb5Conf(STUB_REALM, {STUB_REALM: ["kerberos.mit.edu"]})
    assert [name.realm for name in names("ned", krb5=krb5)] == ["LITWAREINC.COM"]


def test_a_netbios_domain_that_no_known_domain_has_is_told() -> None:
    with pytest.raises(NoLogon, match="realm of FABRIKAM is not known"):
        asyncio.run(realms("FABRIKAM\\ned", joined()).principal(LogonName.parse("FABRIKAM\\ned")))


def test_only_a_trusted_domain_of_the_server_counts() -> None:
    child, foreign = DomainNames("emea.litwareinc.com", "EU"), DomainNames("evil.example", "EU")
    assert [name.realm for name in names("EU\\ned", server=child)] == ["EMEA.LITWAREINC.COM"]
    assert names("EU\\ned", server=foreign) == []
    assert realms("ned", server=foreign).untrusted_domain == "evil.example"


ZONE = """
_kerberos._tcp.corp.contoso.com. 60 IN SRV 0 0 88 dc1.corp.contoso.com.
dc1.corp.contoso.com.            60 IN A 192.0.2.1
"""


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("", "LITWAREINC.COM"),
        (ZONE, "CORP.CONTOSO.COM"),
        (
            ZONE + "_kerberos._tcp.litwareinc.com. 60 IN SRV 0 0 88 dc1.litwareinc.com.\n"
            "dc1.litwareinc.com. 60 IN A 192.0.2.2\n",
            "LITWAREINC.COM",
        ),
    ],
)
def test_the_first_realm_with_a_kdc_in_dns_is_taken_whatever_the_default_realm(zone: str, expected: str) -> None:
    async def scenario() -> KerberosName:
        async with NameServer(zone).running() as server:
            krb5 = Krb5Conf("CORP.CONTOSO.COM")
            found = realms("ned", krb5=krb5, resolver=Resolver(server.address, 5))
            return await found.principal(LogonName.parse("ned"))

    assert asyncio.run(scenario()) == KerberosName("ned", expected)


def test_a_kdc_of_krb5_conf_needs_no_dns() -> None:
    async def scenario() -> None:
        krb5 = Krb5Conf("", {"LITWAREINC.COM": ["192.0.2.9:8888"]})
        found = realms("ned", krb5=krb5)
        (place,) = (await found.find("LITWAREINC.COM")).kdcs
        assert (place.address, place.port) == ("192.0.2.9", 8888)
        assert found.resolver.queries == []
        assert found.located_by("LITWAREINC.COM") is Origin.COMPUTER
        assert found.located_by("CONTOSO.COM") is Origin.DNS

    asyncio.run(scenario())


def test_no_kdc_of_dns_is_asked_where_krb5_conf_names_one_behind_https() -> None:
    async def scenario() -> None:
        krb5 = Krb5Conf("", {"LITWAREINC.COM": ["https://kdc.litwareinc.com/KdcProxy"]})
        here = realms("ned", joined(), krb5=krb5)
        found = await here.find("LITWAREINC.COM")
        assert (found.kdcs, found.proxied, here.resolver.queries) == ((), True, [])
        assert here.located_by("LITWAREINC.COM") is Origin.COMPUTER
        assert (await here.principal(LogonName.parse("ned"))).realm == "LITWAREINC.COM"

    asyncio.run(scenario())


def test_a_domain_that_only_the_server_calls_so_comes_after_those_of_this_computer() -> None:
    server = DomainNames("x.litwareinc.com", "CORP")
    found = names("CORP\\ned", joined("corp.contoso.com"), server=server)
    assert [name.realm for name in found] == ["CORP.CONTOSO.COM", "X.LITWAREINC.COM"]


@needs_libkrb5
def test_the_realm_of_a_keytab_is_judged_and_not_that_of_the_address(tmp_path: Path) -> None:
    """Without a name the first principal signs in. The KDC of the address's realm is known here, its own is not."""
    keytab = tmp_path / "keytab"
    keytab.write_bytes(written(Entry("ned@FABRIKAM.COM", 1, 23, bytes(16))))
    known = Krb5Conf(kdcs={"LITWAREINC.COM": ("127.0.0.1:1",)})

    from sipauthctl.mechanisms.kerberos.credentials import KeytabSource

    def login(*, name_given: bool) -> KeytabSource:
        with ExitStack() as stack:
            given = Credentials(keytab=keytab)
            here = realms("ned", krb5=known)
            made = kerberos_login(here, LogonName("ned"), given, stack, name_given=name_given)
            source = asyncio.run(made).source
        assert isinstance(source, KeytabSource)
        return source

    of_keytab, of_user = login(name_given=False), login(name_given=True)
    assert of_keytab.name == KerberosName("ned", "FABRIKAM.COM")
    assert [one.credential for one in of_keytab.cleared] == [Credential.AES_TIMESTAMP]
    assert {one.destination.name for one in of_keytab.cleared} == {"FABRIKAM.COM"}
    assert of_user.name == KerberosName("ned", "LITWAREINC.COM")
    assert {one.credential for one in of_user.cleared} == {Credential.AES_TIMESTAMP, Credential.RC4_TIMESTAMP}
