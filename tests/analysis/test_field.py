"""Excerpts of logs that people have: what each must show, and what nothing in it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipauthctl.capture.pcap import PcapReader
from sipauthctl.capture.reader import open_reader
from tests.analysis.sessions import NOTHING, Outcome, outcome

FIELD = Path(__file__).with_name("field")


def seen(name: str) -> Outcome:
    return outcome(open_reader(str(FIELD / name), captures=PcapReader), NOTHING)


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("z-extra-unsigned-server-message.txt", "signature-missing"),
        ("z-extra-unsigned-client-message.txt", "signature-missing"),
        ("krb-short.txt", "signature-malformed"),
        ("krb-dir.txt", "signature-malformed"),
        ("live-ntlm-no-ess.log", "ntlm-session-security-missing"),
        ("A09b-diag-and-bare-504.txt", "next-hop-failed"),
        ("A09c-diag-certificate-with-register.txt", "next-hop-failed"),
        ("D01-digest-403-wrong-password.txt", "digest-refused"),
        ("D02-digest-401-nonce-has-changed.txt", "digest-refused"),
        ("A02d-xp-56-bit-whole.txt", "ntlm-key-strength-mismatch"),
        ("A03-hdx-curly-quotes.txt", "ntlm-key-strength-mismatch"),
        ("A24b-time-skew-1000-kerberos-trace.txt", "clock-skew"),
        ("A25-newly-created-4005.uccapilog", "user-not-enabled"),
        ("A28-security-without-begin.txt", "credentials-refused"),
        ("answer-b03-client-56bit-80090302.trace.txt", "ntlm-key-strength-mismatch"),
    ],
)
def test_the_cause_is_the_only_error(name: str, id_: str) -> None:
    found = seen(name)
    assert [one.id for one in found.findings if one.severity.value == "error"] == [id_]
    assert "handshake-incomplete" not in found.ids


@pytest.mark.parametrize(
    "name",
    [
        "A06-kb-403-service.txt",  # refuses what was asked for, not the user
        "A10-sipe-ack-without-brackets.txt",
        "A12-sipe-begins-in-message.txt",
        "A22-trueconf-in-dialog.txt",
        "D03-digest-401-stale-true-then-ok.txt",
    ],
)
def test_an_excerpt_in_which_nothing_is_wrong(name: str) -> None:
    found = seen(name)
    assert [one.id for one in found.findings if one.severity.value != "info"] == []
    assert {one.state.value for one in found.associations} == {"established"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("A03c-hdx-56-bit-whole.txt", ["firmware", "NtlmMinServerSec"]),
        ("A25-newly-created-4005.uccapilog", ["Set-CsUserReplicatorConfiguration"]),
    ],
)
def test_the_remedy_fits_the_cause(name: str, words: list[str]) -> None:
    (error,) = [one for one in seen(name).findings if one.severity.value == "error"]
    assert [word for word in words if word not in error.remedy] == []


def test_a_real_client_goes_on_counting_in_its_next_association() -> None:
    """pidgin-sipe: its first number under the new association is 14."""
    found = seen("live-sa-lifetime.log")
    assert "num-not-from-one" not in found.ids
    last = [one for association in found.associations[-1:] for one in association.signatures]
    first = next(one for one in last if one.sender.value == "client")
    assert (first.num, "goes on from 13" in first.detail) == (14, True)


def test_a_challenge_that_was_left_unanswered_before_a_success_is_nothing() -> None:
    found = seen("D04-digest-challenge-and-later-ok.txt")
    assert [one.state.value for one in found.associations] == ["incomplete", "established"]
    assert found.findings == ()


@pytest.mark.parametrize("name", ["A09b-diag-and-bare-504.txt", "A09c-diag-certificate-with-register.txt"])
def test_the_next_hop_and_the_name_in_its_certificate_are_told(name: str) -> None:
    (found,) = seen(name).findings
    assert "fe01.litwareinc.com" in " ".join((found.detail, *found.evidence))
    assert "    Resolve-DnsName pool.litwareinc.com" in found.remedy.splitlines()
