"""Every regular expression that reads text from outside takes time in proportion to it: its steps are counted."""

from __future__ import annotations

import ast
import importlib
import re
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backtracking import Matcher, TooManySteps, attacks
from tests.sources import syntax_tree

PACKAGE = Path(__file__).parent.parent / "sipauthctl"
ROOMS = (
    *("analysis", "association", "capture", "cli", "diagnosis", "directory", "doctor", "lab", "machine"),
    *("mechanisms", "netbios", "network", "probe", "report", "sip"),
)
SIZE = 250  # and twice that; well beyond what the bounded repeats take
MOST_STEPS = 30_000
GROWTH = 2.6  # with twice the text; 4 would be quadratic
WHOLE, SEARCHES = {"fullmatch"}, {"search", "sub", "subn", "findall", "finditer", "split"}
# Looked for in so many bytes at the most, wherever they are used; a test below checks that.
SHORT = {"sipauthctl.capture.server_trace._FUNCTION": 400, "sipauthctl.capture.server_trace._TIME": 400}


def steps(pattern: re.Pattern[Any], text: str, *, search: bool, whole: bool) -> int:
    try:
        return Matcher(pattern, MOST_STEPS).count(text, search=search, whole=whole)
    except TooManySteps:
        return MOST_STEPS


def worst(pattern: re.Pattern[Any], *, search: bool, whole: bool) -> tuple[float, str]:
    """The most that the steps grow by where a text becomes twice as long, and that text."""
    found = (1.0, "")
    for short, long in zip(attacks(pattern, SIZE), attacks(pattern, 2 * SIZE), strict=True):
        few, many = (steps(pattern, text, search=search, whole=whole) for text in (short, long))
        if many >= MOST_STEPS:
            return float("inf"), long
        if many > 20 * SIZE:  # below that it is linear, whatever the ratio
            found = max(found, (many / few, long))
    return found


def deep(work: Callable[[], None]) -> None:
    """Runs it where recursion may go deep."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    limit = sys.getrecursionlimit()
    before = threading.stack_size(512 << 20)
    try:
        sys.setrecursionlimit(200_000)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(before)
    if failed:
        raise failed[0]


def files() -> list[Path]:
    return sorted(path for room in ROOMS for path in (PACKAGE / room).rglob("*.py"))


def uses() -> dict[str, set[str]]:
    """The methods that are called of each name, private ones with their module."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in files():
        for node in ast.walk(syntax_tree(path)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                name = node.value.id
                found[f"{module_of(path)}.{name}" if name.startswith("_") else name].add(node.attr)
    return found


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def patterns() -> Iterator[tuple[str, re.Pattern[Any], set[str]]]:
    """Each pattern of the package with its name and the methods that are called of it."""
    called = uses()
    for path in files():
        if "re.compile(" not in path.read_text("utf-8"):
            continue
        module = importlib.import_module(module_of(path))
        for name, value in vars(module).items():
            full = f"{module.__name__}.{name}"
            if isinstance(value, re.Pattern):
                yield full, value, called[full if name.startswith("_") else name]
            elif isinstance(getattr(value, "__self__", None), re.Pattern):
                yield full, value.__self__, {value.__name__}
            elif isinstance(value, dict) and any(isinstance(one, re.Pattern) for one in value.values()):
                for key, one in value.items():
                    yield f"{full}[{key}]", one, {"search"}


ALL = [one for one in patterns() if one[0] not in SHORT]


def test_the_patterns_are_found() -> None:
    names = {name for name, _, _ in ALL}
    assert len(names) > 50
    assert {"sipauthctl.capture.server_trace._NO_BODY", "sipauthctl.sip.headers._SPECIAL[,]"} <= names


def test_patterns_are_compiled_where_the_test_finds_them() -> None:
    """At the top of a module, or in a dictionary there."""
    for path in files():
        tree = syntax_tree(path)
        at_top = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
        top = {id(part) for node in at_top for part in ast.walk(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "re":
                assert node.attr not in WHOLE | SEARCHES | {"match"}, f"{path}: {ast.unparse(node)}"
                assert node.attr != "compile" or id(node) in top, path


@pytest.mark.parametrize("name", SHORT)
def test_what_is_short_is_looked_for_in_few_bytes(name: str) -> None:
    """Each use gives the pattern a slice of so many bytes."""
    module, _, own = name.rpartition(".")
    (path,) = (path for path in files() if module_of(path) == module)
    nodes = list(ast.walk(syntax_tree(path)))
    calls = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(f"{own}.")]
    named = [node for node in nodes if isinstance(node, ast.Name) and node.id == own]
    assert calls and len(named) == len(calls) + 1  # and where it is made
    for call in calls:
        assert re.fullmatch(rf"\w+\[:{SHORT[name]}\]", ast.unparse(call.args[0]))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "pattern", "methods"), ALL, ids=[name for name, _, _ in ALL])
def test_a_pattern_takes_linear_time(name: str, pattern: re.Pattern[Any], methods: set[str]) -> None:
    def check() -> None:
        growth, text = worst(pattern, search=bool(methods & SEARCHES), whole=bool(methods & WHOLE))
        assert growth < GROWTH, f"{growth} for {text[:60]!r}..."

    deep(check)


@pytest.mark.parametrize(
    ("pattern", "search", "whole"),
    [
        (r"(?s)(.*?)\s+Result-Code:\s*(.*)", False, True),
        (rb"\s*(?:-+|\*MESSAGE BODY DELETED\*)?\s*", False, True),
        (r"Windows XP[^)]*Home", True, False),
        (r"\s+,", True, False),
        (r"a:[^,]*\d[^,]*;", False, False),
        (r"(?:[a-z]+,?)+;", False, True),
    ],
)
def test_a_pattern_that_takes_longer_is_noticed(pattern: str | bytes, search: bool, whole: bool) -> None:
    def check() -> None:
        assert worst(re.compile(pattern), search=search, whole=whole)[0] > GROWTH

    deep(check)


def test_the_counted_matcher_matches_as_python_does() -> None:
    def check() -> None:
        for name, pattern, _ in ALL:
            for text in attacks(pattern, 8):
                given = text.encode("latin-1") if isinstance(pattern.pattern, bytes) else text
                assert Matcher(pattern, MOST_STEPS).matches(text) == (pattern.fullmatch(given) is not None), name

    deep(check)
