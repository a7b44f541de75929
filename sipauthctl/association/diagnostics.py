"""What a server says of its own refusals: ms-diagnostics and ms-diagnostics-public, [MS-OCER] 2.2."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sipauthctl.sip.errors import ParseError
from sipauthctl.sip.headers import split_list
from sipauthctl.sip.message import Message
from sipauthctl.sip.numbers import decimal
from sipauthctl.sip.params import unquote

HEADERS = ("ms-diagnostics", "ms-diagnostics-public")
_HRESULT = re.compile(r"\s*(?:(?:0x)?([0-9A-F]{1,8})|(-?[0-9]{1,10}))\s*(?:\(|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One report: its number, and the parameters with lower-case names and unquoted values."""

    id: int
    params: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str | None:
        """A parameter such as `reason`, `source` or `hresult`, in any case; None when it is absent."""
        return next((value for key, value in self.params if key == name.lower()), None)

    @property
    def hresult(self) -> int | None:
        """The HRESULT, 32 bits: `0xC3E93EC3(SIP_E_AUTH_UNAUTHORIZED)` gives 0xC3E93EC3, and so does the signed decimal
        `-1008124221`; None for anything else."""
        match = _HRESULT.match(self.get("hresult") or "")
        if match is None:
            return None
        number = int(match[2]) if match[1] is None else int(match[1], 16)
        return number & 0xFFFFFFFF if -(2**31) <= number < 2**32 else None


def diagnostics(message: Message) -> tuple[Diagnostic, ...]:
    """All reports of a message. One that cannot be read is left out: it explains an error, it is not one."""
    reports = (_read(value) for header in HEADERS for value in message.headers.values(header))
    return tuple(report for report in reports if report is not None)


def _read(value: str) -> Diagnostic | None:
    first, *parts = split_list(value, ";")
    number = decimal(first.partition(".")[0], 10**10 - 1)  # a sub-code may follow
    if number is None:
        return None
    pairs = (part.partition("=") for part in parts)
    try:
        return Diagnostic(number, tuple((name.strip().lower(), _text(text.strip())) for name, _, text in pairs))
    except ParseError:
        return None


def _text(value: str) -> str:
    return unquote(value) if value.startswith('"') else value
