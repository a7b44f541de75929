"""Questions to a KDC and its answers: bytes that others made, and damaged ones. The real KDCs stand in
`tests/network/test_kdc.py` and `tests/directory`."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spnego._asn1 import (
    TagClass,
    pack_asn1,
    pack_asn1_general_string,
    pack_asn1_integer,
    pack_asn1_octet_string,
    pack_asn1_sequence,
    unpack_asn1,
    unpack_asn1_tagged_sequence,
)

from sipauthctl.lab.kdc_impostor import skew_error
from sipauthctl.mechanisms.kerberos.as_exchange import MalformedAnswer, as_request, read_answer
from sipauthctl.mechanisms.kerberos.names import KerberosName

TIME = datetime(2026, 11, 23, 14, 59, 35, 872936, UTC)
DISABLED = struct.pack("<III", 0xC0000072, 0, 1)


def field(number: int, value: bytes) -> bytes:
    return pack_asn1(TagClass.context_specific, True, number, value)


def pa_data(kind: int, value: bytes) -> bytes:
    return pack_asn1_sequence([field(1, pack_asn1_integer(kind)), field(2, pack_asn1_octet_string(value))])


def krb_error(code: int, data: bytes = b"", *, client_realm: str = "") -> bytes:
    """A KRB-ERROR by another encoder than the one under test."""
    body = [
        field(0, pack_asn1_integer(5)),
        field(1, pack_asn1_integer(30)),
        field(4, pack_asn1(TagClass.universal, False, 24, b"20261123145935Z")),
        field(5, pack_asn1_integer(872936)),
        field(6, pack_asn1_integer(code)),
        *([field(7, pack_asn1_general_string(client_realm.encode()))] if client_realm else []),
        field(9, pack_asn1_general_string(b"LITWAREINC.COM")),
        field(
            10,
            pack_asn1_sequence(
                [
                    field(0, pack_asn1_integer(2)),
                    field(1, pack_asn1_sequence([pack_asn1_general_string(b"krbtgt")])),
                ]
            ),
        ),
        field(11, pack_asn1_general_string(b"words\0")),
        *([field(12, pack_asn1_octet_string(data))] if data else []),
    ]
    return pack_asn1(TagClass.application, True, 30, pack_asn1_sequence(body))


def test_an_error_by_another_encoder() -> None:
    answer = read_answer(krb_error(6))
    assert (answer.code, answer.time, answer.realm, answer.text) == (6, TIME, "LITWAREINC.COM", "words")
    assert answer.status is None and answer.key_types == ()
    assert read_answer(skew_error("LITWAREINC.COM", TIME)).code == 37


@pytest.mark.parametrize("data", [pa_data(3, DISABLED), pack_asn1_sequence([pa_data(2, b""), pa_data(3, DISABLED)])])
def test_the_status_behind_a_code_in_both_forms(data: bytes) -> None:
    assert read_answer(krb_error(18, data)).status == 0xC0000072


def test_a_salt_of_twelve_characters_is_no_status() -> None:
    assert read_answer(krb_error(25, pack_asn1_sequence([pa_data(3, b"LITWARE.COMu")]))).status is None


def test_the_types_of_keys_and_their_salt() -> None:
    entries = pack_asn1_sequence(
        [
            pack_asn1_sequence(
                [
                    field(0, pack_asn1_integer(18)),
                    field(1, pack_asn1_general_string("LITWAREINC.COMzoë".encode())),
                    field(2, pack_asn1_octet_string(b"\0\0\x10\0")),
                ]
            ),
            pack_asn1_sequence([field(0, pack_asn1_integer(23))]),
        ]
    )
    first, second = read_answer(krb_error(25, pack_asn1_sequence([pa_data(2, b""), pa_data(19, entries)]))).key_types
    assert (first.name, first.salt, first.parameters) == (
        "aes256-cts-hmac-sha1-96",
        "LITWAREINC.COMzoë",
        b"\0\0\x10\0",
    )
    assert (second.name, second.salt, second.parameters) == ("rc4-hmac", None, b"")


def test_a_wrong_realm_names_the_right_one() -> None:
    assert read_answer(krb_error(68, client_realm="EU.LITWAREINC.COM")).realm == "EU.LITWAREINC.COM"


@pytest.mark.parametrize("damage", ["", "7e", "7e820000", "30030201ff", "6b80", "00" * 40])
def test_what_is_no_answer(damage: str) -> None:
    with pytest.raises(MalformedAnswer, match="the answer is not one of a KDC"):
        read_answer(bytes.fromhex(damage))


@pytest.mark.parametrize("code", [2**32, -(2**31) - 1, 2**40_000], ids=["larger", "smaller", "long"])
def test_a_number_beyond_32_bits_is_damage(code: int) -> None:
    """RFC 4120 5.2.4. Python does not even print the last one."""
    with pytest.raises(MalformedAnswer):
        read_answer(krb_error(code))
    assert read_answer(krb_error(25, pack_asn1_sequence([pa_data(code, b"")]))).key_types == ()


def test_bytes_after_the_end_are_no_part_of_an_answer() -> None:
    with pytest.raises(MalformedAnswer):
        read_answer(krb_error(6) + b"x")


@given(st.binary(max_size=300), st.integers(0, 80), st.integers(0, 10_000))
def test_damage_ends_in_one_error(noise: bytes, cut: int, at: int) -> None:
    data = krb_error(18, pack_asn1_sequence([pa_data(3, DISABLED), pa_data(19, noise)]))
    at %= len(data)
    for hostile in (noise, data[:at] + noise + data[at + cut :], data[:1] + noise):
        try:
            read_answer(hostile)
        except MalformedAnswer:
            continue


def test_a_request_as_another_decoder_reads_it() -> None:
    name = KerberosName("ned@litwareinc.com", "LITWAREINC.COM", enterprise=True)
    request = unpack_asn1(as_request(name, 77, timestamp=b"secret", workstation="ws1"))[0]
    assert (request.tag_class, request.tag_number) == (TagClass.application, 10)
    fields = unpack_asn1_tagged_sequence(unpack_asn1(request.b_data)[0])
    body = unpack_asn1_tagged_sequence(fields[4])
    cname = unpack_asn1_tagged_sequence(body[1])
    assert cname[0].b_data == b"\x0a"  # NT-ENTERPRISE
    assert unpack_asn1(cname[1].b_data)[0].b_data == b"ned@litwareinc.com"
    assert body[0].b_data == b"\0\0\x01\0\0"  # no unused bits; canonicalize is bit 15
    assert body[2].b_data == b"LITWAREINC.COM"
    assert body[7].b_data == b"\x4d"
    assert b"WS1             " in body[9].b_data
    assert b"secret" in fields[3].b_data
