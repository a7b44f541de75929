"""The checks of the KDC and the directory against a real Active Directory, Samba's."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import ldap3
import pytest

from sipauthctl.association.offers import Offer
from sipauthctl.directory import availability, session
from sipauthctl.directory.errors import DirectoryUntrusted
from sipauthctl.directory.queries import DirectoryFacts, Question, look_up
from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import CheckResult, Status
from sipauthctl.doctor.checks.directory import DirectoryCheck
from sipauthctl.doctor.checks.kdc import KdcCheck
from sipauthctl.doctor.checks.spn_owner import SpnOwnerCheck
from sipauthctl.doctor.directory_findings import account_findings, sip_findings
from sipauthctl.findings import Severity
from sipauthctl.lab.behaviour import SpnFlaw
from sipauthctl.lab.dns import NameServer, ServiceRecord, Zone
from sipauthctl.lab.names import DOMAIN_CONTROLLER
from sipauthctl.lab.samba.domain import ADMINISTRATOR, DomainSettings
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.ntlm.sasl import NtlmSasl
from sipauthctl.network.evidence import Endpoint, Transport
from sipauthctl.network.resolver import Resolver
from sipauthctl.network.tls import TlsPolicy
from sipauthctl.probe.facts import HopFacts
from sipauthctl.trust import Credential
from tests.cleared import cleared
from tests.directory_fixture import RunningDomain, needs_samba, running_domain

pytestmark = [pytest.mark.external, needs_samba, pytest.mark.filterwarnings("ignore:ssl.match_hostname")]
SPN = "sip/hs1.litwareinc.com"
STATES = {
    "ned": None,
    "olaf": None,
    "dora": "account-disabled",
    "edda": "account-expired",
    "petra": "password-expired",
    "mona": "password-expired",
    "hugo": "logon-hours",
    "wanda": "logon-workstation",
}


@pytest.fixture(scope="module")
def domain() -> Iterator[RunningDomain]:
    with running_domain(DomainSettings(spns=SpnFlaw.DUPLICATE)) as running:
        yield running


def offered(case: Case, spn: str = SPN) -> None:
    hop = HopFacts(Endpoint("hs1.litwareinc.com", 5061, Transport.TLS))
    hop.offers = (Offer(Scheme.KERBEROS, "Kerberos", "SIP", spn, 4, None, None, None, None),)
    case.server = hop


def run(domain: RunningDomain, case: Case, *checks: type) -> CheckResult:
    """The last check's result, after those before it."""
    for check in checks:
        made = check()
        case.results[made.id] = domain.loop.run_until_complete(made.run(case))
    case.tools.closing.close()
    return case.results[made.id]


def ids(result: CheckResult) -> list[str]:
    return [item.id for item in result.findings]


@pytest.mark.parametrize(("user", "expected"), [*STATES.items(), ("luis", "account-revoked")])
def test_the_kdc_tells_each_state_to_whoever_knows_the_password(
    domain: RunningDomain, user: str, expected: str | None
) -> None:
    case = domain.case(user)
    result = run(domain, case, KdcCheck)
    assert ids(result) == ([expected] if expected is not None else [])
    assert case.attempts.refusal is None


def test_a_wrong_password_is_tried_once(domain: RunningDomain) -> None:
    case = domain.case("nina", "wrong")
    assert run(domain, case, KdcCheck, DirectoryCheck).status is Status.SKIPPED
    assert ids(case.results["kdc"]) == ["wrong-password"]


def test_a_wrong_password_is_told_where_the_directory_alone_was_asked_for(domain: RunningDomain) -> None:
    case = domain.case("nina", "wrong")
    assert ids(run(domain, case, DirectoryCheck)) == ["wrong-password"]
    assert case.attempts.refusal is not None


def test_the_directory_tells_what_the_kdc_does_not(domain: RunningDomain) -> None:
    result = run(domain, domain.case("luis"), KdcCheck, DirectoryCheck)
    assert ids(result) == ["account-locked"]
    assert "data 775" in result.findings[0].evidence[0]


@pytest.mark.parametrize("user", [user for user, expected in STATES.items() if expected is not None])
def test_the_reason_of_a_refused_bind(domain: RunningDomain, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a KDC's word, and without libkrb5."""
    without_kerberos(monkeypatch)
    case = domain.case(user)
    assert ids(run(domain, case, DirectoryCheck)) == [STATES[user]]
    assert case.attempts.refusal is None


def test_a_refused_password_counts_as_failed_sign_in(domain: RunningDomain, monkeypatch: pytest.MonkeyPatch) -> None:
    without_kerberos(monkeypatch)
    case = domain.case("nina", "wrong")
    assert ids(run(domain, case, DirectoryCheck)) == ["credentials-refused"]
    assert case.attempts.refusal is not None
    assert "wrong" not in repr(case.results["directory"].findings[0].evidence)


@pytest.mark.parametrize("logon", ["LITWAREINC\\ned", "litwareinc.com\\ned", "ned@litwareinc.com", "ned"])
@pytest.mark.parametrize("way", ["Kerberos, sealed", "NTLM over LDAPS"])
def test_a_healthy_account_by_every_name_and_way(
    domain: RunningDomain, logon: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "NTLM over LDAPS":
        without_kerberos(monkeypatch)
    case = domain.case("ned", logon=logon)
    result = run(domain, case, DirectoryCheck)
    assert (result.status, ids(result)) == (Status.PASSED, [])
    assert result.detail == f"{DOMAIN_CONTROLLER} by {way}: account ned"


def test_protected_users_are_found_also_through_another_group(domain: RunningDomain) -> None:
    base, users = "DC=litwareinc,DC=com", "CN=Users,DC=litwareinc,DC=com"
    nina, group = f"CN=nina,{users}", f"CN=Sales,{users}"

    def protected_by() -> str:
        case = domain.case("nina")
        run(domain, case, DirectoryCheck)
        assert case.directory is not None
        assert case.directory.account is not None
        return case.directory.account.protected_by

    with administration(domain) as connection:
        connection.search(base, "(objectClass=domain)", ldap3.BASE, attributes=["objectSid"])
        sid = connection.entries[0]["objectSid"].value
        assert protected_by() == ""
        connection.add(group, "group", {"sAMAccountName": "Sales", "member": nina})
        connection.modify(f"CN=Protected Users,{users}", {"member": [(ldap3.MODIFY_ADD, [group])]})
        try:
            assert protected_by() == f"tokenGroups: {sid}-525 (Protected Users)"
        finally:
            connection.delete(group)
        connection.modify(f"CN=Protected Users,{users}", {"member": [(ldap3.MODIFY_ADD, [nina])]})
        try:
            assert protected_by() == f"memberOf: CN=Protected Users,{users}"
        finally:
            connection.modify(f"CN=Protected Users,{users}", {"member": [(ldap3.MODIFY_DELETE, [nina])]})
    assert protected_by() == ""


@contextmanager
def administration(domain: RunningDomain) -> Iterator[ldap3.Connection]:
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(domain.ca_file), valid_names=[DOMAIN_CONTROLLER])
    server = ldap3.Server(domain.domain.address, 636, use_ssl=True, tls=tls)
    connection = ldap3.Connection(server, "Administrator@litwareinc.com", ADMINISTRATOR.password, auto_bind=True)
    try:
        yield connection
    finally:
        connection.unbind()


def test_a_certificate_that_is_not_trusted_ends_it(domain: RunningDomain, monkeypatch: pytest.MonkeyPatch) -> None:
    without_kerberos(monkeypatch)
    case = domain.case("ned")
    probe = replace(case.asked.probe, policy=TlsPolicy(None, verify=False))
    result = run(domain, replace(case, asked=replace(case.asked, probe=probe)), DirectoryCheck)
    assert result.status is Status.SKIPPED
    assert "its certificate was refused: unable to get local issuer certificate" in result.detail


def test_without_the_package_it_says_what_to_install(domain: RunningDomain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipauthctl.doctor.directory_talk.unavailable_reason", lambda: availability.REASON)
    result = run(domain, domain.case("ned"), DirectoryCheck)
    assert result.status is Status.SKIPPED
    assert result.detail.endswith("pip install 'sipauthctl[directory]'")


def ned(certificate: bytes) -> NtlmSasl:
    return NtlmSasl(
        "ned@litwareinc.com", "Litware-Ned-1", cleared(Credential.NTLM_RESPONSE, DOMAIN_CONTROLLER), certificate
    )


def facts(domain: RunningDomain, user: str, sip_uri: str) -> DirectoryFacts:
    """What ned may read of somebody."""
    server = session.DirectoryServer(DOMAIN_CONTROLLER, domain.domain.address)
    context = TlsPolicy(domain.ca_file).context()
    with session.by_ntlm(server, ned, context, 5.0) as opened:
        return look_up(opened, Question((user,), sip_uri, (SPN,)))


CLOSED = 1


def test_where_ldaps_is_closed_starttls_protects_the_bind(domain: RunningDomain) -> None:
    server = session.DirectoryServer(DOMAIN_CONTROLLER, domain.domain.address, tls_port=CLOSED)
    with session.by_ntlm(server, ned, TlsPolicy(domain.ca_file).context(), 5.0) as opened:
        known = look_up(opened, Question(("ned",), "sip:ned@litwareinc.com", (SPN,)))
    assert (known.how, known.host, known.sip_owner) == ("NTLM over StartTLS", DOMAIN_CONTROLLER, "ned")
    assert known.account is not None and known.account.name == "ned"


def test_by_starttls_a_certificate_that_is_not_trusted_ends_it(domain: RunningDomain) -> None:
    server = session.DirectoryServer(DOMAIN_CONTROLLER, domain.domain.address, tls_port=CLOSED)
    with pytest.raises(DirectoryUntrusted, match="certificate"):
        session.by_ntlm(server, ned, TlsPolicy(None).context(), 5.0)


@pytest.mark.parametrize(("user", "expected"), [*STATES.items(), ("luis", "account-locked")])
def test_the_attributes_of_each_account(domain: RunningDomain, user: str, expected: str | None) -> None:
    account = facts(domain, user, f"sip:{user}@litwareinc.com").account
    assert account is not None
    found = [item.id for item in account_findings(account, datetime.now(UTC), "WS1")]
    assert found == ([expected] if expected is not None else [])


@pytest.mark.parametrize(
    ("user", "sip_uri", "expected"),
    [
        ("ned", "sip:ned@litwareinc.com", []),
        ("ned", "SIP:Ned@Litwareinc.com", []),
        ("ned", "sip:nina@litwareinc.com", ["uri-not-authorized"]),
        ("ned", "sip:nobody@litwareinc.com", ["user-not-enabled"]),
        ("olaf", "sip:olaf@litwareinc.com", ["user-not-enabled"]),
    ],
)
def test_the_sip_address(domain: RunningDomain, user: str, sip_uri: str, expected: list[str]) -> None:
    known = facts(domain, user, sip_uri)
    assert known.sip_schema and known.account is not None
    assert [item.id for item in sip_findings(known, known.account, sip_uri)] == expected
    without_schema = replace(known, sip_schema=False)
    assert list(sip_findings(without_schema, known.account, sip_uri)) == []


def test_names_are_no_part_of_a_filter(domain: RunningDomain) -> None:
    assert facts(domain, "*", "sip:*").account is None
    assert facts(domain, "ned)(objectClass=*", "sip:*)(a=b").sip_owner == ""


def test_the_forest(domain: RunningDomain) -> None:
    known = facts(domain, "ned", "sip:ned@litwareinc.com")
    assert [(item.dns, item.netbios) for item in known.domains] == [("litwareinc.com", "LITWAREINC")]
    assert known.time is not None and abs((known.time - datetime.now(UTC)).total_seconds()) < 5


def test_a_duplicate_name_is_found_with_both_owners(domain: RunningDomain) -> None:
    case = domain.case("ned")
    offered(case)
    result = run(domain, case, DirectoryCheck, SpnOwnerCheck)
    assert ids(result) == ["spn-duplicate"]
    assert {line.split(",")[0] for line in result.findings[0].evidence} == {"CN=RTCService", "CN=OldRTCService"}
    assert f"setspn -D {SPN} OldRTCService" in result.findings[0].remedy


@pytest.mark.parametrize("silent", [False, True])
def test_a_domain_controller_that_is_down_or_silent_is_told_in_time(
    domain: RunningDomain, silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_kerberos(monkeypatch)

    async def main() -> CheckResult:
        with socket.create_server(("127.0.0.1", 0), backlog=5) as listener:
            port = listener.getsockname()[1]
            if not silent:
                listener.close()
            service = ServiceRecord("_ldap._tcp.dc._msdcs.litwareinc.com", DOMAIN_CONTROLLER, port)
            server = NameServer(Zone((service,), ((DOMAIN_CONTROLLER, "127.0.0.1"),)))
            await server.start("127.0.0.1")
            case = domain.case("ned", seconds=0.5)
            resolver = Resolver(f"127.0.0.1:{server.address[1]}", 5.0)
            try:
                return await DirectoryCheck().run(replace(case, tools=replace(case.tools, resolver=resolver)))
            finally:
                await server.stop()

    result = domain.loop.run_until_complete(main())
    assert result.status is Status.SKIPPED
    assert result.detail.startswith(f"{DOMAIN_CONTROLLER}: ")
    assert ("refused" in result.detail) is not silent


def without_kerberos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipauthctl.doctor.kerberos.unavailable_reason", lambda: "Kerberos is not installed")


def test_a_wrong_owner_is_a_warning_by_itself(domain: RunningDomain) -> None:
    case = domain.case("ned")
    offered(case)
    run(domain, case, DirectoryCheck)
    assert case.directory is not None
    first = case.directory.owners[SPN][0]
    case.directory = replace(case.directory, owners={SPN: (replace(first, sip_address="sip:nina@litwareinc.com"),)})
    (item,) = run(domain, case, SpnOwnerCheck).findings
    assert (item.id, item.severity) == ("spn-wrong-account", Severity.WARNING)
