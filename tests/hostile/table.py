"""Scenarios by name: each is a function that plays the attacker's SIP server, with a decorator for the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.hostile.sip_peer import Talk
from tests.hostile.world import Scenario


class Table:
    """The scenarios of one test module."""

    def __init__(self, **defaults: Any) -> None:
        self._defaults = defaults
        self._scenarios: list[Any] = []

    def __call__(self, *, fast: bool = False, **fields: Any) -> Callable[[Talk], Talk]:
        """Adds the function below as a scenario; `fast` puts it among the daily tests."""

        def add(talk: Talk) -> Talk:
            name = getattr(talk, "__name__", "")
            scenario = Scenario(**{"talk": talk, **self._defaults, **fields})
            self._scenarios.append(pytest.param(scenario, id=name, marks=() if fast else pytest.mark.slow))
            return talk

        return add

    def all(self) -> pytest.MarkDecorator:
        """Runs the test below once with each."""
        return pytest.mark.parametrize("scenario", self._scenarios)
