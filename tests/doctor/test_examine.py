"""What the doctor leaves behind, and how it treats an account."""

from __future__ import annotations

import asyncio

import pytest

from sipauthctl.lab.events import LabEvent
from tests.accuracy.examination import Row, examine_row


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
