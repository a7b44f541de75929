"""Known answers: [MS-NLMP] 4.2.4 and recorded sessions of real servers. They also guard pyspnego's raw primitives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.context import NtlmContext, Role, SealingKey
from sipauthctl.mechanisms.ntlm.initiator import NtlmInitiator
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret, check_response, exported_session_key
from sipauthctl.mechanisms.ntlm.messages import Flags, read_authenticate, read_challenge
from tests.cleared import NTLM
from tests.mechanisms.ntlm import recorded

# [MS-NLMP] 4.2.1 and 4.2.4
CHALLENGE_4_2_4 = bytes.fromhex(
    "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef00000000000000002400240044000000060070170000000f"
    "53006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000"
)
RESPONSE_KEY_4_2_4 = bytes.fromhex("0c868a403bfd7a93a3001ef22ef02e3f")
PROOF_4_2_4 = bytes.fromhex("68cd0ab851e51c96aabc927bebef6a1c")
SESSION_BASE_KEY_4_2_4 = bytes.fromhex("8de40ccadbc14a82f15cb0ad0de95ca3")
ENCRYPTED_SESSION_KEY_4_2_4 = bytes.fromhex("c5dad2544fc9799094ce1ce90bc9d03e")
RANDOM_SESSION_KEY_4_2_4 = b"\x55" * 16


def random_bytes_of_4_2_4() -> Callable[[int], bytes]:
    return lambda size: {8: b"\xaa" * 8, 16: RANDOM_SESSION_KEY_4_2_4}[size]


def test_ntowfv2_of_the_specification() -> None:
    assert NtlmSecret.from_password("Password").response_key("User", "Domain") == RESPONSE_KEY_4_2_4


def test_an_nt_hash_gives_the_same_key_as_its_password() -> None:
    nt_hash = NtlmSecret.from_nt_hash("a4f49c406510bdcab6824ee7c30fd852")  # [MS-NLMP] 4.2.2.1.2
    assert nt_hash.response_key("User", "Domain") == RESPONSE_KEY_4_2_4


def test_the_initiator_makes_the_response_of_the_specification() -> None:
    initiator = NtlmInitiator(
        LogonName("User", "Domain"),
        NtlmSecret.from_password("Password"),
        cleared=NTLM,
        workstation="COMPUTER",
        now=lambda: datetime(1601, 1, 1, tzinfo=UTC),
        token_bytes=random_bytes_of_4_2_4(),
    )
    authenticate = read_authenticate(initiator.step(CHALLENGE_4_2_4))
    assert authenticate.proof == PROOF_4_2_4
    assert authenticate.encrypted_session_key == ENCRYPTED_SESSION_KEY_4_2_4
    assert (authenticate.user, authenticate.domain, authenticate.workstation) == ("User", "Domain", "COMPUTER")
    challenge = read_challenge(CHALLENGE_4_2_4)
    key = check_response(NtlmSecret.from_password("Password"), challenge.server_challenge, authenticate)
    assert key == SESSION_BASE_KEY_4_2_4
    assert exported_session_key(SESSION_BASE_KEY_4_2_4, authenticate) == RANDOM_SESSION_KEY_4_2_4


def recorded_context(role: Role) -> NtlmContext:
    challenge, authenticate = read_challenge(recorded.CHALLENGE), read_authenticate(recorded.AUTHENTICATE)
    secret = NtlmSecret.from_password(recorded.PASSWORD)
    key = check_response(secret, challenge.server_challenge, authenticate)
    assert key is not None
    return NtlmContext(authenticate.flags, exported_session_key(key, authenticate), role)


def test_the_recorded_password_is_recognised_and_another_is_not() -> None:
    challenge, authenticate = read_challenge(recorded.CHALLENGE), read_authenticate(recorded.AUTHENTICATE)
    wrong = NtlmSecret.from_password("Pa$$word ")
    assert check_response(wrong, challenge.server_challenge, authenticate) is None
    right = NtlmSecret.from_password(recorded.PASSWORD)
    assert check_response(right, bytes(8), authenticate) is None


def test_signatures_of_communicator_2007_r2_and_its_server_are_made_and_verified() -> None:
    client, server = recorded_context(Role.INITIATOR), recorded_context(Role.ACCEPTOR)
    assert client.sign(recorded.REQUEST_STRING) == recorded.REQUEST_SIGNATURE
    assert server.sign(recorded.RESPONSE_STRING) == recorded.RESPONSE_SIGNATURE
    assert server.verify(recorded.REQUEST_STRING, recorded.REQUEST_SIGNATURE)
    assert client.verify(recorded.RESPONSE_STRING, recorded.RESPONSE_SIGNATURE)


def test_one_side_does_not_accept_its_own_signature() -> None:
    client = recorded_context(Role.INITIATOR)
    assert not client.verify(recorded.REQUEST_STRING, recorded.REQUEST_SIGNATURE)


CONNECTIONLESS = Flags.unicode | Flags.sign | Flags.datagram | Flags.ntlm | Flags.key_exch | Flags.key_128


def test_a_signature_of_ocs_2007_without_extended_session_security() -> None:
    server = NtlmContext(CONNECTIONLESS, recorded.OCS_2007_SESSION_KEY, Role.ACCEPTOR)
    client = NtlmContext(CONNECTIONLESS, recorded.OCS_2007_SESSION_KEY, Role.INITIATOR)
    assert server.sign(recorded.OCS_2007_STRING) == recorded.OCS_2007_SIGNATURE
    assert client.verify(recorded.OCS_2007_STRING, recorded.OCS_2007_SIGNATURE)
    assert client.peer_sealing_key is SealingKey.FULL


@pytest.mark.parametrize("pad", ["6f006900", "65000000", "ffffffff"])
def test_the_random_pad_of_such_a_signature_does_not_count(pad: str) -> None:
    client = NtlmContext(CONNECTIONLESS, recorded.OCS_2007_SESSION_KEY, Role.INITIATOR)
    signature = recorded.OCS_2007_SIGNATURE
    assert client.verify(recorded.OCS_2007_STRING, signature[:4] + bytes.fromhex(pad) + signature[8:])


def test_a_shortened_sealing_key_is_accepted_and_told() -> None:
    # The signature of "jCIFS" under the shortened 40-bit key 01 02 03 04 05 e5 38 b0, from Davenport's NTLM paper,
    # with sequence number 0x00090178 turned into 100.
    published = bytes.fromhex("0100000078010900397420FE0E5A0F89")
    number = int.from_bytes(published[12:], "little") ^ 0 ^ 100
    signature = published[:12] + number.to_bytes(4, "little")
    context = NtlmContext(Flags.sign | Flags.datagram, bytes(range(1, 6)) + bytes(11), Role.INITIATOR)
    assert context.verify(b"jCIFS", signature)
    assert context.peer_sealing_key is SealingKey.SHORTENED
