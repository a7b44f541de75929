"""Counts the steps that a backtracking matcher such as Python's takes for a pattern, which `re` does not tell.

The matcher walks the tree that `re` itself parses the pattern into, tries alternatives in the same order, and gives up
nothing early: each comparison of one character is a step. It exists to be counted, not to be fast.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

UNBOUNDED = int(op.MAXREPEAT)
MANY = 1000  # a repeat that may be longer than this counts as one without an end
_SAMPLES = [chr(number) for number in range(128)] + ["\x96", "\xe2", "\xff"]


class TooManySteps(Exception):
    """The limit is reached."""


class Matcher:
    """One pattern.

    Args:
        pattern: of text or bytes; the latter is read as Latin-1.
        limit: of steps.
    """

    def __init__(self, pattern: re.Pattern[Any], limit: int) -> None:
        self._flags = pattern.flags
        self.tree = parser.parse(pattern.pattern, pattern.flags & ~(re.UNICODE if _is_bytes(pattern) else 0))
        self._limit = limit
        self._known: dict[tuple[int, str], bool] = {}  # by the item, which the tree keeps alive
        self.steps = 0

    def count(self, text: str, *, search: bool, whole: bool) -> int:
        """The steps to match at the beginning, or at any place (`search`), up to the end of the text (`whole`)."""
        self._match(text, search=search, whole=whole)
        return self.steps

    def matches(self, text: str) -> bool:
        """Whether it matches the whole text."""
        return self._match(text, search=False, whole=True)

    def _match(self, text: str, *, search: bool, whole: bool) -> bool:
        self.steps, self._text = 0, text
        done = (lambda end: end == len(text)) if whole else (lambda end: True)
        return any(self._sequence(list(self.tree), 0, start, done) for start in range(len(text) + 1 if search else 1))

    def _sequence(self, items: list[Any], index: int, at: int, then: Callable[[int], bool]) -> bool:
        if index == len(items):
            return then(at)
        return self._item(items[index], at, lambda end: self._sequence(items, index + 1, end, then))

    def _item(self, item: Any, at: int, then: Callable[[int], bool]) -> bool:
        self._step()
        code, value = item
        if code in (op.LITERAL, op.NOT_LITERAL, op.IN, op.ANY):
            return at < len(self._text) and self._fits(item, self._text[at]) and then(at + 1)
        if code is op.SUBPATTERN:
            return self._sequence(list(value[3]), 0, at, then)
        if code is op.BRANCH:
            return any(self._sequence(list(branch), 0, at, then) for branch in value[1])
        if code in (op.MAX_REPEAT, op.MIN_REPEAT):
            return self._repeat(value, at, then, lazy=code is op.MIN_REPEAT)
        if code is op.AT:
            return self._at(value, at) and then(at)
        if code in (op.ASSERT, op.ASSERT_NOT):
            found = self._sequence(list(value[1]), 0, at, lambda end: True)
            return found is (code is op.ASSERT) and then(at)
        raise NotImplementedError(code)

    def _repeat(self, value: Any, at: int, then: Callable[[int], bool], *, lazy: bool) -> bool:
        least, most, inner = value
        items = list(inner)
        if len(items) == 1 and items[0][0] in (op.LITERAL, op.NOT_LITERAL, op.IN, op.ANY):
            return self._repeat_one(items[0], (least, most), at, then, lazy=lazy)

        def more(count: int, here: int) -> bool:
            def again() -> bool:
                return count < most and self._sequence(
                    items, 0, here, lambda end: (end > here or count < least) and more(count + 1, end)
                )

            if count < least:
                return again()
            return (then(here) or again()) if lazy else (again() or then(here))

        return more(0, at)

    def _repeat_one(
        self, item: Any, bounds: tuple[int, int], at: int, then: Callable[[int], bool], *, lazy: bool
    ) -> bool:
        """Without recursion, which would not be deep enough."""
        end = at
        while end - at < bounds[1] and end < len(self._text) and self._fits(item, self._text[end]):
            self._step()
            end += 1
            if lazy and end - at > bounds[0] and then(end - 1):
                return True
        places = [end] if lazy else range(end, at + bounds[0] - 1, -1)
        return end - at >= bounds[0] and any(self._stepped(place) and then(place) for place in places)

    def _fits(self, item: Any, char: str) -> bool:
        key = id(item), char
        if key not in self._known:
            self._known[key] = fits(item, char, self._flags)
        return self._known[key]

    def _stepped(self, place: int) -> bool:
        self._step()
        return place >= 0

    def _step(self) -> None:
        self.steps += 1
        if self.steps > self._limit:
            raise TooManySteps

    def _at(self, kind: Any, at: int) -> bool:
        text = self._text
        if kind in (op.AT_BEGINNING, op.AT_BEGINNING_STRING):
            multiline = kind is op.AT_BEGINNING and self._flags & re.MULTILINE
            return at == 0 or bool(multiline and text[at - 1] == "\n")
        if kind in (op.AT_END, op.AT_END_STRING):
            return at == len(text) or (kind is op.AT_END and text[at:] == "\n")
        if kind is op.AT_BOUNDARY:
            before, after = (
                bool(re.match(r"\w", char)) for char in (text[at - 1 : at] if at else "", text[at : at + 1])
            )
            return before is not after
        raise NotImplementedError(kind)


def fits(item: Any, char: str, flags: int) -> bool:
    """Whether an item of the tree that stands for one character takes this one."""
    if flags & re.IGNORECASE and char.swapcase() != char and _fits(item, char.swapcase(), flags):
        return True
    return _fits(item, char, flags)


def _fits(item: Any, char: str, flags: int) -> bool:
    code, value = item
    if code is op.ANY:
        return bool(flags & re.DOTALL) or char != "\n"
    if code is op.LITERAL:
        return ord(char) == value
    if code is op.NOT_LITERAL:
        return ord(char) != value
    wanted = True
    for kind, what in value:
        if kind is op.NEGATE:
            wanted = False
        elif (
            (kind is op.LITERAL and ord(char) == what)
            or (kind is op.RANGE and what[0] <= ord(char) <= what[1])
            or (kind is op.CATEGORY and _of_category(what, char))
        ):
            return wanted
    return not wanted


def _of_category(category: Any, char: str) -> bool:
    letters = {
        op.CATEGORY_DIGIT: r"\d",
        op.CATEGORY_NOT_DIGIT: r"\D",
        op.CATEGORY_SPACE: r"\s",
        op.CATEGORY_NOT_SPACE: r"\S",
        op.CATEGORY_WORD: r"\w",
        op.CATEGORY_NOT_WORD: r"\W",
    }
    return re.match(letters[category], char) is not None


def attacks(pattern: re.Pattern[Any], size: int) -> Iterator[str]:
    """Texts that make a pattern work: what it begins with, then one of its repeats again and again, then nothing that
    fits. The text before may itself be repeated, for a search begins at each place."""
    matcher = Matcher(pattern, 0)
    for before, inner in _repeats(list(matcher.tree), "", pattern.flags):
        if before:
            yield before * (size // len(before))
        for unit in {_example(inner, pattern.flags, char) for char in _pump_characters(matcher.tree, pattern.flags)}:
            if unit:
                yield before + unit * (size // len(unit)) + "\x00\n!"
    whole = _example(list(matcher.tree), pattern.flags, "a")
    for length in range(1, len(whole) + 1):
        yield whole[:length] * (size // length)


def _repeats(items: list[Any], before: str, flags: int) -> Iterator[tuple[str, list[Any]]]:
    """Each repeat without an end, with a text that leads to it."""
    for item in items:
        code, value = item
        if code in (op.MAX_REPEAT, op.MIN_REPEAT):
            yield from _repeats(list(value[2]), before, flags)
            if value[1] > MANY:
                yield before, list(value[2])
        elif code is op.SUBPATTERN:
            yield from _repeats(list(value[3]), before, flags)
        elif code is op.BRANCH:
            for branch in value[1]:
                yield from _repeats(list(branch), before, flags)
        before += _example([item], flags, "a")


def _pump_characters(tree: Any, flags: int) -> list[str]:
    """One character for each set of the items that take it, so that what two repeats share is tried."""
    items = list(_single_items(list(tree)))
    known: dict[tuple[bool, ...], str] = {}
    for char in _SAMPLES:
        known.setdefault(tuple(fits(item, char, flags) for item in items), char)
    return list(known.values())


def _single_items(items: list[Any]) -> Iterator[Any]:
    for code, value in items:
        if code in (op.LITERAL, op.NOT_LITERAL, op.IN, op.ANY):
            yield code, value
        elif code in (op.MAX_REPEAT, op.MIN_REPEAT):
            yield from _single_items(list(value[2]))
        elif code is op.SUBPATTERN:
            yield from _single_items(list(value[3]))
        elif code is op.BRANCH:
            for branch in value[1]:
                yield from _single_items(list(branch))


def _example(items: list[Any], flags: int, wish: str) -> str:
    """A short text that the items match, with the wished character where it fits."""
    text = ""
    for code, value in items:
        if code in (op.LITERAL, op.NOT_LITERAL, op.IN, op.ANY):
            chars = [wish, *_SAMPLES]
            text += next((char for char in chars if fits((code, value), char, flags)), "")
        elif code in (op.MAX_REPEAT, op.MIN_REPEAT):
            text += _example(list(value[2]), flags, wish) * max(value[0], 1 if value[1] > MANY else 0)
        elif code is op.SUBPATTERN:
            text += _example(list(value[3]), flags, wish)
        elif code is op.BRANCH:
            text += _example(list(value[1][0]), flags, wish)
    return text


def _is_bytes(pattern: re.Pattern[Any]) -> bool:
    return isinstance(pattern.pattern, bytes)
