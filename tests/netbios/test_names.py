"""NetBIOS names and their encoding, against the examples of RFC 1001 and properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.netbios.errors import MalformedPacket
from sipauthctl.netbios.names import WILDCARD, NetbiosName, first_level, from_first_level
from tests.netbios.strategies import names


def test_the_example_of_rfc_1001() -> None:
    """14.1: "The NetBIOS name", whose sixteenth character is the suffix."""
    name = from_first_level(b"FEGIGFCAEOGFHEECEJEPFDCAGOGBGNGF")
    assert name == NetbiosName("The NetBIOS nam", ord("e"))


def test_the_wildcard_as_every_nbtstat_sends_it() -> None:
    assert first_level(WILDCARD) == b"CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    assert from_first_level(b"CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") == WILDCARD


def test_names_are_sent_in_upper_case() -> None:
    assert first_level(NetbiosName("fred")) == b"EGFCEFEECACACACACACACACACACACAAA"


def test_a_name_shows_its_suffix_as_nbtstat_does() -> None:
    assert str(NetbiosName("LITWAREINC", 0x1C)) == "LITWAREINC<1C>"


@given(names())
def test_what_was_written_is_read(name: NetbiosName) -> None:
    assert from_first_level(first_level(name)).padded == name.padded


@pytest.mark.parametrize("text", ["", " ", "A ", "SIXTEEN-LETTERS!", "名前"])
def test_no_name_is_made_that_no_packet_can_carry(text: str) -> None:
    with pytest.raises(ValueError, match="NetBIOS name"):
        NetbiosName(text)


@given(st.binary(max_size=40))
def test_other_bytes_are_refused_in_one_way(data: bytes) -> None:
    try:
        name = from_first_level(data)
    except MalformedPacket:
        return
    assert len(data) == 32
    assert len(name.name) <= 15
