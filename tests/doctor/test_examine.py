"""What the doctor leaves behind, and how it treats an account."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.doctor.examine import examine
from sipauthctl.findings import Severity, finding
from sipauthctl.lab.events import LabEvent
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.kerberos.configuration import use_configuration
from tests.accuracy import examination
from tests.accuracy.examination import Row, examine_row
from tests.doctor.harness import case_of
from tests.external import needs_kdc


def test_a_wrong_password_is_tried_once() -> None:
    examined = asyncio.run(examine_row(Row("", "", None, password="wrong", logon="ned@litwareinc.com")))
    assert len(examined.lab_did("refused")) == 1
    assert "could lock the account" in examined.detail("sign-in")


def test_the_user_can_allow_more() -> None:
    row = Row("", "", None, password="wrong", logon="ned@litwareinc.com", asked={"all_attempts": True})
    examined = asyncio.run(examine_row(row))
    assert len(examined.lab_did("refused")) == 2
    assert "NTLM as litwareinc.com\\ned: fails" in examined.detail("sign-in")


def test_another_form_of_the_name_that_works_is_named() -> None:
    row = Row("", "", None, logon="ned@fabrikam.com", asked={"all_attempts": True})
    examined = asyncio.run(examine_row(row))
    first = examined.verdict.findings[0]
    assert first.id == "upn-suffix-mismatch"
    assert first.detail == "ned@fabrikam.com is refused, and litwareinc.com\\ned works."
    assert "Sign in as litwareinc.com\\ned." in first.remedy
    assert examined.verdict.registered is False


@pytest.mark.external
@needs_kdc
@pytest.mark.parametrize("user", ["ned", "NOSUCH\\ned"])
def test_a_realm_without_a_kdc_is_information_where_ntlm_is_used(
    user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "krb5.conf").write_text("[libdefaults]\n")
    monkeypatch.setattr(examination, "use_configuration", lambda _: use_configuration(tmp_path / "krb5.conf"))
    both = {"schemes": (Scheme.KERBEROS, Scheme.NTLM)}
    row = Row("", "", None, faults=("no-domain-records",), logon=user, lab=both)
    found = asyncio.run(examine_row(row)).verdict.findings
    assert [one.severity for one in found if one.id == "kdc-not-found"] == [Severity.INFO]


@pytest.mark.parametrize(
    ("fault", "ended_by"), [("unsigned-ok", "signature-missing"), ("credentials-refused", "credentials-refused")]
)
def test_a_way_that_fails_is_told_with_what_ended_it(fault: str, ended_by: str) -> None:
    examined = asyncio.run(examine_row(Row("", "", None, faults=(fault, "clock-skew=1200"))))
    assert f"NTLM as LITWAREINC\\ned: fails ({ended_by})" in examined.detail("sign-in")
    assert examined.verdict.root_cause == "clock-skew"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("bad-rspauth", "signature-invalid"),
        ("wrong-proxy-signs", "wrong-signer"),
        ("skipped-snum", "num-gap"),
        ("unsigned-redirect", "redirect-unsigned"),
    ],
)
def test_what_is_wrong_with_signatures_is_told_by_their_check(fault: str, told: str) -> None:
    verdict = asyncio.run(examine_row(Row("", "", None, faults=(fault,)))).verdict
    assert [check.id for check in verdict.checks if told in [one.id for one in check.findings]] == ["signatures"]


def test_an_interruption_takes_the_registration_back() -> None:
    async def main() -> list[str]:
        seen: list[str] = []
        registered = asyncio.Event()

        def log(event: LabEvent) -> None:
            seen.append(event.what)
            if event.what == "registered":
                registered.set()

        task = asyncio.create_task(examine_row(Row("", "", None, faults=("slow=0.05",)), log=log))
        await registered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen

    seen = asyncio.run(main())
    assert seen.count("registered") == seen.count("de-registered") == 1


@pytest.mark.parametrize(("registered", "severity"), [(True, Severity.WARNING), (False, Severity.ERROR)])
def test_an_address_that_the_directory_lacks_is_no_error_where_the_server_takes_it(
    registered: bool, severity: Severity
) -> None:
    class Both(Check):
        id = "both"
        title = "the directory and the sign-in"

        async def run(self, case: Case) -> CheckResult:
            case.registered = registered
            return self.judged("done", [finding("user-not-enabled", "No account of the domain has the address.")])

    case = case_of()
    verdict = asyncio.run(examine(case.asked, case.tools, checks=[Both()]))
    assert [item.severity for item in verdict.findings] == [severity]
    assert verdict.failed is not registered
