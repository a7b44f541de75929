"""What is fuzzed: each target once, for atheris (run.py) and for hypothesis (test_targets.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MOST_WORDS = 2_000
"""Characters of an error's text, whatever the input."""


@dataclass(frozen=True)
class Target:
    """`run` takes any bytes and raises where the product does not keep its word; `seeds` are inputs to begin with."""

    name: str
    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


TARGETS: dict[str, Target] = {}


def target(*seeds: bytes) -> Callable[[Callable[[bytes], None]], Callable[[bytes], None]]:
    """Enters a function; its name is that of the target, with hyphens."""

    def enter(function: Callable[[bytes], None]) -> Callable[[bytes], None]:
        name = function.__name__.replace("_", "-")
        TARGETS[name] = Target(name, function, seeds)
        return function

    return enter


@contextmanager
def refused(*documented: type[Exception]) -> Iterator[None]:
    """Lets the documented errors pass, if their text is short; all others are failures."""
    try:
        yield
    except documented as error:
        assert len(str(error)) < MOST_WORDS, f"an error text of {len(str(error))} characters"


def raised(function: Callable[[], object], *documented: type[Exception]) -> bool:
    """Whether it raises a documented error."""
    try:
        function()
    except documented as error:
        assert len(str(error)) < MOST_WORDS, f"an error text of {len(str(error))} characters"
        return True
    return False


def text_of(data: bytes) -> str:
    """Any text that a SIP message can hold."""
    return data.decode("utf-8", "surrogateescape")
