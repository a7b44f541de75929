"""Initiator and acceptor against each other, and what each refuses."""

from __future__ import annotations

import hmac
import secrets
import struct
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.mechanisms.base import LogonRefused, MalformedToken, MechanismError
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.acceptor import (
    OCS_2007_R2_FLAGS,
    AcceptorOptions,
    NtlmAcceptor,
    SecurityLevelMismatch,
)
from sipauthctl.mechanisms.ntlm.context import NtlmContext
from sipauthctl.mechanisms.ntlm.initiator import NtlmInitiator
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret, check_response
from sipauthctl.mechanisms.ntlm.messages import (
    AuthenticateFacts,
    Flags,
    TargetNames,
    read_authenticate,
    read_challenge,
)
from sipauthctl.mechanisms.status import WRONG_PASSWORD
from tests.cleared import NTLM
from tests.mechanisms.ntlm import recorded

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
NAMES = TargetNames("LITWAREINC", "HS1", "litwareinc.com", "hs1.litwareinc.com", "litwareinc.com")
PASSWORD = "correct horse"


class OneAccount:
    """A directory that knows one password."""

    def check(self, authenticate: AuthenticateFacts, server_challenge: bytes) -> bytes:
        key = check_response(NtlmSecret.from_password(PASSWORD), server_challenge, authenticate)
        if key is None:
            raise LogonRefused(WRONG_PASSWORD, "wrong password")
        return key


def initiator(password: str = PASSWORD, name: str = "LITWAREINC\\ned") -> NtlmInitiator:
    secret = NtlmSecret.from_password(password)
    parsed = LogonName.parse(name)
    return NtlmInitiator(
        parsed, secret, cleared=NTLM, workstation="WS1", now=lambda: NOW, token_bytes=secrets.token_bytes
    )


def acceptor(options: AcceptorOptions | None = None, names: TargetNames = NAMES) -> NtlmAcceptor:
    return NtlmAcceptor(
        OneAccount(), names, options=options or AcceptorOptions(), now=lambda: NOW, token_bytes=secrets.token_bytes
    )


def run(client: NtlmInitiator, server: NtlmAcceptor) -> tuple[NtlmContext, NtlmContext]:
    challenge = server.step(client.step(None))
    assert challenge is not None
    assert server.step(client.step(challenge)) is None
    assert client.context is not None and server.context is not None
    return client.context, server.context


WITHOUT_ESS = replace(AcceptorOptions(), flags=OCS_2007_R2_FLAGS & ~Flags.extended_session_security)


@pytest.mark.parametrize("options", [AcceptorOptions(), WITHOUT_ESS], ids=["ess", "no-ess"])
@pytest.mark.parametrize("name", ["LITWAREINC\\ned", "litwareinc.com\\ned", "ned@litwareinc.com", "ned"])
def test_both_sides_agree_on_keys(options: AcceptorOptions, name: str) -> None:
    client_side, server = initiator(name=name), acceptor(options)
    client, peer = run(client_side, server)
    assert peer.verify(b"a request", client.sign(b"a request"))
    assert client.verify(b"an answer", peer.sign(b"an answer"))
    assert not peer.verify(b"another request", client.sign(b"a request"))
    assert server.peer == name
    assert client.extended_session_security is bool(options.flags & Flags.extended_session_security)


def test_a_wrong_password_is_refused() -> None:
    server, client = acceptor(), initiator("wrong")
    challenge = server.step(client.step(None))
    with pytest.raises(LogonRefused) as refusal:
        server.step(client.step(challenge))
    assert refusal.value.status == WRONG_PASSWORD
    assert server.context is None


def test_the_challenge_tells_the_names_and_the_clock_of_the_server() -> None:
    token = acceptor().step(b"")
    assert token is not None
    challenge = read_challenge(token)
    assert challenge.names == NAMES
    assert challenge.timestamp == NOW
    assert challenge.key_bits == 128
    assert (challenge.flags & 0xFFFFFFFF).to_bytes(4, "little").hex() == "f38298e2"  # as recorded


def test_a_server_without_a_domain_names_none() -> None:
    token = acceptor(names=TargetNames(netbios_computer="HS1", dns_computer="hs1")).step(b"")
    assert token is not None
    names = read_challenge(token).names
    assert (names.netbios_domain, names.dns_domain) == (None, None)


def test_the_response_repeats_the_time_of_the_server_and_carries_a_mic_over_both_messages() -> None:
    server, client = acceptor(), initiator()
    challenge = server.step(b"")
    assert challenge is not None
    token = client.step(challenge)
    facts = read_authenticate(token)
    assert facts.timestamp == NOW
    assert facts.mic is not None and client.context is not None
    zeroed = token.replace(facts.mic, bytes(16))
    key = client.context._session_key
    assert hmac.digest(key, challenge + zeroed, "md5") == facts.mic  # [MS-NLMP] 3.1.5.1.2, with no NEGOTIATE


def test_a_server_that_tells_no_time_gets_no_mic() -> None:
    server, client = acceptor(AcceptorOptions(with_timestamp=False)), initiator()
    facts = read_authenticate(client.step(server.step(b"")))
    assert facts.mic is None
    assert facts.timestamp == NOW


def test_no_lm_response_is_sent() -> None:
    token = initiator().step(acceptor().step(b""))
    assert struct.unpack_from("<HH", token, 12) == (0, 0)


def test_a_changed_mic_is_refused() -> None:
    server, client = acceptor(), initiator()
    token = client.step(server.step(b""))
    mic = read_authenticate(token).mic
    assert mic is not None
    with pytest.raises(MalformedToken, match="MIC"):
        server.step(token.replace(mic, bytes([mic[0] ^ 1]) + mic[1:]))


def test_flags_changed_on_the_way_are_refused() -> None:
    server, client = acceptor(), initiator()
    token = bytearray(client.step(server.step(b"")))
    token[60] ^= Flags.seal
    with pytest.raises(MalformedToken, match="MIC"):
        server.step(bytes(token))


def test_a_client_with_a_short_key_is_refused() -> None:
    server = acceptor(AcceptorOptions(flags=OCS_2007_R2_FLAGS & ~Flags.key_128))
    with pytest.raises(SecurityLevelMismatch, match="56 bits"):
        server.step(initiator().step(server.step(b"")))


def test_a_short_key_works_where_the_server_allows_it() -> None:
    options = AcceptorOptions(flags=OCS_2007_R2_FLAGS & ~Flags.key_128, minimum_key_bits=56)
    client, server = run(initiator(), acceptor(options))
    assert server.verify(b"x", client.sign(b"x"))


def test_ntlmv1_is_refused() -> None:
    server = acceptor()
    token = initiator().step(server.step(b""))
    facts = read_authenticate(token)
    position = token.index(facts.nt_response)
    shortened = token[:20] + struct.pack("<HHI", 24, 24, position) + token[28:]
    with pytest.raises(SecurityLevelMismatch, match="NTLMv1"):
        server.step(shortened)


def test_a_negotiate_is_refused_with_a_reason() -> None:
    with pytest.raises(MalformedToken, match="no NEGOTIATE"):
        acceptor().step(b"NTLMSSP\x00\x01\x00\x00\x00" + bytes(28))


def test_a_context_signs_each_message_afresh() -> None:
    client, server = run(initiator(), acceptor(WITHOUT_ESS))
    first, second = client.sign(b"first"), client.sign(b"second")
    assert server.verify(b"second", second) and server.verify(b"first", first)
    assert client.sign(b"first") == first


def test_names_that_do_not_fit_are_an_error_without_a_traceback() -> None:
    client = initiator(name="\U0001f600" * 40_000)
    with pytest.raises(MechanismError):
        client.step(acceptor().step(b""))


def test_secrets_are_in_no_repr() -> None:
    server, client = acceptor(), initiator()
    token = client.step(server.step(b""))
    server.step(token)
    facts = read_authenticate(token)
    shown = repr((facts, client, server, client.context, NtlmSecret.from_password(PASSWORD)))
    for secret in (facts.nt_response, facts.encrypted_session_key, facts.mic or b"", PASSWORD.encode()):
        assert repr(secret)[2:-1] not in shown and secret.hex() not in shown


@given(st.data())
def test_a_damaged_challenge_is_a_malformed_token_or_still_a_challenge(data: st.DataObject) -> None:
    token = bytearray(acceptor().step(b"") or b"")
    for _ in range(data.draw(st.integers(1, 4))):
        token[data.draw(st.integers(0, len(token) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(token)))
    try:
        initiator().step(bytes(token[:cut]))
    except MechanismError as error:
        assert str(error)


@given(st.data())
def test_a_damaged_authenticate_is_never_accepted(data: st.DataObject) -> None:
    server = acceptor()
    token = bytearray(initiator().step(server.step(b"")))
    position = data.draw(st.integers(0, len(token) - 1))
    token[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(MechanismError):
        server.step(bytes(token))
    assert server.context is None


@given(st.binary(max_size=200))
def test_garbage_is_a_malformed_token(token: bytes) -> None:
    for read in (read_challenge, read_authenticate):
        with pytest.raises(MalformedToken):
            read(b"NTLMSSP\x00" + token if len(token) % 2 else token)


@pytest.mark.parametrize("cut", range(0, len(recorded.CHALLENGE), 7))
def test_a_truncated_challenge_is_a_malformed_token(cut: int) -> None:
    with pytest.raises(MalformedToken):
        read_challenge(recorded.CHALLENGE[:cut])
