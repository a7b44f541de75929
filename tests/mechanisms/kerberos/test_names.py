"""Which principal a logon name stands for."""

from __future__ import annotations

import pytest

from sipauthctl.mechanisms.kerberos.names import KerberosName, kerberos_name
from sipauthctl.mechanisms.logon_name import LogonName


@pytest.mark.parametrize(
    ("text", "default_realm", "expected"),
    [
        ("ned", "LITWAREINC.COM", KerberosName("ned", "LITWAREINC.COM")),
        ("ned", "", KerberosName("ned")),
        ("LITWAREINC\\ned", "LITWAREINC.COM", KerberosName("ned", "LITWAREINC.COM")),
        ("LITWAREINC\\ned", "", KerberosName("ned")),
        ("litwareinc.com\\ned", "FABRIKAM.COM", KerberosName("ned", "LITWAREINC.COM")),
        ("ned@litwareinc.com", "LITWAREINC.COM", KerberosName("ned", "LITWAREINC.COM")),
        ("ned@litwareinc.com", "", KerberosName("ned", "LITWAREINC.COM")),
        ("ned@fabrikam.com", "LITWAREINC.COM", KerberosName("ned@fabrikam.com", "LITWAREINC.COM", enterprise=True)),
        (
            "litwareinc.com\\ned@fabrikam.com",
            "",
            KerberosName("ned@fabrikam.com", "LITWAREINC.COM", enterprise=True),
        ),
    ],
)
def test_the_realm_follows_from_the_name(text: str, default_realm: str, expected: KerberosName) -> None:
    assert kerberos_name(LogonName.parse(text), default_realm) == expected


@pytest.mark.parametrize("text", ["ned\0more", "ned@litware\0inc.com"])
def test_a_name_that_libkrb5_would_cut_short_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no Kerberos name"):
        kerberos_name(LogonName.parse(text))
