"""What a fault is: one change of behaviour, with a sentence on what it stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sipauthctl.lab.behaviour import Behaviour


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `default` is set where it takes a value in seconds, as `NAME=SECONDS`."""

    name: str
    explanation: str
    change: Callable[[Behaviour, float], Behaviour]
    default: float | None = None


def changing(**changes: Any) -> Callable[[Behaviour, float], Behaviour]:
    """A change that sets these fields."""
    return lambda behaviour, _: replace(behaviour, **changes)
