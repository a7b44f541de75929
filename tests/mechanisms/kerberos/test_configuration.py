"""The private krb5.conf."""

from __future__ import annotations

import os

import pytest

from sipauthctl.mechanisms.kerberos.configuration import client_configuration, private_configuration


@pytest.mark.parametrize(
    ("host", "port", "line"),
    [
        ("dc1.litwareinc.com", None, "kdc = dc1.litwareinc.com"),
        ("192.0.2.1", 8888, "kdc = 192.0.2.1:8888"),
        ("2001:db8::1", None, "kdc = [2001:db8::1]"),
        ("2001:db8::1", 88, "kdc = [2001:db8::1]:88"),
    ],
)
def test_the_kdc_stands_in_it_as_libkrb5_reads_it(host: str, port: int | None, line: str) -> None:
    lines = [text.strip() for text in client_configuration("LITWAREINC.COM", [(host, port)]).splitlines()]
    assert line in lines and "default_realm = LITWAREINC.COM" in lines


@pytest.mark.parametrize(("realm", "host"), [("A\n[libdefaults]", "h"), ("A.B", "h\n}"), ("A.B", ""), ("", "h")])
def test_a_name_cannot_add_lines(realm: str, host: str) -> None:
    with pytest.raises(ValueError, match="no name of a realm or KDC"):
        client_configuration(realm, [(host, None)])


def test_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KRB5_CONFIG", raising=False)
    with private_configuration("A.B", [("h", None)], instead=True) as path:
        assert os.environ["KRB5_CONFIG"] == str(path)
    assert "KRB5_CONFIG" not in os.environ
    monkeypatch.setenv("KRB5_CONFIG", "/etc/other.conf")
    with private_configuration("A.B", [("h", None)]) as path:
        assert os.environ["KRB5_CONFIG"] == f"{path}:/etc/other.conf"
    assert os.environ["KRB5_CONFIG"] == "/etc/other.conf"
