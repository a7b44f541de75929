"""Programs that a lab starts: they end with it, also where it is killed and cannot tell them."""

from __future__ import annotations

from sipauthctl.programs import find_program

_SETPRIV = "setpriv"  # of util-linux; prctl(2) is not to be had in the standard library


def bound(program: str, *arguments: str) -> tuple[str, ...]:
    """The command for a program that the kernel sends SIGTERM when the lab ends, prctl(2) PR_SET_PDEATHSIG.

    It keeps its process id, so that it can be ended as any other. Where there is no setpriv, it is the command alone.
    """
    setpriv = find_program(_SETPRIV)
    if setpriv is None:
        return program, *arguments
    return setpriv, "--pdeathsig", "TERM", "--", program, *arguments
