"""The catalogue is complete, and a finding can always be made."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.findings import Severity, catalogue, finding

PROMISED = re.findall(
    r"\S+",
    """
clock-skew date-missing date-malformed kdc-clock-skew ntlm-clock-skew
kerberos-not-offered ntlm-not-offered no-usable-scheme extranet-ntlm-only realm-mismatch targetname-missing
version-unsupported not-challenged
spn-foreign-service spn-host-mismatch spn-malformed spn-not-registered spn-duplicate spn-wrong-account
domain-mismatch netbios-name-mismatch netbios-unavailable server-not-domain-joined client-not-domain-joined
client-domain-differs upn-suffix-mismatch client-xp-home nat-detected
wrong-password user-unknown account-disabled account-locked account-expired password-expired logon-hours
logon-workstation credentials-refused uri-not-authorized user-not-enabled
kdc-not-found kdc-unreachable no-ticket ticket-expired etype-unsupported service-key-mismatch kerberos-unavailable
ntlm-v1 ntlm-key-strength-mismatch ntlm-forgeable-signatures ntlm-malformed-token
signature-invalid signature-missing signature-malformed unknown-association num-replayed num-gap num-not-from-one
opaque-changed epid-changed call-id-changed cseq-not-increased
handshake-incomplete redirect-unsigned redirect-loop redirect-refused association-expired server-diagnostic
dns-no-srv dns-target-unresolvable dns-domain-mismatch connection-refused connection-timeout tls-untrusted
tls-name-mismatch tls-expired tls-too-old protocol-error
""",
)


@pytest.mark.parametrize("id_", PROMISED)
def test_every_promised_finding_is_in_the_catalogue(id_: str) -> None:
    assert id_ in catalogue()


@pytest.mark.parametrize("id_", list(catalogue()))
def test_an_entry_says_everything(id_: str) -> None:
    entry = catalogue()[id_]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id_)
    for text in (entry.family, entry.title, entry.meaning, entry.detection, entry.remedy, entry.reference):
        assert text.strip() == text.strip("\n") or text.startswith("    ")
        assert text.strip()
    assert len(entry.title) <= 100
    assert not entry.title.endswith(".")


def test_commands_stand_on_lines_of_their_own() -> None:
    remedy = finding("spn-not-registered", "x", spn="sip/hs1.litwareinc.com", account="LITWAREINC\\RTCService").remedy
    assert "    setspn -S sip/hs1.litwareinc.com LITWAREINC\\RTCService" in remedy.splitlines()


def test_a_missing_value_is_shown_as_such() -> None:
    assert "setspn -S <spn> <account>" in finding("spn-not-registered", "x").remedy


def test_the_severity_can_be_changed_for_a_case() -> None:
    assert finding("clock-skew", "x", severity=Severity.WARNING).severity is Severity.WARNING
    assert finding("clock-skew", "x").severity is Severity.ERROR


@given(st.sampled_from(list(catalogue())), st.text())
def test_no_value_breaks_a_remedy(id_: str, value: str) -> None:
    made = finding(id_, value, [value], host=value, user=value, spn=value)
    assert made.detail == value
    assert made.evidence == (value,)
    if value and "{user}" in catalogue()[id_].remedy:
        assert value in made.remedy
