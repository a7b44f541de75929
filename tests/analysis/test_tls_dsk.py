"""TLS-DSK in captures: real handshakes of the lab, put together again, verified by their key log."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sipauthctl.analysis.results import State
from sipauthctl.analysis.secrets import Secrets
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Record
from sipauthctl.lab.authority import Authority
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.tls_dsk.key_log import KeyLog
from tests.analysis.sessions import NOTHING, changed, lab, outcome
from tests.analysis.test_digest import recorded
from tests.lab.tls_dsk import STS_URI, World
from tests.mechanisms.tls_dsk.ends import client_context


def records_of(world: World) -> list[Record]:
    return recorded(world.messages, datetime.now(UTC) - timedelta(seconds=1))


def secrets_of(folder: Path) -> Secrets:
    return Secrets(tls=KeyLog.read(folder / "server-keys.txt"))


@pytest.mark.parametrize("empty_token", [True, False])
def test_a_healthy_session_is_rebuilt_and_verified(empty_token: bool, tmp_path: Path) -> None:
    world = World(tmp_path, beside=(Scheme.NTLM,), empty_token=empty_token)
    world.sign_in(refreshes=2)
    seen = outcome(records_of(world), secrets_of(tmp_path))
    (association,) = seen.associations
    assert (association.scheme, association.state) == ("TLS-DSK", State.ESTABLISHED)
    tls = association.inner_tls
    assert tls is not None
    assert (tls.version, tls.completed, tls.alert) == ("TLS 1.2", True, None)
    assert tls.cipher_suite is not None
    assert tls.cipher_suite.startswith("TLS_ECDHE_")
    assert tls.client_subject is not None
    assert "CN=ned@litwareinc.com" in tls.client_subject
    assert set(seen.verdicts) == {7, 8, 9, 10, 11, 12, 13, 14}
    assert set(seen.verdicts.values()) == {Verdict.VALID}
    assert {signature.method.value for signature in seen.signatures if signature.method} == {"key-log"}
    assert seen.ids == []


def test_without_a_key_log_nothing_is_claimed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sign_in()
    for secrets, words in ((NOTHING, "no key log"), (Secrets(tls=KeyLog([])), "does not have the secret")):
        seen = outcome(records_of(world), secrets)
        assert set(seen.verdicts.values()) == {Verdict.UNVERIFIABLE}
        assert all(words in signature.detail for signature in seen.signatures)
        assert seen.serious == []
        assert seen.associations[0].inner_tls is not None


def test_the_ladder_tells_what_each_token_brings(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sign_in()
    (association,) = outcome(records_of(world)).associations
    remarks = [step.remark for step in association.steps]
    assert remarks[0] == "ClientHello"
    assert remarks[1] == "ServerHello to ServerHelloDone"
    assert remarks[2] == "Certificate to Finished"
    assert remarks[3] == "ChangeCipherSpec, Finished"


@pytest.mark.parametrize("place", [7, 8, 9, 10])
@pytest.mark.parametrize("old", [rb"From: [^;]*@litware", rb"CSeq: \d+", rb'(?:response|rspauth)="\w'])
def test_a_changed_byte_of_a_signed_field_is_invalid(place: int, old: bytes, tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sign_in()
    records = records_of(world)
    match = re.search(old, records[place - 1].raw)
    assert match is not None
    last = match[0][-1:]
    new = match[0][:-1] + (b"1" if last != b"1" else b"2")
    seen = outcome(changed(records, place, match[0], new), secrets_of(tmp_path))
    assert seen.verdicts[place] is Verdict.INVALID
    assert "signature-invalid" in seen.ids


def test_a_copy_of_every_message_on_another_leg_changes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sign_in()
    records = records_of(world)
    twice = [one for record in records for one in (record, replace(record, input="other.pcap"))]
    seen = outcome(twice, secrets_of(tmp_path))
    assert set(seen.verdicts.values()) == {Verdict.VALID}
    assert len(seen.associations) == 1
    assert seen.serious == []


@pytest.mark.parametrize(
    ("changes", "alert", "words"),
    [
        ({"issuer": Authority()}, "unknown_ca by the server", "authority of the certificate of the client"),
        ({"certificate": False}, "handshake_failure by the server", "the client sent no certificate"),
        (
            {"not_after": datetime(2020, 1, 1, tzinfo=UTC)},
            "certificate_expired by the server",
            "certificate of the client is out of date",
        ),
        ({"trusted": Authority()}, "unknown_ca by the client", "authority of the certificate of the server"),
    ],
)
def test_the_alert_that_ended_the_handshake(
    changes: dict[str, object], alert: str, words: str, tmp_path: Path
) -> None:
    world = World(tmp_path)
    world.sign_in(client_context(tmp_path, **changes))  # type: ignore[arg-type]
    seen = outcome(records_of(world))
    association = seen.associations[-1]
    assert association.inner_tls is not None
    assert association.inner_tls.alert == alert
    assert not association.inner_tls.completed
    assert association.state is State.FAILED
    found = next(one for one in seen.findings if one.id == "tls-dsk-failed")
    assert words in found.detail
    assert STS_URI in found.remedy
    assert [one for one in seen.serious if one != "tls-dsk-failed"] == []


def test_a_refusal_after_a_complete_handshake(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sign_in()
    records = records_of(world)[:8]
    refusal = re.sub(rb"\r\nDate.*?\r\nWWW", b"\r\nWWW", records[1].raw, flags=re.DOTALL)
    refusal = re.sub(rb"CSeq: [^\r]*", b"CSeq: 4 REGISTER", refusal)
    seen = outcome([*records[:7], replace(records[7], raw=refusal)])
    (found,) = (one for one in seen.findings if one.severity.value == "error")
    assert found.id == "tls-dsk-failed"
    assert "after a complete TLS handshake" in found.detail


def test_a_token_that_is_no_tls(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sign_in()
    records = records_of(world)
    raw = re.sub(rb'gssapi-data="[^"]*"', b'gssapi-data="bm8gVExT"', records[2].raw)
    assert "tls-dsk-failed" in outcome([*records[:2], replace(records[2], raw=raw)]).ids


def test_tls_dsk_alone_where_the_client_stops(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sign_in()
    seen = outcome(records_of(world)[:2])
    assert seen.ids == ["legacy-auth-off", "tls-dsk-required"]
    assert STS_URI in seen.findings[1].detail
    beside = World(tmp_path, beside=(Scheme.NTLM,))
    beside.sign_in()
    assert "legacy-auth-off" not in outcome(records_of(beside)[:2]).ids


def test_register_names_tls_dsk_and_why_it_is_not_taken() -> None:
    from tests.probe import harness

    alone = harness.run(lab={"schemes": (Scheme.TLS_DSK,), "redirect": False})
    assert alone.ids == ["legacy-auth-off", "tls-dsk-required"]
    assert "CertProvisioningService.svc" in alone.registration.findings[0].evidence[0]
    beside = harness.run(lab={"schemes": (Scheme.TLS_DSK, Scheme.NTLM), "redirect": False})
    assert beside.ids == []
    told = [event for event in beside.events if type(event).__name__ == "OfferPassedOver"]
    assert ["CertProvisioningService.svc" in repr(event) for event in told] == [True]
    assert outcome(lab(lab={"schemes": (Scheme.TLS_DSK, Scheme.NTLM)})).serious == []
