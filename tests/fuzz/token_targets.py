"""Tokens of the mechanisms, and other binary answers from the network."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from spnego._asn1 import pack_asn1_sequence

from sipauthctl.directory.errors import BindRefused
from sipauthctl.directory.records import account_record, spn_owner
from sipauthctl.directory.session import Entry
from sipauthctl.directory.values import filetime, generalized_time, may_sign_in, number, sid_in_domain, sid_text
from sipauthctl.lab.kdc_impostor import skew_error
from sipauthctl.mechanisms.base import MalformedToken, MechanismError, MechanismUnavailable
from sipauthctl.mechanisms.kerberos.as_exchange import KdcAnswer, MalformedAnswer, read_answer, timestamp_kind
from sipauthctl.mechanisms.kerberos.libkrb5 import loaded_library
from sipauthctl.mechanisms.kerberos.mic import nearly, verify
from sipauthctl.mechanisms.kerberos.names import KerberosName
from sipauthctl.mechanisms.kerberos.offline import ServiceKeytab
from sipauthctl.mechanisms.kerberos.preauth import encrypted_timestamp, usable
from sipauthctl.mechanisms.kerberos.token import ap_reply, ap_request, check_initial_token, framed, ticket_key_type
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.acceptor import AcceptorOptions, NtlmAcceptor
from sipauthctl.mechanisms.ntlm.initiator import NtlmInitiator
from sipauthctl.mechanisms.ntlm.keys import LmHashNeeded, NtlmSecret, check_response, check_response_v1
from sipauthctl.mechanisms.ntlm.messages import (
    AuthenticateFacts,
    TargetNames,
    read_authenticate,
    read_challenge,
    write_challenge,
)
from sipauthctl.mechanisms.tls_dsk.certificates import read_certificate
from sipauthctl.mechanisms.tls_dsk.handshake import MOST_BYTES, TlsHandshake, TlsSide
from sipauthctl.mechanisms.tls_dsk.key_log import KeyLog
from sipauthctl.mechanisms.tls_dsk.keys import hash_of, keys_of
from sipauthctl.netbios.errors import MalformedPacket
from sipauthctl.netbios.names import NetbiosName
from sipauthctl.netbios.packets import (
    NameAnswer,
    NegativeAnswer,
    Owner,
    RegisteredName,
    StatusAnswer,
    name_question,
    read_question,
    status_question,
    write_answer,
    write_question,
)
from sipauthctl.netbios.packets import read_answer as read_netbios_answer
from tests.cleared import NTLM, cleared
from tests.fuzz.registry import refused, target
from tests.mechanisms.kerberos.recorded import contexts
from tests.mechanisms.kerberos.test_as_exchange import DISABLED, krb_error, pa_data
from tests.mechanisms.ntlm import recorded

if TYPE_CHECKING:
    from sipauthctl.mechanisms.kerberos.offline import ContextKeys

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NAMES = TargetNames("LITWAREINC", "HS1", "litwareinc.com", "hs1.litwareinc.com", "litwareinc.com")
SECRET = NtlmSecret.from_password(recorded.PASSWORD)
WITH_TIME = write_challenge(flags=0xE29882F3, server_challenge=bytes(8), names=NAMES, timestamp=NOW)


def fixed(size: int) -> bytes:
    """What stands for random bytes."""
    return b"\x5a" * size


class Directory:
    """One account, whose password is that of the recorded logon."""

    def check(self, authenticate: AuthenticateFacts, server_challenge: bytes) -> bytes:
        key = check_response(SECRET, server_challenge, authenticate)
        if key is None:
            raise MechanismError("wrong password")
        return key


@target(recorded.CHALLENGE, WITH_TIME)
def ntlm_challenge(data: bytes) -> None:
    """A CHALLENGE, and a client's answer to it, which the server's side can read."""
    with refused(MalformedToken):
        facts = read_challenge(data)
        assert facts.raw == data
        assert len(facts.server_challenge) == 8
        for name in (facts.target_name, facts.names.netbios_domain, facts.names.dns_domain, facts.names.dns_computer):
            assert name is None or isinstance(name, str)
        assert facts.timestamp is None or facts.timestamp.tzinfo is UTC
    initiator = NtlmInitiator(
        LogonName("ned", "LITWAREINC"), SECRET, cleared=NTLM, workstation="", now=lambda: NOW, token_bytes=fixed
    )
    initiator.step(None)
    with refused(MechanismError):
        answer = read_authenticate(initiator.step(data))
        assert (answer.user, answer.domain, answer.version) == ("ned", "LITWAREINC", 2)
        assert check_response(SECRET, read_challenge(data).server_challenge, answer) is not None


@target(recorded.AUTHENTICATE)
def ntlm_authenticate(data: bytes) -> None:
    """An AUTHENTICATE: read, checked, and accepted by no server that did not challenge it."""
    with refused(MalformedToken, LmHashNeeded):
        facts = read_authenticate(data)
        assert len(facts.raw_without_mic) <= len(data) + 64
        check_response(SECRET, recorded.CHALLENGE[24:32], facts)
        check_response_v1(SECRET, recorded.CHALLENGE[24:32], facts)
    server = NtlmAcceptor(Directory(), NAMES, options=AcceptorOptions(), now=lambda: NOW, token_bytes=fixed)
    server.step(b"")
    with refused(MechanismError):
        server.step(data)
    assert server.context is None


@cache
def opened() -> tuple[tuple[ContextKeys, ServiceKeytab], ...]:
    """The keys of the recorded contexts, none where there is no libkrb5."""
    try:
        loaded_library()
    except MechanismUnavailable:
        return ()
    found = []
    for one in contexts():
        path = Path(_FOLDER.name, one.name)
        path.write_bytes(one.keytab)
        found.append((one.keys(), ServiceKeytab(path)))
    return tuple(found)


_FOLDER = tempfile.TemporaryDirectory(prefix="sipauthctl-fuzz-")


@target(*(one.token for one in contexts()), *(one.answer for one in contexts() if one.answer is not None))
def kerberos_token(data: bytes) -> None:
    """Tokens of GSS-API, without keys and with those of a keytab."""
    for read in (check_initial_token, ap_request, ap_reply, framed, ticket_key_type):
        with refused(MalformedToken):
            read(data)
    for keys, keytab in opened()[:2]:
        with refused(MechanismError):
            read_keys = keytab.open(data)
            assert read_keys.client == keys.client
        if keys.mutual:
            with refused(MalformedToken):
                keys.take_answer(data)


@target(*(mic for one in contexts() for mic in one.mics["server"][:1]))
def kerberos_mic(data: bytes) -> None:
    """A signature over something that was never signed."""
    for keys, _ in opened():
        assert not verify(keys, True, b"never signed", data)
        assert not verify(keys, False, b"never signed", data)
        nearly(keys, True, b"never signed", data)


_ETYPE_INFO2 = "301c301aa003020112a1131b114c495457415245494e432e434f4d6e6564"  # AES-256, with a salt


@target(
    skew_error("LITWAREINC.COM", NOW),
    krb_error(18, pa_data(3, DISABLED)),
    krb_error(25, pack_asn1_sequence([pa_data(2, b""), pa_data(19, bytes.fromhex(_ETYPE_INFO2))])),
    krb_error(68, client_realm="LITWAREINC.COM"),
    b"\x6b\x0a\x30\x08\xa0\x03\x02\x01\x05\xa1\x01\x00",
)
def kdc_answer(data: bytes) -> None:
    """An answer of a KDC, and the pre-authentication that it asks for."""
    with refused(MalformedAnswer):
        answer = read_answer(data)
        assert answer.time is None or answer.time.tzinfo is UTC
        assert -(1 << 31) <= answer.code < 1 << 32
        answer_to(answer)


def answer_to(answer: KdcAnswer) -> None:
    """What a client makes of it."""
    with refused(ValueError):
        KerberosName("ned", answer.realm)
    for key_type in answer.key_types[:4]:
        assert key_type.name
        if usable(key_type) and key_type.parameters[:2] in (b"", b"\0\0"):  # others just take longer
            with refused(ValueError):
                encrypted_timestamp(key_type, "secret", NOW, fixed, cleared(timestamp_kind(key_type.etype)))


HELLO = b"\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03" + bytes(39)
SERVER_HELLO = b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" + bytes(32) + b"\x00\x00\x2f\x00"


@target(b"\x00" + HELLO + SERVER_HELLO, b"\x01" + SERVER_HELLO + b"\x14\x03\x03\x00\x01\x01\x16\x03\x03\x00\x04abcd")
def tls_dsk(data: bytes) -> None:
    """A TLS handshake in the tokens of TLS-DSK: the same is read of it, whatever the pieces."""
    choice, data = (data[0], data[1:]) if data else (0, data)
    side = TlsSide.SERVER if choice & 1 else TlsSide.CLIENT
    whole, in_pieces = _read_along(side, data, len(data) or 1), _read_along(side, data, choice // 2 + 1)
    assert whole == in_pieces
    read_certificate(data)
    KeyLog(data.splitlines(keepends=True)).master_secret(data[:32])
    assert hash_of(data[:64]) is None or len(data) >= 16


def _read_along(side: TlsSide, data: bytes, step: int) -> object:
    seen, names = TlsHandshake(), []
    try:
        for start in range(0, len(data), step):
            names += seen.feed(side, data[start : start + step])
    except MalformedToken as error:
        assert len(str(error)) < 200
        return "malformed"
    assert len(names) <= MOST_BYTES
    keys_of(seen, bytes(48))
    return names, seen.version, seen.suite, seen.client_random, seen.server_random, seen.alert, seen.completed


_NED = NetbiosName("LITWAREINC", 0x1C)


@target(
    write_question(status_question(7)),
    write_question(name_question(7, _NED, broadcast=True)),
    write_answer(NameAnswer(7, _NED, (Owner("192.0.2.1", group=True),))),
    write_answer(StatusAnswer(7, _NED, (RegisteredName(_NED, group=True),))),
    write_answer(NegativeAnswer(7, None, 3)),
)
def netbios(data: bytes) -> None:
    """Packets of the name service: what is read can be written, and read again as the same."""
    with refused(MalformedPacket):
        question = read_question(data)
        written = read_question(write_question(question))
        assert read_question(write_question(written)) == written
        assert (written.transaction, written.record) == (question.transaction, question.record)
    with refused(MalformedPacket):
        answer = read_netbios_answer(data)
        again = read_netbios_answer(write_answer(answer))
        assert read_netbios_answer(write_answer(again)) == again
        assert type(again) is type(answer)
        assert str(answer.name)


@target(
    b"20260301120000.0Z", b"133166161616161616", b"-9223372036854775808", b"S\x05\0\0\0\0\0\x05" + bytes(20), bytes(21)
)
def ldap_values(data: bytes) -> None:
    """Values of a directory's attributes, also in the entry of an account and of the owner of a service."""
    text = data.decode("utf-8", "replace")
    assert abs(number(text)) < 10**20
    for time in (filetime(text), generalized_time(text)):
        assert time is None or time.tzinfo is UTC
    may_sign_in(data, NOW)
    assert len(sid_text(data)) <= 12 * len(data) + 20
    assert sid_in_domain(data, 525) == b"" or sid_text(sid_in_domain(data, 525)).endswith("-525")
    assert 0 <= BindRefused("refused", text).reason < 1 << 32
    values = tuple(data.split(b"\n"))
    for entry in (Entry(text[:80], _Everything(values)), Entry(text[:80], _Everything((data,)))):
        record, owner = account_record(entry, values), spn_owner(entry)
        assert record.dn == owner.dn == text[:80]
        assert repr(record.control)
        assert owner.key_types is None or repr(owner.key_types)


class _Everything(dict[str, tuple[bytes, ...]]):
    """An entry whose every attribute has the same values."""

    def __init__(self, values: tuple[bytes, ...]) -> None:
        super().__init__()
        self._values = values

    def get(self, key: str, default: object = None) -> tuple[bytes, ...]:  # type: ignore[override]
        return self._values
