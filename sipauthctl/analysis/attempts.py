"""What the search for a mistake tries: a message, and the strings that may have been signed of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sipauthctl.association.signing import SignatureBuffer
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Message
from sipauthctl.sip.name_addr import NameAddr

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A message whose signature is to be explained.

    Args:
        message: as it was received.
        buffer: the string that should have been signed.
        versions: the strings of the other protocol versions, by number.
        earlier: the values that each field had in other messages of the same association.
    """

    message: Message
    buffer: SignatureBuffer
    versions: tuple[tuple[int, SignatureBuffer], ...]
    earlier: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def fields(self) -> Fields:
        """The right fields."""
        return self.buffer.fields

    def get(self, name: str) -> str:
        """One of them, empty where it is absent or not signed in this version."""
        return next((value for key, value in self.fields if key == name), "")

    def earlier_values(self, name: str) -> list[str]:
        """The other values that it had before."""
        own = self.get(name)
        return [value for value in self.earlier.get(name, ()) if value != own]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A string that may have been signed, and what that would mean. `text` is what GSS_GetMIC would have got."""

    sentence: str
    text: bytes


@dataclass(frozen=True, slots=True)
class StringMistake:
    """One mistake."""

    name: str
    attempts: Callable[[SignedMessage], Iterator[Attempt]]


def text_of(fields: Fields) -> bytes:
    """The fields as they are signed."""
    return SignatureBuffer(fields).text


def replaced(fields: Fields, values: dict[str, str]) -> bytes:
    return text_of(tuple((name, values.get(name, value)) for name, value in fields))


def each_and_all(
    signed: SignedMessage, names: Sequence[str], change: Callable[[str], str], how: str
) -> Iterator[Attempt]:
    """The change made to one field at a time, then to all of them."""
    values = {name: signed.get(name) for name in names if signed.get(name)}
    made = {name: change(value) for name, value in values.items() if change(value) != value}
    for name, value in made.items():
        yield Attempt(f"the {name} was signed {how}", replaced(signed.fields, {name: value}))
    if len(made) > 1:
        yield Attempt(f"the {_list(list(made))} were signed {how}", replaced(signed.fields, made))


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1]


def parties(message: Message) -> list[tuple[str, NameAddr]]:
    try:
        return [("From URI", message.from_), ("To URI", message.to)]
    except SipError:
        return []
