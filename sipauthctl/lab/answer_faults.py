"""Faults that answer a REGISTER with any status and any ms-diagnostics."""

from __future__ import annotations

from dataclasses import replace

from sipauthctl.lab.diagnostics import GivenAnswer
from sipauthctl.lab.fault import Fault, Need, ValueForm

_FORM = ValueForm("STATUS[:ID]", GivenAnswer.parse)

ANSWER_FAULTS = (
    Fault(
        "first-answer",
        "The first request is answered with that status instead of a challenge, and with that ms-diagnostics, as in"
        " first-answer=403:4003.",
        lambda behaviour, answer: replace(behaviour, first_answer=answer),
        value=_FORM,
    ),
    Fault(
        "answer",
        "The request with the final credentials is answered with that status and that ms-diagnostics, as in"
        " answer=504:1010, although the credentials are right.",
        lambda behaviour, answer: replace(behaviour, final_answer=answer),
        value=_FORM,
    ),
    Fault(
        "refresh-answer",
        "Refreshes are answered with that status and that ms-diagnostics, as in refresh-answer=404:4005.",
        lambda behaviour, answer: replace(behaviour, refresh_answer=answer),
        value=_FORM,
        needs=(Need.REFRESH,),
    ),
)
