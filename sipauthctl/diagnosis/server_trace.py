"""The result codes in the error records of server traces: SSPI's, and the NTSTATUS of a refused logon."""

from __future__ import annotations

import re

from sipauthctl.codes import of_windows

_CODE = re.compile(r"0x([0-9A-Fa-f]{8})")


def code_of(text: str) -> int | None:
    """The result code in the text of a record, None where it has none."""
    match = _CODE.search(text)
    return int(match[1], 16) if match else None


def cause_of(code: int) -> str | None:
    """The id of the finding that a code proves, None where it leaves the cause open."""
    known = of_windows(code)
    return known.finding if known is not None else None
