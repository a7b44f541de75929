"""What a fault is: one change of behaviour, with a sentence on what it stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from sipauthctl.lab.behaviour import Behaviour


class Need(Enum):
    """What has to be there for a fault to show."""

    KERBEROS = auto()  # offered, and used by the client
    NTLM = auto()  # offered, and used by the client
    REDIRECT = auto()
    TLS = auto()
    TCP = auto()  # a client that connects without TLS
    SECOND_REQUEST = auto()  # another signed one after the sign-in
    REFRESH = auto()
    HOLD = auto()  # a client that stays
    SERVER_REQUEST = auto()  # the server sends one of its own
    REFUSAL = auto()  # of a logon
    FIRST_ACCOUNT = auto()  # it signs in
    DOCTOR = auto()  # no sign-in shows it


@dataclass(frozen=True, slots=True)
class ValueForm:
    """A value that a fault demands: how it is written, and what reads it, raising ValueError."""

    text: str
    read: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    `default` is set where it takes a value in seconds, as `NAME=SECONDS`, from `least` on; `value` where it demands
    another one.
    """

    name: str
    explanation: str
    change: Callable[[Behaviour, Any], Behaviour]
    default: float | None = None
    least: float = 0.0
    value: ValueForm | None = None
    needs: tuple[Need, ...] = ()

    @property
    def usage(self) -> str:
        """How to write it."""
        if self.value is not None:
            return f"{self.name}={self.value.text}"
        return self.name if self.default is None else f"{self.name}={self.default:g}"

    def read(self, equals: str, text: str) -> Any:
        """The value in `NAME=VALUE`; `equals` is empty where none is given.

        Raises:
            ValueError: it is missing, not of the form, or one that the fault does not take.
        """
        if self.value is not None:
            try:
                return self.value.read(text)
            except ValueError as error:
                raise ValueError(f"the fault {self.name} is written {self.usage}: {error}") from None
        if equals and self.default is None:
            raise ValueError(f"the fault {self.name} takes no value")
        return _seconds(self.name, text, self.least) if equals else self.default or 0.0


def changing(**changes: Any) -> Callable[[Behaviour, Any], Behaviour]:
    """A change that sets these fields."""
    return lambda behaviour, _: replace(behaviour, **changes)


_MOST_SECONDS = 1e9


def _seconds(name: str, text: str, least: float) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f"the fault {name} takes a number of seconds, not {text!r}") from None
    if not least <= seconds < _MOST_SECONDS:
        raise ValueError(f"the fault {name} takes a number of seconds from {least:g} on, not {text!r}")
    return seconds
