"""Each finding that one sign-in can show, provoked by a lab that misbehaves so; a healthy one shows none of them."""

from __future__ import annotations

from typing import Any

import pytest

from sipauthctl.association.choice import Wanted
from sipauthctl.findings import Severity, catalogue, finding
from sipauthctl.network.evidence import Transport
from sipauthctl.network.tls import TlsPolicy
from sipauthctl.network.transport import Timeouts
from sipauthctl.probe.options import ServerChoice
from sipauthctl.probe.results import Outcome
from sipauthctl.sip.uri import SipUri
from tests.probe.harness import run

SHORT = {"options": {"timeouts": Timeouts(5, 5, 0.3)}}
TCP = {"options": {"transport": Transport.TCP, "allow_cleartext": True}}

CASES: list[tuple[list[str], dict[str, Any], Outcome, list[str]]] = [
    # faults, setup, outcome, findings with their severity
    (["clock-skew=1200"], {}, Outcome.REGISTERED, ["error clock-skew", "warning ntlm-clock-skew"]),
    (["clock-skew=-600"], {}, Outcome.REGISTERED, ["warning clock-skew"]),
    (["no-date"], {}, Outcome.REGISTERED, ["info date-missing"]),
    (["malformed-date"], {}, Outcome.REGISTERED, ["warning date-malformed"]),
    (["bad-rspauth"], {}, Outcome.UNTRUSTED, ["error signature-invalid", "warning registration-left"]),
    (["replayed-snum"], {}, Outcome.REGISTERED, ["error num-replayed", "warning registration-left"]),
    (["skipped-snum"], {}, Outcome.REGISTERED, ["warning num-gap"]),
    (["unsigned-ok"], {}, Outcome.UNTRUSTED, ["error signature-missing", "warning registration-left"]),
    (["unsigned-redirect"], {}, Outcome.UNTRUSTED, ["error redirect-unsigned"]),
    (["bad-redirect-signature"], {}, Outcome.UNTRUSTED, ["error redirect-unsigned"]),
    (["redirect-loop"], {}, Outcome.INCOMPLETE, ["error redirect-loop"]),
    (["redirect-to-cleartext"], {}, Outcome.UNTRUSTED, ["error redirect-refused"]),
    (["redirect-to-nowhere"], {}, Outcome.INCOMPLETE, ["error redirect-refused"]),
    (["redirect-to-foreign-domain"], {}, Outcome.UNTRUSTED, ["error dns-domain-mismatch"]),
    (["old-home-server"], {}, Outcome.REGISTERED, ["info protection-downgraded"]),
    ([], {"options": {"max_redirects": 0}}, Outcome.INCOMPLETE, ["error redirect-refused"]),
    (["foreign-spn"], {}, Outcome.REGISTERED, ["warning spn-foreign-service"]),
    (["spn-host-mismatch"], TCP, Outcome.REGISTERED, ["warning spn-host-mismatch"]),
    (["realm-differs"], {}, Outcome.UNTRUSTED, ["error realm-mismatch"]),
    (["missing-targetname"], {}, Outcome.INCOMPLETE, ["error targetname-missing"]),
    (["version-1"], {}, Outcome.INCOMPLETE, ["error version-unsupported"]),
    (["ntlm-key-strength-mismatch"], {}, Outcome.REJECTED, ["error ntlm-key-strength-mismatch"]),
    (
        ["workgroup-server"],
        {},
        Outcome.REJECTED,
        ["error server-not-domain-joined"],
    ),
    (["workgroup-server"], {"logon": "ned"}, Outcome.REGISTERED, ["warning server-not-domain-joined"]),
    (["garbage-token"], {}, Outcome.INCOMPLETE, ["error ntlm-malformed-token"]),
    (["credentials-refused"], {}, Outcome.REJECTED, ["error credentials-refused"]),
    (["silent"], SHORT, Outcome.UNREACHABLE, ["error connection-timeout"]),
    (["slow=30"], SHORT, Outcome.UNREACHABLE, ["error connection-timeout"]),
    (["truncated"], {}, Outcome.INCOMPLETE, ["error handshake-incomplete"]),
    (["oversized"], {}, Outcome.INCOMPLETE, ["error protocol-error"]),
    (["digest-only"], {}, Outcome.INCOMPLETE, ["error no-usable-scheme"]),
    (["http-server"], {}, Outcome.INCOMPLETE, ["error protocol-error"]),
    (["no-challenge"], {}, Outcome.UNTRUSTED, ["error not-challenged"]),
    (["no-offers"], {}, Outcome.INCOMPLETE, ["error no-usable-scheme", "info date-missing"]),
    (["tls-untrusted"], {}, Outcome.UNTRUSTED, ["error tls-untrusted"]),
    (["tls-name-mismatch"], {}, Outcome.UNTRUSTED, ["error tls-name-mismatch"]),
    (["tls-expired"], {}, Outcome.UNTRUSTED, ["error tls-expired"]),
    (["tls-expires-soon"], {}, Outcome.REGISTERED, ["warning tls-expires-soon", "warning tls-expires-soon"]),
    (["tls-too-old"], {}, Outcome.UNREACHABLE, ["error tls-too-old"]),
    (["tls-no-common-cipher"], {}, Outcome.UNREACHABLE, ["error tls-no-common-cipher"]),
    (["tls-reset"], {}, Outcome.UNREACHABLE, ["error tls-reset"]),
    (["reset"], {}, Outcome.UNREACHABLE, ["error tls-reset"]),
    (["tls-intercepted"], {}, Outcome.UNTRUSTED, ["error tls-intercepted", "warning tls-untrusted"]),
    (
        ["tls-intercepted"],
        {"options": {"policy": TlsPolicy(verify=False)}},
        Outcome.REGISTERED,
        ["warning tls-intercepted", "warning tls-untrusted"],
    ),
    (["legacy-auth-off"], {}, Outcome.INCOMPLETE, ["error legacy-auth-off", "warning tls-dsk-required"]),
    (["no-srv"], {}, Outcome.UNREACHABLE, ["error dns-no-srv"]),
    (["srv-unresolvable"], {}, Outcome.UNREACHABLE, ["error dns-target-unresolvable"]),
    (["srv-foreign-domain"], TCP, Outcome.INCOMPLETE, ["error dns-domain-mismatch"]),
    (
        ["srv-foreign-domain"],
        {"options": {**TCP["options"], "trust_domains": ("fabrikam.com",)}},
        Outcome.REGISTERED,
        ["info dns-domain-mismatch"],
    ),
    (
        [],
        {"options": {"wanted": Wanted.KERBEROS}},
        Outcome.INCOMPLETE,
        ["error kerberos-not-offered", "info extranet-ntlm-only"],
    ),
    ([], {"options": {"transport": Transport.TCP}}, Outcome.INCOMPLETE, ["error ntlm-withheld"]),
    ([], {"password": "wrong"}, Outcome.REJECTED, ["error credentials-refused"]),
    ([], {"user": "dora"}, Outcome.REJECTED, ["error credentials-refused"]),
    (["telling-refusals"], {"user": "dora"}, Outcome.REJECTED, ["error account-disabled"]),
    (
        ["telling-refusals", "clock-skew=1200"],
        {"user": "dora"},
        Outcome.REJECTED,
        ["error account-disabled", "error clock-skew", "warning ntlm-clock-skew"],
    ),
    (
        ["clock-skew=1200"],
        {"user": "dora"},
        Outcome.REJECTED,
        ["error clock-skew", "warning ntlm-clock-skew"],
    ),
    (["srv-dead-first", "tls-expired"], {}, Outcome.UNTRUSTED, ["error tls-expired", "warning connection-refused"]),
    (["telling-refusals"], {"user": "luis"}, Outcome.REJECTED, ["error account-locked"]),
    (["telling-refusals"], {"logon": "LITWAREINC\\nobody"}, Outcome.REJECTED, ["error user-unknown"]),
    (["telling-refusals"], {"password": "wrong"}, Outcome.REJECTED, ["error credentials-refused"]),
    ([], {"user": "olaf"}, Outcome.REJECTED, ["error user-not-enabled"]),
    (
        [],
        {"user": "nina", "logon": "LITWAREINC\\ned", "password": "Litware-Ned-1"},
        Outcome.REJECTED,
        ["error uri-not-authorized"],
    ),
    (
        [],
        {"logon": "FABRIKAM\\ned"},
        Outcome.REJECTED,
        ["error credentials-refused", "warning domain-mismatch"],
    ),
    (
        ["telling-refusals"],
        {"logon": "FABRIKAM\\ned"},
        Outcome.REJECTED,
        ["error domain-mismatch", "warning user-unknown"],
    ),
    (
        ["telling-refusals"],
        {"user": "olaf", "logon": "zoe@litwareinc.com", "options": {"user": SipUri.parse("sip:zoe@litwareinc.com")}},
        Outcome.REJECTED,
        ["error logon-name-is-sip-address", "warning user-unknown"],
    ),
    (
        ["credentials-refused"],
        {"logon": "sip:ned@litwareinc.com"},
        Outcome.REJECTED,
        ["error logon-name-is-sip-address", "warning credentials-refused"],
    ),
    (["answer=401:1013"], {}, Outcome.REJECTED, ["error clock-skew"]),
    (["answer=403:1013"], {}, Outcome.REJECTED, ["error clock-skew"]),
    (["answer=404:1003"], {}, Outcome.REJECTED, ["error user-not-enabled"]),
    (["answer=401:1003"], {}, Outcome.REJECTED, ["error user-unknown"]),
    (["answer=400:4011"], {}, Outcome.REJECTED, ["error endpoint-id-invalid"]),
    (["answer=504:1010"], {}, Outcome.REJECTED, ["error next-hop-failed"]),
    (["answer=403:4003"], {}, Outcome.REJECTED, ["error remote-access-off"]),
    (["answer=403:17002"], {}, Outcome.REJECTED, ["error client-version-refused"]),
    (["answer=480"], {}, Outcome.REJECTED, ["error server-diagnostic"]),
    (["first-answer=403:4003"], {}, Outcome.REJECTED, ["error remote-access-off"]),
    (["lyncdiscover-only"], {}, Outcome.UNREACHABLE, ["warning dns-no-srv"]),
    (
        [],
        {"logon": "ned@fabrikam.com"},
        Outcome.REJECTED,
        ["error credentials-refused", "warning upn-suffix-mismatch"],
    ),
]


@pytest.mark.parametrize(
    ("faults", "setup", "outcome", "findings"), CASES, ids=[" ".join([*c[0], *map(str, c[1].values())]) for c in CASES]
)
def test_a_fault_gives_its_finding_and_no_other(
    faults: list[str], setup: dict[str, Any], outcome: Outcome, findings: list[str]
) -> None:
    registration = run(*faults, **setup).registration
    assert [f"{f.severity.value} {f.id}" for f in registration.findings] == findings
    assert registration.outcome is outcome
    failed = outcome is not Outcome.REGISTERED or any(f.severity is Severity.ERROR for f in registration.findings)
    assert registration.failed is failed


@pytest.mark.parametrize(
    ("faults", "options", "words"),
    [
        (["redirect-to-cleartext"], {}, "From TLS to TCP:"),
        (["redirect-to-nowhere"], {}, "Without a usable Contact:"),
        ([], {"max_redirects": 0}, "Too many redirects:"),
    ],
)
def test_a_refused_redirect_has_the_remedy_of_its_cause_alone(
    faults: list[str], options: dict[str, Any], words: str
) -> None:
    (found,) = run(*faults, options=options).registration.findings
    others = [text for text in catalogue()["redirect-refused"].remedies.values() if not text.startswith(words)]
    assert found.remedy.startswith(words)
    assert len(others) == 2
    assert not any(text.split(":")[0] in found.remedy for text in others)


def test_a_domain_that_the_user_trusts_is_not_to_be_trusted_once_more() -> None:
    advice = "    --trust-domain fabrikam.com"
    trusting = {**TCP["options"], "trust_domains": ("fabrikam.com",)}
    for fault, options, advised in (
        ("srv-foreign-domain", TCP["options"], True),
        ("redirect-to-foreign-domain", {}, True),
        ("srv-foreign-domain", trusting, False),
    ):
        (found,) = run(fault, options=options).registration.findings
        assert (advice in found.remedy.splitlines()) is advised
        assert "Communicator" in found.remedy


def test_ntlm_is_not_advised_where_it_was_refused() -> None:
    (found,) = run(password="wrong").registration.findings
    assert "--auth ntlm" not in found.remedy
    assert "--auth ntlm" in finding("credentials-refused", "", remedy="Kerberos").remedy


def test_a_server_that_was_given_by_address_is_better_given_by_name() -> None:
    (found,) = run(lab={"port": 25191}, options={"server": ServerChoice("127.0.0.1", 25191)}).registration.findings
    assert found.id == "tls-name-mismatch"
    assert found.detail.endswith("You gave an address, and the certificate is for hs1.litwareinc.com.")
    assert found.remedy.splitlines()[1:] == ["    --server hs1.litwareinc.com"]


@pytest.mark.parametrize(
    ("fault", "quoted"),
    [
        ("answer=503", "Retry-After: 120"),
        ("first-answer=423", "Min-Expires: 14400"),
        ("answer=480", "SIP/2.0 480 Temporarily Unavailable"),
        ("answer=403:4003", "ms-diagnostics-public: 4003;"),
        ("answer=403:17002", "User-Agent: sipauthctl/"),
    ],
)
def test_what_a_refusal_says_is_quoted(fault: str, quoted: str) -> None:
    (found,) = run(fault).registration.findings
    assert any(line.startswith(quoted) for line in found.evidence)


@pytest.mark.parametrize("skew", [(), ("clock-skew=1200",)], ids=["right", "skewed"])
def test_a_refusal_for_clock_skew_does_not_contradict_the_measured_clocks(skew: tuple[str, ...]) -> None:
    found = run("answer=401:1013", *skew).registration.findings
    agree = [item.detail for item in found if "agrees with this computer's clock" in item.detail]
    assert len(agree) == (not skew)
    assert all("the server's clock and that of a domain controller differ." in detail for detail in agree)


def test_each_server_whose_certificate_ends_is_named_with_its_own() -> None:
    found = run("tls-expires-soon").registration.findings
    assert [one.server for one in found] == ["hs1.litwareinc.com", "hs2.litwareinc.com"]
    for one in found:
        assert one.server in one.detail
        assert f"names: {one.server}" in one.evidence
        assert any(line.startswith("valid from") for line in one.evidence)


def test_the_user_of_a_sip_address_is_named_without_its_scheme() -> None:
    found = run("credentials-refused", logon="sip:ned@litwareinc.com").registration.findings
    assert "Sign in as LITWAREINC\\ned " in found[0].remedy
    assert "-Identity sip:ned " not in found[1].remedy


def test_a_server_without_128_bit_keys_is_the_end_to_mend() -> None:
    (found,) = run("ntlm-key-strength-mismatch").registration.findings
    assert "The CHALLENGE lacks the flag for 128-bit keys." in found.detail
    assert "reg add" not in found.remedy


def test_the_skew_is_measured() -> None:
    clock = run("clock-skew=1200").registration.hops[0].clock
    assert clock is not None
    assert abs(clock.skew_seconds - 1200) <= clock.uncertainty_seconds


def test_a_server_that_offers_digest_alone_is_one_of_another_kind() -> None:
    (found,) = run("digest-only").registration.findings
    assert any("the scheme of other SIP servers" in line for line in found.evidence)
    assert not any("conference" in line for line in found.evidence)
    assert "option --server" in found.remedy
    assert "Get-CsProxyConfiguration" not in found.remedy


def test_a_slow_server_is_waited_for() -> None:
    registration = run("slow=0.05").registration
    assert registration.outcome is Outcome.REGISTERED
    assert all((e.elapsed_ms or 0) >= 50 for hop in registration.hops for e in hop.exchanges)


def test_a_port_where_nothing_listens() -> None:
    result = run(options={"server": ServerChoice("hs1.litwareinc.com", 1)})
    assert result.ids == ["connection-refused"]
    assert result.registration.outcome is Outcome.UNREACHABLE


def test_tls_towards_a_plain_port_is_named() -> None:
    server = ServerChoice("hs1.litwareinc.com", 25172)
    result = run(lab={"port": 25171}, options={"server": server, "timeouts": Timeouts(5, 5, 5)})
    assert result.ids == ["protocol-error"]


def test_plain_sip_towards_a_tls_port_is_named() -> None:
    server = ServerChoice("hs1.litwareinc.com", 25181)
    options = {"server": server, "transport": Transport.TCP, "allow_cleartext": True}
    result = run(lab={"port": 25181}, options=options)
    assert result.registration.outcome is not Outcome.REGISTERED
    assert len(result.ids) == 1
    assert result.ids[0] in ("protocol-error", "handshake-incomplete")


def test_no_ntlm_response_reaches_a_server_that_nothing_proves() -> None:
    result = run(options={"transport": Transport.TCP})
    assert result.lab_did("token") == []


def test_a_registration_that_was_not_believed_is_taken_back_all_the_same() -> None:
    result = run("bad-rspauth")
    assert len(result.lab_did("de-registered")) == 1


def test_the_evidence_of_a_wrong_signature_is_the_string_that_should_have_been_signed() -> None:
    finding, _ = run("bad-rspauth").registration.findings
    signed = next(line for line in finding.evidence if line.startswith("should have been signed: "))
    assert "<NTLM>" in signed
    assert "<6><REGISTER><sip:ned@litwareinc.com>" in signed
    assert signed.endswith("<200>")


@pytest.mark.slow
@pytest.mark.parametrize("server", [None, ServerChoice("hs1.litwareinc.com", None)])
def test_a_name_server_that_does_not_answer_is_not_taken_for_missing_records(server: ServerChoice | None) -> None:
    result = run(options={"nameserver": "127.0.0.1:1", "server": server})
    assert result.ids == ["dns-server-unreachable"]
    (found,) = result.registration.findings
    command = "    nslookup -type=srv -port=1 _sipinternaltls._tcp.litwareinc.com 127.0.0.1"
    assert command in found.remedy.splitlines()
    assert result.registration.outcome is Outcome.UNREACHABLE


@pytest.mark.parametrize("fault", ["tls-untrusted", "tls-name-mismatch", "tls-expired", ""])
def test_a_certificate_that_is_not_verified_is_reported_all_the_same(fault: str) -> None:
    result = run(*filter(None, [fault]), verify=False)
    assert result.registration.outcome is Outcome.REGISTERED
    assert [f"{f.severity.value} {f.id}" for f in result.registration.findings] == (
        [f"warning {fault}"] if fault else []
    )
