"""Everything else works where the packages of Kerberos are missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sipauthctl.mechanisms.kerberos.availability import unavailable_reason


@pytest.mark.parametrize("package", ["gssapi", "krb5"])
def test_a_missing_package_is_told_in_one_sentence(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in ("gssapi", "krb5"):
        monkeypatch.setitem(sys.modules, other, None if other == package else sys)
    reason = unavailable_reason()
    assert reason is not None and package in reason
    assert "pip install 'sipauthctl[kerberos]'" in reason and reason.count(". ") == 0


def test_errors_names_and_the_kdc_need_no_package() -> None:
    """They are imported by code that runs everywhere."""
    code = (
        "import sys; sys.modules['gssapi'] = sys.modules['krb5'] = None\n"
        "import sipauthctl.lab.kdc, sipauthctl.mechanisms.kerberos.errors, sipauthctl.mechanisms.kerberos.names\n"
        "import sipauthctl.mechanisms.kerberos.configuration, sipauthctl.mechanisms.kerberos.token\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
