"""The codes by which servers and domain controllers name a cause, and the finding that each of them leads to.

The table is `codes.toml` beside this file. It is the one place that says which finding a code means: diagnosis and
`sipauthctl explain` both read it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import resources
from typing import Any

from sipauthctl.findings import CatalogueError, catalogue

_TYPED = re.compile(r"(?:(?P<kind>[a-z-]+)\s*:\s*)?(?P<code>-?\w+)(?:\s*[(;.].*)?", re.IGNORECASE | re.DOTALL)
_WIN32 = 0x80070000  # HRESULT_FROM_WIN32, [MS-ERREF] 2.1.2
_FROM_NT = 0x10000000  # HRESULT_FROM_NT sets this bit of an NTSTATUS, [MS-ERREF] 2.1.1


class CodeKind(str, Enum):
    """What a code is; the values are the tables of `codes.toml`, and what a user may write before a code."""

    MS_DIAGNOSTICS = "ms-diagnostics"
    HRESULT = "hresult"
    SSPI = "sspi"
    NTSTATUS = "ntstatus"
    KERBEROS = "kerberos"


_DECIMAL = (CodeKind.MS_DIAGNOSTICS, CodeKind.KERBEROS)
REFERENCES = {
    CodeKind.MS_DIAGNOSTICS: "[MS-OCER] 7 and 8",
    CodeKind.HRESULT: "[MS-ERREF] 2.1 and 2.2",
    CodeKind.SSPI: "[MS-ERREF] 2.1.1 (SEC_E)",
    CodeKind.NTSTATUS: "[MS-ERREF] 2.3.1",
    CodeKind.KERBEROS: "RFC 4120 7.5.9",
}
"""Where the codes of a kind are defined."""


@dataclass(frozen=True, slots=True)
class Code:
    """One code: its number and its name, or for ms-diagnostics the reason string that servers send with it.

    `finding` is the id of the finding that it proves, None where it leaves the cause open; `see` are then those that
    it may mean, and `tell` says how to tell them apart.
    """

    kind: CodeKind
    number: int
    name: str
    meaning: str
    finding: str | None = None
    see: tuple[str, ...] = ()
    tell: str = ""

    @property
    def digits(self) -> str:
        """The number as it is usually written: `1010`, `0xC000006A`."""
        return str(self.number) if self.kind in _DECIMAL else f"0x{self.number:08X}"


@cache
def codes() -> dict[tuple[CodeKind, int], Code]:
    """All codes by kind and number.

    Raises:
        CatalogueError: the table is wrong, or names a finding that the catalogue does not have.
    """
    text = resources.files(__package__).joinpath("codes.toml").read_text("utf-8")
    return read_codes(tomllib.loads(text))


def read_codes(tables: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[tuple[CodeKind, int], Code]:
    """The codes of a table, checked.

    Raises:
        CatalogueError: see `codes`.
    """
    read = [
        _code(CodeKind(kind), int(number, 0), entry)
        for kind, table in tables.items()
        for number, entry in table.items()
    ]
    for code in read:
        if unknown := {code.finding, *code.see} - {None, *catalogue()}:
            raise CatalogueError(f"{code.digits} leads to {', '.join(map(str, unknown))}, which is no finding.")
    return {(code.kind, code.number): code for code in read}


def of_windows(number: int) -> Code | None:
    """The code behind a 32-bit number that Windows gives: an HRESULT, an SSPI code or an NTSTATUS; None for one that
    is not in the table."""
    kinds = (CodeKind.HRESULT, CodeKind.SSPI, CodeKind.NTSTATUS)
    found = (codes().get((kind, value)) for kind in kinds for value in (number, number & ~_FROM_NT))
    return next((code for code in found if code is not None), None)


def of_win32(error: int) -> Code | None:
    """The code of a Win32 error, as its HRESULT; None for one that is not in the table."""
    return of_windows(_WIN32 | error)


def diagnostic(number: int) -> Code | None:
    """The code behind a number of ms-diagnostics; None for one that is not in the table."""
    return codes().get((CodeKind.MS_DIAGNOSTICS, number))


def kerberos(number: int) -> Code | None:
    """The code behind the error code of a KRB-ERROR; None for one that is not in the table."""
    return codes().get((CodeKind.KERBEROS, number))


def windows_text(number: int) -> str:
    """`0xC000006A STATUS_WRONG_PASSWORD`; the number alone where the name is not known."""
    code = of_windows(number)
    return f"0x{number:08X} {code.name}" if code is not None else f"0x{number:08X}"


def find(typed: str) -> tuple[Code, ...]:
    """What a user may mean by a code, as logs and tools write it.

    Takes decimal and hexadecimal numbers, signed ones, and names, with a kind before it (`ms-diagnostics:1010`) or
    without, in any case; what follows in parentheses or after a semicolon is ignored. A number that is in several
    tables gives several codes.
    """
    match = _TYPED.fullmatch(typed.strip())
    if match is None:
        return ()
    kind = (match["kind"] or "").lower().removesuffix("-public")
    numbers = _numbers(match["code"])
    return tuple(
        code
        for code in codes().values()
        if kind in ("", code.kind.value) and (code.number in numbers or code.name.lower() == match["code"].lower())
    )


def _numbers(text: str) -> set[int]:
    """The numbers that a text may stand for; eight digits without 0x are taken as hexadecimal, too."""
    numbers = set()
    for base in (10, 16):
        if base == 16 and not (text.lower().startswith("0x") or len(text) == 8):
            continue
        try:
            number = int(text, base)
        except ValueError:
            continue
        if -(2**31) <= number < 2**32:
            unsigned = number & 0xFFFFFFFF
            numbers |= {unsigned, unsigned & ~_FROM_NT} if unsigned >> 28 == 0xD else {unsigned}
    return numbers


def _code(kind: CodeKind, number: int, entry: Mapping[str, Any]) -> Code:
    rest = dict(entry)
    try:
        code = Code(
            kind=kind,
            number=number,
            name=rest.pop("reason" if kind is CodeKind.MS_DIAGNOSTICS else "name"),
            meaning=rest.pop("meaning"),
            finding=rest.pop("finding", None),
            see=tuple(rest.pop("see", ())),
            tell=rest.pop("tell", ""),
        )
    except KeyError as missing:
        raise CatalogueError(f"The code {number} has no {missing.args[0]}.") from None
    if rest:
        raise CatalogueError(f"The code {number} has {', '.join(sorted(rest))}, which no code has.")
    return code
