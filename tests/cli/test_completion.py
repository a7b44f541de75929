"""What the shell is offered: the program is asked as the shipped completion files ask it."""

from __future__ import annotations

import pytest
from click.shell_completion import ShellComplete

from sipauthctl.cli.main import cli


@pytest.mark.parametrize(
    ("words", "typed", "offered"),
    [
        (["explain"], "redirect-un", {"redirect-unsigned"}),
        (["doctor", "--only"], "spn", {"spn", "spn-owner"}),
        (["lab", "--fault"], "tls-expire", {"tls-expired", "tls-expires-soon"}),
        (["register", "--lab", "--fault"], "kdc-clock", {"kdc-clock-skew"}),
        (["doctor", "--lab", "--fault"], "first-", {"first-answer="}),
        (["explain"], "no-such", set()),
    ],
)
def test_names_are_completed(words: list[str], typed: str, offered: set[str]) -> None:
    shell = ShellComplete(cli, {}, "sipauthctl", "_SIPAUTHCTL_COMPLETE")
    assert {item.value for item in shell.get_completions(words, typed)} == offered
