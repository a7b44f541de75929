"""The catalogue is complete, and a finding can always be made."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.findings import (
    CatalogueError,
    Severity,
    catalogue,
    finding,
    placeholders,
    read_catalogue,
    sentence,
)
from tests.sources import syntax_tree

PACKAGE = Path(__file__).parent.parent / "sipauthctl"

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


def test_every_promised_finding_is_in_the_catalogue() -> None:
    assert set(PROMISED) - set(catalogue()) == set()


def test_an_entry_says_everything() -> None:
    for id_, entry in catalogue().items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id_)
        for text in (entry.family, entry.title, entry.meaning, entry.detection, entry.remedy, entry.reference):
            assert text.strip() == text.strip("\n") or text.startswith("    "), id_
            assert text.strip(), id_
        assert len(entry.title) <= 100, id_
        assert not entry.title.endswith("."), id_


ENTRY: dict[str, Any] = {
    "family": "clock",
    "scope": "server",
    "severity": "error",
    "title": "T",
    "meaning": "M",
    "detection": "D",
    "remedy": "R",
    "reference": "RFC",
}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"explains": ["b", "no-such-finding"]}, "a explains no-such-finding"),
        ({"explains-when-account-proven": ["c"]}, "a explains c"),
        ({"explain": ["b"]}, "a has explain"),
        ({"scope": "everybody"}, "'everybody' is not a valid Scope"),
        ({"severity": "fatal"}, "'fatal' is not a valid Severity"),
    ],
)
def test_a_mistake_in_the_catalogue_is_an_error_when_it_is_loaded(wrong: dict[str, Any], words: str) -> None:
    read_catalogue({"a": ENTRY, "b": ENTRY})
    with pytest.raises(CatalogueError, match=words):
        read_catalogue({"a": ENTRY | wrong, "b": ENTRY})


@pytest.mark.parametrize("key", ENTRY)
def test_an_entry_without_one_of_its_texts_is_an_error(key: str) -> None:
    with pytest.raises(CatalogueError, match=f"a has no {key}"):
        read_catalogue({"a": {name: value for name, value in ENTRY.items() if name != key}})


def test_findings_that_explain_each_other_are_an_error() -> None:
    with pytest.raises(CatalogueError, match="explain each other"):
        read_catalogue({"a": ENTRY | {"explains": ["b"]}, "b": ENTRY | {"explains": ["a"]}})


def test_every_id_in_the_code_is_in_the_catalogue() -> None:
    made = {
        (path.name, call.args[0].value)
        for path in PACKAGE.rglob("*.py")
        for call in ast.walk(syntax_tree(path))
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", "") in ("finding", "Problem")
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }
    assert len(made) > 50
    assert [one for one in made if one[1] not in catalogue()] == []


def test_a_remedy_is_what_fits_whatever_was_seen_and_what_fits_this() -> None:
    told = {"always": "Look.", "one": "Do this.", "other": "Do that."}
    entry = read_catalogue({"a": ENTRY | {"remedy": told}})["a"]
    assert entry.remedy_for("") == entry.remedy == "Look.\nDo this.\nDo that."
    assert entry.remedy_for("other") == "Look.\nDo that."
    assert entry.remedy_for("a third") == "Look."


def test_commands_stand_on_lines_of_their_own() -> None:
    remedy = finding("spn-not-registered", "x", spn="sip/hs1.litwareinc.com", account="LITWAREINC\\RTCService").remedy
    assert "    setspn -S sip/hs1.litwareinc.com LITWAREINC\\RTCService" in remedy.splitlines()


def test_each_placeholder_has_a_default_and_each_default_a_placeholder() -> None:
    used = {name for entry in catalogue().values() for name in re.findall(r"{(\w*)}", entry.remedy)}
    assert used == set(placeholders())
    assert all(re.fullmatch("<.+>", text) for text in placeholders().values())


def test_a_remedy_without_values_has_no_braces_left() -> None:
    assert [id_ for id_ in catalogue() if re.search("{[a-z_]*}", finding(id_, "x").remedy)] == []


def test_a_missing_value_is_shown_as_such() -> None:
    remedy = finding("spn-not-registered", "x").remedy
    assert "setspn -S <sip/server FQDN> <account of the front end service>" in remedy


def test_an_empty_value_counts_as_missing() -> None:
    assert "<FQDN of the domain>" in finding("upn-suffix-mismatch", "x", dns_domain="").remedy


def test_the_severity_can_be_changed_for_a_case() -> None:
    assert finding("clock-skew", "x", severity=Severity.WARNING).severity is Severity.WARNING
    assert finding("clock-skew", "x").severity is Severity.ERROR


@pytest.mark.parametrize("value", ["{user}", "{x}", "[red]", "%s", "\\g<0>", "{", "o'brien; reboot"])
def test_a_value_stands_in_prose_as_it_is(value: str) -> None:
    assert (
        f"Sign in as LITWAREINC\\{value},"
        in finding("netbios-name-mismatch", "x", server_domain="LITWAREINC", user=value).remedy
    )


HOSTILE = [
    "ned; reboot",
    "ned & reboot",
    "ned | reboot",
    "$(reboot)",
    "`reboot`",
    "ned' -or 1 -eq '1",
    'ned" reboot',
    "-Confirm:0",
    "ned reboot",
    "ned\n    reboot",
    "%COMSPEC%",
    "\x1b[2Jned",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_command_to_copy_takes_plain_values_alone(value: str) -> None:
    remedy = finding("account-disabled", "x", user=value).remedy
    assert remedy == "    Enable-ADAccount -Identity <user name>"


@pytest.mark.parametrize(
    "value",
    ["ned", "ned@litwareinc.com", "LITWAREINC\\ned", "sip/hs1.litwareinc.com", "HS1$", "\u00fcmit", "sip:n@x.y"],
)
def test_a_command_takes_the_names_that_occur(value: str) -> None:
    assert finding("account-disabled", "x", user=value).remedy == f"    Enable-ADAccount -Identity {value}"


LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


@given(st.sampled_from(list(catalogue())), st.text(st.sampled_from(LINE_ENDS + "    ab{}")) | st.text())
def test_no_value_breaks_a_remedy(id_: str, value: str) -> None:
    fields: dict[str, Any] = dict.fromkeys(placeholders(), value)
    made = finding(id_, value, [value], **fields)
    assert made.detail == value
    assert made.evidence == (value,)
    plain = finding(id_, "x").remedy.splitlines()
    assert [line[:4] == "    " for line in made.remedy.splitlines()] == [line[:4] == "    " for line in plain]


@pytest.mark.parametrize(
    "cause",
    [
        "wrong password",
        "unknown user",
        "does not trust",
        "disabled",
        "locked out",
        "expired",
        "hours or computers",
        "must be changed",
        "LmCompatibilityLevel",
        "clock",
        "NetBIOS",
        "Windows XP Home",
        "NAT",
        "not joined",
        "user@domain",
    ],
)
def test_refused_credentials_name_every_possible_cause(cause: str) -> None:
    assert cause in catalogue()["credentials-refused"].meaning


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("the KDC refuses", "The KDC refuses."),
        ("hs2.litwareinc.com redirects to hs1", "hs2.litwareinc.com redirects to hs1."),
        ("dc1 refuses", "dc1 refuses."),
        ("ned@litwareinc.com is refused", "ned@litwareinc.com is refused."),
        ("cc: no such file", "Cc: no such file."),
        ("", "."),
    ],
)
def test_a_name_at_the_beginning_of_a_sentence_stays_as_it_is(words: str, written: str) -> None:
    assert sentence(words) == written
