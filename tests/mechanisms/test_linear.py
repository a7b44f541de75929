"""Tokens and answers of peers cost work in proportion to their size: work is counted, not timed."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from spnego._asn1 import pack_asn1_general_string, pack_asn1_integer, pack_asn1_octet_string, pack_asn1_sequence

from sipauthctl.directory.records import account_record, spn_owner
from sipauthctl.directory.session import Entry
from sipauthctl.mechanisms.base import MalformedToken
from sipauthctl.mechanisms.kerberos.as_exchange import read_answer
from sipauthctl.mechanisms.kerberos.token import ap_reply, ap_request, check_initial_token
from sipauthctl.mechanisms.ntlm.messages import read_authenticate, read_challenge
from sipauthctl.mechanisms.tls_dsk.handshake import TlsHandshake, TlsSide
from sipauthctl.netbios.errors import MalformedPacket
from sipauthctl.netbios.names import NetbiosName
from sipauthctl.netbios.packets import NameAnswer, Owner, RegisteredName, StatusAnswer, write_answer
from sipauthctl.netbios.packets import read_answer as read_netbios
from tests.counting import CountedBytes, bytes_copied, lines_run
from tests.mechanisms.kerberos.recorded import contexts
from tests.mechanisms.kerberos.test_as_exchange import field, krb_error, pa_data
from tests.mechanisms.ntlm import recorded

NED = NetbiosName("LITWAREINC", 0x1C)


def challenge(pairs: int) -> bytes:
    """A CHALLENGE with so many AV pairs, [MS-NLMP] 2.2.1.2."""
    info = b"".join(struct.pack("<HH", 1 + number % 5, 4) + b"a\0b\0" for number in range(pairs)) + bytes(4)
    (offset,) = struct.unpack_from("<I", recorded.CHALLENGE, 44)
    return recorded.CHALLENGE[:40] + struct.pack("<HHI", len(info), len(info), offset) + _cut(offset) + info


def _cut(offset: int) -> bytes:
    return recorded.CHALLENGE[48:offset]


def authenticate(size: int) -> bytes:
    """An AUTHENTICATE with a user name of this length."""
    name, offset = b"n\0" * size, len(recorded.AUTHENTICATE)
    user = struct.pack("<HHI", len(name), len(name), offset)
    return recorded.AUTHENTICATE[:36] + user + recorded.AUTHENTICATE[44:] + name


def key_types(number: int) -> bytes:
    entry = pack_asn1_sequence([field(0, pack_asn1_integer(18)), field(1, pack_asn1_general_string(b"SALT"))])
    return krb_error(25, pack_asn1_sequence([pa_data(19, pack_asn1_sequence([entry] * number))]))


def nested(depth: int) -> bytes:
    """Sequences within each other where one field was due."""
    data = b""
    for _ in range(depth):
        data = pack_asn1_sequence([data])
    return krb_error(25, data)


def entry(number: int) -> Entry:
    values = tuple(b"CN=Group %d,DC=litwareinc,DC=com" % one for one in range(number))
    names = ("memberOf", "objectClass", "objectSid", "userWorkstations", "pwdLastSet", "sAMAccountName")
    return Entry("CN=ned", {**dict.fromkeys(names, values), "userWorkstations": (b"hs1," * number,)})


def refused(read: Callable[[bytes], object], data: bytes) -> None:
    try:
        read(data)
    except (ValueError, MalformedToken, MalformedPacket):
        return


WORK: dict[str, Callable[[int], object]] = {
    "NTLM: AV pairs": lambda size: read_challenge(challenge(size)),
    "NTLM: a name": lambda size: read_authenticate(authenticate(size)),
    "KDC: pre-authentication": lambda size: read_answer(krb_error(25, pack_asn1_sequence([pa_data(2, b"")] * size))),
    "KDC: types of keys": lambda size: read_answer(key_types(size)),
    "KDC: nesting": lambda size: refused(read_answer, nested(size)),
    "KDC: octets": lambda size: refused(read_answer, pack_asn1_octet_string(bytes(100 * size))),
    "Kerberos: a longer token": lambda size: [
        refused(read, contexts()[0].token + bytes(size)) for read in (check_initial_token, ap_request, ap_reply)
    ],
    "NetBIOS: owners": lambda size: read_netbios(write_answer(NameAnswer(7, NED, (Owner("192.0.2.1"),) * size))),
    "NetBIOS: names": lambda size: read_netbios(write_answer(StatusAnswer(7, NED, (RegisteredName(NED),) * size))),
    "NetBIOS: a scope": lambda size: refused(
        read_netbios, write_answer(NameAnswer(7, NED, (Owner("192.0.2.1"),)))[:45] + b"\x01a" * size + bytes(99)
    ),
    "LDAP: an account": lambda size: account_record(entry(size), [b"S" * 28] * size),
    "LDAP: an owner": lambda size: spn_owner(entry(size)),
}


@pytest.mark.parametrize("name", WORK)
def test_twice_as_much_takes_twice_as_many_steps(name: str) -> None:
    WORK[name](10)  # what is set up once
    few, many = (lines_run(lambda: WORK[name](size), libraries=True) for size in (60, 120))
    assert many < 2.1 * few + 500


@pytest.mark.parametrize(
    "unit",
    [
        b"\x16\x03\x03\x00\x00",  # empty records
        b"\x16\x03\x03\x00\x04\x00\x00\x00\x00",  # a message in each
        b"\x16\x03\x03\x00\x01\x0b",  # a message in many
        b"\x14\x03\x03\x00\x01\x01",
    ],
)
@pytest.mark.parametrize("pieces", [1, 100])
def test_tokens_of_tls_dsk_are_copied_once(unit: bytes, pieces: int) -> None:
    data = CountedBytes(unit * 4000)
    step = len(data) // pieces

    def read() -> None:
        seen = TlsHandshake()
        for start in range(0, len(data), step):
            refused(lambda piece: seen.feed(TlsSide.SERVER, piece), data[start : start + step])

    assert bytes_copied(read) < 3 * len(data)
