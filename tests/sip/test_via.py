"""Addresses as a Via, or a socket, writes them."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from sipauthctl.sip.via import ip_of


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:0DB8:0::7]", "2001:db8::7"),
        ("fe80::7%eth0", "fe80::7"),
    ],
)
def test_an_address_however_it_is_written(written: str, address: str) -> None:
    assert ip_of(written) == ip_address(address)


@pytest.mark.parametrize("written", ["", "hs1.litwareinc.com", "192.0.2.777", "[]"])
def test_a_name_is_no_address(written: str) -> None:
    assert ip_of(written) is None
