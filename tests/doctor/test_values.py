"""Values of Active Directory's attributes."""

from __future__ import annotations

import pytest

from sipauthctl.directory.values import PROTECTED_USERS, sid_in_domain, sid_text

ADMINISTRATORS = bytes.fromhex("01020000 00000005 20000000 20020000")  # BUILTIN\Administrators, [MS-DTYP] 2.4.2.4
USER = bytes.fromhex("01050000 00000005 15000000 A065CF7E 784B9B5F E77C8770 911C0100")


def test_a_sid_as_text() -> None:
    assert sid_text(ADMINISTRATORS) == "S-1-5-32-544"
    assert sid_text(USER) == "S-1-5-21-2127521184-1604012920-1887927527-72849"


def test_the_group_of_the_same_domain() -> None:
    group = sid_in_domain(USER, PROTECTED_USERS)
    assert sid_text(group) == "S-1-5-21-2127521184-1604012920-1887927527-525"


@pytest.mark.parametrize(
    "damaged", [b"", b"\x01", ADMINISTRATORS[:-1], ADMINISTRATORS + b"\0", b"\x01\x00" + bytes(6)]
)
def test_what_is_no_sid(damaged: bytes) -> None:
    assert (sid_text(damaged), sid_in_domain(damaged, PROTECTED_USERS)) == ("", b"")
