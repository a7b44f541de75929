"""Faults that answer with any status and any ms-diagnostics, and how they are written."""

from __future__ import annotations

import pytest

from sipauthctl.association.client import Finished, Stopped, StopReason
from sipauthctl.association.diagnostics import diagnostics
from sipauthctl.lab.faults import behaviour_with
from sipauthctl.sip.message import Response
from tests.lab.test_registrar import LOCAL, World


def world(*faults: str) -> World:
    return World(behaviour_with(faults))


def told(response: Response) -> tuple[int, int, str | None, str | None]:
    """Status, number, reason and source."""
    (report,) = diagnostics(response)
    return response.status, report.id, report.get("reason"), report.get("source")


def test_right_credentials_are_answered_otherwise_and_the_answer_is_signed() -> None:
    lab = world("answer=504:1010")
    step, _ = lab.sign_in("ned", "Litware-Ned-1")
    assert isinstance(step, Finished)
    assert step.signature.trusted
    reason = "Certificate trust with next-hop server could not be established"
    assert told(step.response) == (504, 1010, reason, "hs2.litwareinc.com")
    assert step.response.reason == "Server time-out"
    assert lab.server.bindings.current(lab.time) == ()


def test_a_final_challenge_is_a_refusal() -> None:
    step, _ = world("answer=401:1000").sign_in("ned", "Litware-Ned-1")
    assert isinstance(step, Stopped)
    assert step.reason is StopReason.CREDENTIALS_REFUSED


def test_wrong_credentials_are_refused_as_ever() -> None:
    step, _ = world("answer=504:1010").sign_in("ned", "wrong")
    assert isinstance(step, Stopped)
    assert step.reason is StopReason.CREDENTIALS_REFUSED


def test_the_first_request_is_answered_without_a_challenge() -> None:
    lab = world("first-answer=403:4003")
    step, dialog = lab.sign_in("ned", "Litware-Ned-1")
    assert not isinstance(step, Finished)
    response = lab.ask(dialog.register(LOCAL))
    assert told(response) == (403, 4003, "From URI not enabled for remote access", "hs2.litwareinc.com")
    assert response.headers.get("ms-diagnostics-public") is not None  # as [MS-OCER] has it
    assert response.headers.get("WWW-Authenticate") is None


def test_a_refresh_is_answered_otherwise_and_the_user_can_still_leave() -> None:
    lab = world("refresh-answer=404:4005")
    association, dialog = lab.signed_in()
    response = lab.ask(association.sign_request(dialog.register(LOCAL)))
    assert told(response)[:2] == (404, 4005)
    assert association.verify_response(response, lab.time).trusted
    assert lab.ask(association.sign_request(dialog.register(LOCAL, expires=0))).status == 200


def test_a_status_alone_and_what_belongs_to_it() -> None:
    for status, name in ((423, "Min-Expires"), (503, "Retry-After")):
        step, _ = world(f"answer={status}").sign_in("ned", "Litware-Ned-1")
        assert isinstance(step, Finished)
        assert step.response.status == status
        assert step.response.headers.get(name) is not None
        assert diagnostics(step.response) == ()


def test_a_number_that_nobody_has_described() -> None:
    step, _ = world("answer=480:59999").sign_in("ned", "Litware-Ned-1")
    assert isinstance(step, Finished)
    assert told(step.response)[:2] == (480, 59999)


@pytest.mark.parametrize(
    "value", ["", "=", "=50", "=100", "=700", "=5040", "=abc", "=504:", "=504:x", "=504:123456", "=٥٠٤"]
)
def test_a_value_that_is_none_is_told_with_the_right_form(value: str) -> None:
    with pytest.raises(ValueError, match=r"answer=STATUS\[:ID\]"):
        behaviour_with([f"answer{value}"])


def test_two_answers_to_one_request_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="contradict"):
        behaviour_with(["answer=504:1010", "answer=403"])
    both = behaviour_with(["answer=504:1010", "first-answer=403"])
    assert both.final_answer is not None and both.first_answer is not None
