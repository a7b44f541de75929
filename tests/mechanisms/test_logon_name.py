"""The forms of a logon name."""

from __future__ import annotations

import pytest

from sipauthctl.mechanisms.logon_name import LogonName


@pytest.mark.parametrize(
    ("text", "user", "domain"),
    [
        ("ned", "ned", ""),
        ("LITWAREINC\\ned", "ned", "LITWAREINC"),
        ("litwareinc.com\\ned", "ned", "litwareinc.com"),
        ("ned@litwareinc.com", "ned@litwareinc.com", ""),
        (" ned ", "ned", ""),
        (".\\ned", "ned", "."),
    ],
)
def test_forms(text: str, user: str, domain: str) -> None:
    assert LogonName.parse(text) == LogonName(user, domain)


def test_the_default_domain_is_for_plain_users_only() -> None:
    assert LogonName.parse("ned", "LITWAREINC") == LogonName("ned", "LITWAREINC")
    assert LogonName.parse("ned@litwareinc.com", "LITWAREINC") == LogonName("ned@litwareinc.com", "")
    assert LogonName.parse("FABRIKAM\\ned", "LITWAREINC") == LogonName("ned", "FABRIKAM")


@pytest.mark.parametrize("text", ["", "  ", "LITWAREINC\\", "@litwareinc.com"])
def test_a_name_without_a_user_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        LogonName.parse(text)
