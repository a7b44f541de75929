"""Numbers from outside are read where they can be, and never raise."""

from __future__ import annotations

import pytest

from sipauthctl.sip.numbers import decimal, port_number
from sipauthctl.sip.via import Via

LONG = "1" * 5000  # Python's int raises from 4,301 digits on


@pytest.mark.parametrize("text", ["", None, "-1", "+1", "1_0", " 1", "1.0", "0x1", "²", "\u0661", LONG, LONG.encode()])
def test_what_is_no_number(text: str | bytes | None) -> None:
    assert decimal(text, 10**30) is None
    assert port_number(text) is None


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), (b"42", 42), ("100", 100), ("101", None)])
def test_a_number_up_to_the_most(text: str | bytes, number: int | None) -> None:
    assert decimal(text, 100) == number


@pytest.mark.parametrize(("text", "port"), [("0", None), ("1", 1), ("65535", 65535), ("65536", None)])
def test_a_port(text: str, port: int | None) -> None:
    assert port_number(text) == port


def test_a_via_whose_ports_are_none() -> None:
    via = Via.parse(f"SIP/2.0/TLS 192.0.2.7:99999;rport={LONG};ms-received-port={LONG}")
    assert (via.port, via.param("rport")) == (None, LONG)
