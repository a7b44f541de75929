"""Recorded contexts of MIT's GSS-API, opened with the service's keytab long after their tickets ended."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipauthctl.mechanisms.base import MalformedToken, MechanismError, MechanismUnavailable
from sipauthctl.mechanisms.kerberos import libkrb5
from sipauthctl.mechanisms.kerberos.mic import nearly, verify
from sipauthctl.mechanisms.kerberos.offline import NoKeyFits, ServiceKeytab
from tests.mechanisms.kerberos.recorded import (
    MESSAGES,
    REALM,
    SPN,
    Entry,
    Recorded,
    context,
    contexts,
    entries,
    keytab,
    needs_libkrb5,
    written,
)

pytestmark = needs_libkrb5
HERE = Path(__file__).parents[3]


@pytest.mark.parametrize("recorded", contexts(), ids=[found.name for found in contexts()])
def test_the_tokens_of_both_sides_hold(recorded: Recorded) -> None:
    keys = recorded.keys()
    assert keys.client == f"ned@{REALM}"
    assert keys.mutual is recorded.mutual
    for who, mics in recorded.mics.items():
        by_acceptor = who == "server"
        for message, mic in zip(MESSAGES, mics, strict=True):
            assert verify(keys, by_acceptor, message, mic)
            assert not verify(keys, not by_acceptor, message, mic)
            assert not verify(keys, by_acceptor, message + b"x", mic)


@pytest.mark.parametrize("recorded", contexts(), ids=[found.name for found in contexts()])
def test_a_token_with_any_byte_changed_does_not_hold(recorded: Recorded) -> None:
    keys = recorded.keys()
    for who, mics in recorded.mics.items():
        by_acceptor = who == "server"
        for place in range(len(mics[0])):
            if recorded.name == "arcfour-hmac" and 21 <= place < 25:
                continue  # the sequence number, which RFC 4757 leaves uncovered
            changed = bytearray(mics[0])
            changed[place] ^= 0x11
            assert not verify(keys, by_acceptor, MESSAGES[0], bytes(changed)), place
        for length in range(len(mics[0])):
            assert not verify(keys, by_acceptor, MESSAGES[0], mics[0][:length])


def test_a_damaged_checksum_is_told_from_another_string() -> None:
    recorded = context()
    keys, mic = recorded.keys(), recorded.mics["client"][0]
    assert nearly(keys, False, MESSAGES[0], mic[:-1] + bytes((mic[-1] ^ 1,)))
    assert not nearly(keys, False, MESSAGES[0] + b"x", mic)
    assert not nearly(keys, False, MESSAGES[0], mic)


def test_the_recorded_tickets_ended_before_this_test() -> None:
    """Were they still good, the tests here would not show that old captures are read."""
    for recorded in contexts():
        keys = recorded.keys()
        assert keys.ends - keys.made == timedelta(minutes=1)
        assert keys.ends < datetime.now(UTC)


def test_nothing_of_this_computer_matters_or_is_changed(tmp_path: Path) -> None:
    """Wherever the environment points: no configuration of the user is read, and no replay cache is written."""
    file = tmp_path / "keytab"
    file.write_bytes(context().keytab)
    broken = tmp_path / "krb5.conf"
    broken.write_text("[libdefaults]\n permitted_enctypes = aes128-cts-hmac-sha256-128\n clockskew = 1\n")
    cache = tmp_path / "cache"
    cache.mkdir()
    program = (
        "import os, pathlib, sys\n"
        "from sipauthctl.mechanisms.kerberos.offline import ServiceKeytab\n"
        "before = dict(os.environ)\n"
        f"keytab = ServiceKeytab(pathlib.Path({str(file)!r}))\n"
        "for _ in range(2):\n"
        f"    print(keytab.open(bytes.fromhex({context().token.hex()!r})).client)\n"
        "assert dict(os.environ) == before\n"
    )
    environment = {**os.environ, "KRB5_CONFIG": str(broken), "KRB5RCACHEDIR": str(cache), "TMPDIR": str(cache)}
    environment["KRB5RCACHENAME"] = f"file2:{cache}/replay"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=HERE, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == (f"ned@{REALM}\n" * 2, "")
    assert list(cache.iterdir()) == []


# --- keytabs that do not fit


def own() -> Entry:
    return next(entry for entry in entries(context().keytab) if entry.principal == f"{SPN}@{REALM}")


def refused(*keys: Entry) -> NoKeyFits:
    with keytab(written(*keys)) as opened, pytest.raises(NoKeyFits) as caught:
        opened.open(context().token)
    return caught.value


def test_a_keytab_that_this_test_wrote_is_as_good() -> None:
    with keytab(written(own())) as opened:
        assert opened.principals == (f"{SPN}@{REALM}",)
        assert opened.open(context().token).client == f"ned@{REALM}"


def test_the_key_counts_and_not_the_name() -> None:
    """A keytab may have the account's name, or another version than the directory's."""
    with keytab(written(replace(own(), principal=f"RTCService@{REALM}", version=9))) as opened:
        assert opened.open(context().token).client == f"ned@{REALM}"


def test_a_keytab_for_another_service() -> None:
    error = refused(*(Entry(f"http/www{number}.example.com@{REALM}", 1, 18, bytes(32)) for number in range(5)))
    assert not error.has_service
    assert str(error) == (
        f"the ticket is for {SPN}@{REALM}, the keytab is of http/www0.example.com@{REALM}, "
        f"http/www1.example.com@{REALM}, http/www2.example.com@{REALM} and 2 more"
    )


@pytest.mark.parametrize(("version", "words"), [(0, "it is older"), (7, "it is newer")])
def test_another_version_of_the_key(version: int, words: str) -> None:
    error = refused(replace(own(), version=version, key=bytes(32)))
    assert error.has_service
    assert f"version 1 of the key of {SPN}@{REALM}, the keytab has version {version}: {words}" in str(error)


def test_another_type_of_key() -> None:
    error = refused(Entry(f"{SPN}@{REALM}", 1, 17, bytes(16)))
    assert error.has_service
    assert "of type aes256-cts-hmac-sha1-96, the keytab has aes128-cts-hmac-sha1-96" in str(error)


def test_another_key_of_the_same_version() -> None:
    error = refused(replace(own(), key=bytes(32)))
    assert error.has_service
    assert "the keytab has another key" in str(error)


@pytest.mark.parametrize(
    "content", [b"", b"\x05\x02", b"garbage, not a keytab", b"\x05\x01", b"\x05\x02\x00\x00\x00\x40x"]
)
def test_what_is_no_keytab(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "keytab"
    file.write_bytes(content)
    with pytest.raises(MechanismError, match=r"keytab") as caught:
        ServiceKeytab(file)
    assert str(file) in str(caught.value)


def test_a_computer_without_libkrb5(monkeypatch: pytest.MonkeyPatch) -> None:
    libkrb5.loaded_library.cache_clear()
    monkeypatch.setattr(libkrb5, "_FILE", "libkrb5-of-no-version.so")
    with pytest.raises(MechanismUnavailable, match=r"apt install libkrb5-3\.$"):
        ServiceKeytab(Path("/dev/null"))
    monkeypatch.undo()
    libkrb5.loaded_library.cache_clear()


# --- tokens that are none


def test_a_token_in_spnego_is_named() -> None:
    """The NegTokenInit of RFC 4178 with the Kerberos token in it, as a client makes that asks for Negotiate."""
    spnego = base64.b64decode("YB4GBisGAQUFAqAUMBKgDTALBgkqhkiG9xIBAgKiAQA=")
    with keytab(context().keytab) as opened, pytest.raises(MalformedToken, match="SPNEGO"):
        opened.open(spnego)


def test_a_damaged_authenticator_is_told_from_a_wrong_key() -> None:
    token = bytearray(context().token)
    token[-1] ^= 1
    with keytab(context().keytab) as opened, pytest.raises(MalformedToken, match="authenticator"):
        opened.open(bytes(token))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_the_token_is_the_error_is_a_clear_one(data: st.DataObject) -> None:
    recorded = data.draw(st.sampled_from(contexts()))
    token = recorded.token
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(token)))
        token = token[:at] + data.draw(st.binary(max_size=5)) + token[at + data.draw(st.integers(0, 5)) :]
    with keytab(recorded.keytab) as opened:
        try:
            assert opened.open(token).client
        except (MalformedToken, NoKeyFits) as error:
            assert str(error)


# --- the server's token


def test_the_servers_token_brings_the_last_key() -> None:
    recorded = context(mutual=True)
    with keytab(recorded.keytab) as opened:
        keys = opened.open(recorded.token)
    assert not keys.complete
    assert recorded.answer is not None
    keys.take_answer(recorded.answer)
    assert keys.complete
    assert keys.acceptor_subkey is not None


@pytest.mark.parametrize("which", ["another's", "damaged", "the client's", "empty"])
def test_a_servers_token_that_is_no_answer(which: str) -> None:
    recorded, other = context(mutual=True), context("arcfour-hmac", mutual=True)
    assert recorded.answer is not None and other.answer is not None
    damaged = recorded.answer[:-1] + bytes((recorded.answer[-1] ^ 1,))
    answers = {"another's": other.answer, "damaged": damaged, "the client's": recorded.token, "empty": b""}
    with keytab(recorded.keytab) as opened:
        keys = opened.open(recorded.token)
    with pytest.raises(MalformedToken):
        keys.take_answer(answers[which])
    assert not keys.complete


def test_no_key_is_shown() -> None:
    keys = context(mutual=True).keys()
    assert keys.session.contents.hex() not in repr(keys)
    assert keys.session.contents.hex() not in repr(keys.session)
    assert repr(keys).startswith("ContextKeys(client='ned@LITWAREINC.COM', made=")
