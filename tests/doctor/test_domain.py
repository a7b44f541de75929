"""The checks that matter after a refusal: this computer's domain, address translation, NetBIOS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sipauthctl.doctor.case import Case, Reached
from sipauthctl.doctor.check import CheckResult, Status
from sipauthctl.doctor.checks.domain import DomainCheck
from sipauthctl.doctor.checks.machine import MachineCheck
from sipauthctl.doctor.checks.netbios import NetbiosCheck
from sipauthctl.findings import Severity, finding
from sipauthctl.lab.netbios import NameService, NetbiosFlaw, member
from sipauthctl.machine.facts import read_machine
from sipauthctl.machine.windows import PRODUCT, VERSION
from sipauthctl.network.evidence import Endpoint, Transport
from sipauthctl.network.resolver import Resolver
from sipauthctl.probe.facts import HopFacts
from sipauthctl.probe.realms import DomainNames
from tests.doctor.harness import case_of
from tests.machine.test_facts import Hive
from tests.machine.test_files import write

HOST = "hs1.litwareinc.com"
SERVER = Endpoint(HOST, 5061, Transport.TLS)


class Known(Resolver):
    """Every name is on this computer."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        return ("127.0.0.1",)


def case_in(root: Path, *refused: str, logon: str = "LITWAREINC\\ned", netbios: int = 1) -> Case:
    """A case whose sign-in was refused with these findings, at a server of the domain."""
    case = case_of(logon=logon, seconds=0.3)
    tools = replace(
        case.tools,
        root=root,
        environ={},
        resolver=Known("127.0.0.1:1", 1.0),
        netbios_ports={HOST: netbios},
    )
    case = replace(case, tools=tools, domain=DomainNames("litwareinc.com", "LITWAREINC"))
    case.used = Reached(SERVER, None, None)
    case.server = HopFacts(SERVER, local=("192.168.137.5", 40000), seen_as=("192.168.137.5", 40000))
    found = tuple(finding(id_, "x") for id_ in refused)
    case.results["sign-in"] = CheckResult("sign-in", Status.FAILED, "fails", found)
    return case


def found(result: CheckResult) -> list[tuple[str, Severity]]:
    return [(item.id, item.severity) for item in result.findings]


def joined(root: Path, domain: str) -> Path:
    write(root, "etc/sssd/sssd.conf", f"[domain/{domain}]\nid_provider = ad\n")
    return root


class TestDomain:
    @pytest.mark.parametrize("domain", ["litwareinc.com", "LITWAREINC.COM", "eu.litwareinc.com"])
    def test_a_member_of_the_servers_domain_is_silent(self, tmp_path: Path, domain: str) -> None:
        case = case_in(joined(tmp_path, domain), "credentials-refused")
        assert found(asyncio.run(DomainCheck().run(case))) == []

    def test_a_member_of_another_domain(self, tmp_path: Path) -> None:
        case = case_in(joined(tmp_path, "fabrikam.com"), "credentials-refused")
        result = asyncio.run(DomainCheck().run(case))
        assert found(result) == [("client-domain-differs", Severity.WARNING)]
        assert "this computer: fabrikam.com (/etc/sssd/sssd.conf)" in result.findings[0].evidence

    def test_a_computer_in_no_domain(self, tmp_path: Path) -> None:
        case = case_in(tmp_path, "credentials-refused")
        assert found(asyncio.run(DomainCheck().run(case))) == [("client-not-domain-joined", Severity.INFO)]

    def test_address_translation_after_a_refusal(self, tmp_path: Path) -> None:
        case = case_in(joined(tmp_path, "litwareinc.com"), "credentials-refused")
        assert case.server is not None
        case.server.seen_as = ("203.0.113.9", 40000)
        result = asyncio.run(DomainCheck().run(case))
        assert found(result) == [("nat-detected", Severity.WARNING)]
        assert "Internet Connection Sharing" in result.findings[0].detail

    @pytest.mark.parametrize(
        ("own", "seen"),
        [("2001:db8::1", "[2001:DB8:0::1]"), ("fe80::1%eth0", "fe80::1"), ("192.168.137.5", "ws1.litwareinc.com")],
    )
    def test_the_same_address_in_another_form_is_no_translation(self, tmp_path: Path, own: str, seen: str) -> None:
        case = case_in(joined(tmp_path, "litwareinc.com"), "credentials-refused")
        assert case.server is not None
        case.server.local, case.server.seen_as = (own, 40000), (seen, 40000)
        assert found(asyncio.run(DomainCheck().run(case))) == []

    @pytest.mark.parametrize("refused", [(), ("credentials-refused", "account-disabled"), ("tls-untrusted",)])
    def test_without_an_unexplained_refusal_it_is_silent(self, tmp_path: Path, refused: tuple[str, ...]) -> None:
        case = case_in(joined(tmp_path, "fabrikam.com"), *refused)
        result = asyncio.run(DomainCheck().run(case))
        assert (result.status, found(result)) == (Status.PASSED, [])
        assert "fabrikam.com" in result.detail


class TestMachine:
    def test_it_tells_the_sign_in_that_there_is_no_domain(self, tmp_path: Path) -> None:
        case = case_in(tmp_path)
        asyncio.run(MachineCheck().run(case))
        assert case.in_workgroup is True
        case = case_in(joined(tmp_path, "litwareinc.com"))
        assert "joined to litwareinc.com (/etc/sssd/sssd.conf)" in asyncio.run(MachineCheck().run(case)).detail
        assert case.in_workgroup is False

    def test_windows_xp_home(self) -> None:
        case = case_in(Path("/nonexistent"))
        values: dict[tuple[str, str], object] = {
            (VERSION, "ProductName"): "Microsoft Windows XP",
            (VERSION, "CurrentVersion"): "5.1",
            (PRODUCT, "ProductSuite"): ["Personal"],
        }
        case.machine = read_machine(Path("/nonexistent"), {}, Hive(values))
        assert found(asyncio.run(MachineCheck().run(case))) == [("client-xp-home", Severity.WARNING)]


def with_node(make: Callable[[int], Case], flaw: NetbiosFlaw | None = None) -> CheckResult:
    """The check beside a computer that answers by NetBIOS."""

    async def main() -> CheckResult:
        service = NameService(member(HOST, "127.0.0.1", flaw, workgroup=False), silent=flaw is NetbiosFlaw.SILENT)
        await service.start()
        try:
            return await NetbiosCheck().run(make(service.port))
        finally:
            service.stop()

    return asyncio.run(main())


class TestNetbios:
    @pytest.mark.parametrize("refused", [(), ("credentials-refused",)])
    def test_right_names_are_silent(self, tmp_path: Path, refused: tuple[str, ...]) -> None:
        result = with_node(lambda port: case_in(tmp_path, *refused, netbios=port))
        assert (result.status, found(result)) == (Status.PASSED, [])
        assert result.detail == f"{HOST} is in LITWAREINC"

    def test_another_domain_by_netbios(self, tmp_path: Path) -> None:
        result = with_node(
            lambda port: case_in(tmp_path, "credentials-refused", netbios=port), NetbiosFlaw.WRONG_DOMAIN
        )
        assert found(result) == [("netbios-name-mismatch", Severity.WARNING)]
        assert "FABRIKAM" in result.findings[0].remedy

    def test_another_domain_does_not_matter_where_sign_in_works(self, tmp_path: Path) -> None:
        result = with_node(lambda port: case_in(tmp_path, netbios=port), NetbiosFlaw.WRONG_DOMAIN)
        assert found(result) == []

    @pytest.mark.parametrize("refused", [(), ("credentials-refused",)])
    def test_silence_says_nothing_of_this_computer(self, tmp_path: Path, refused: tuple[str, ...]) -> None:
        result = with_node(lambda port: case_in(tmp_path, *refused, netbios=port), NetbiosFlaw.SILENT)
        assert (result.status, found(result)) == (Status.SKIPPED, [])

    def test_disabled_on_this_computer(self, tmp_path: Path) -> None:
        write(tmp_path, "etc/samba/smb.conf", "[global]\ndisable netbios = yes\n")
        result = with_node(lambda port: case_in(tmp_path, "credentials-refused", netbios=port))
        assert found(result) == [("netbios-unavailable", Severity.WARNING)]
        assert result.findings[0].evidence[0] == "/etc/samba/smb.conf: disable netbios = yes"
