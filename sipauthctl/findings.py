"""The catalogue of findings: what can be wrong with a sign-in, and how to mend it.

The texts live in `catalogue.toml` beside this file, one table a finding, so that they can be read and corrected
without reading Python. A finding is a catalogue entry together with what was seen this time.
"""

from __future__ import annotations

import graphlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import resources
from typing import Any

COMMAND_INDENT = "    "
"""How a line of a remedy begins that is a command to copy."""

ALWAYS = "always"
_PLACEHOLDERS = "placeholders"
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_WORD = re.compile(r"[a-z]+[,:;]?(\s|$)")
# What means nothing to cmd, PowerShell or a Unix shell, and cannot be taken for an option.
_PLAIN = re.compile(r"[\w:][\w.:@/\\+=-]*\$?")


class Severity(str, Enum):
    """How bad a finding is. Any `ERROR` makes the exit code 1."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


def rank(severity: Severity) -> int:
    """For sorting: the worst first."""
    return list(Severity).index(severity)


class Scope(str, Enum):
    """Whom a finding concerns."""

    SERVER = "server"  # everybody who signs in to this server
    USER = "user"  # one user, or the client in use


class CatalogueError(ValueError):
    """The catalogue contradicts itself, which is a mistake in `catalogue.toml`."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """What is always true of a finding: what it means, how it is detected, how to mend it, where that is written.

    `remedies` are by what was seen; that of `ALWAYS` fits whatever it was. A remedy may have several lines, those that
    begin with `COMMAND_INDENT` being commands, and `{name}` placeholders that `fill()` fills. The head of
    `catalogue.toml` says what the other fields mean.
    """

    id: str
    family: str
    scope: Scope
    severity: Severity
    title: str
    meaning: str
    detection: str
    remedies: Mapping[str, str]
    reference: str
    fatal: bool
    unspecific: bool
    explains: frozenset[str]
    explains_when_account_proven: frozenset[str]
    explains_only_as_error: bool

    @property
    def remedy(self) -> str:
        """All that may have to be done."""
        return "\n".join(self.remedies.values())

    def remedy_for(self, seen: str) -> str:
        """What to do where this was seen, one of the keys of `remedies`; all of it where `seen` is empty."""
        fitting = [text for key, text in self.remedies.items() if key in (ALWAYS, seen)]
        return "\n".join(fitting) if seen else self.remedy


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: the catalogue's words with this case's detail and evidence (quoted text)."""

    id: str
    severity: Severity
    title: str
    detail: str
    evidence: tuple[str, ...]
    remedy: str
    reference: str
    explained_by: str | None = None
    """The id of the finding that explains this one, set by `diagnosis.ranking`."""
    user: str | None = None
    """The SIP URI of the user that it was seen with, where more than one may be in question."""
    server: str | None = None
    """And the server."""
    association: str | None = None
    """The opaque of the association that showed it first."""


@cache
def catalogue() -> dict[str, CatalogueEntry]:
    """All entries by id, in the order of the file.

    Raises:
        CatalogueError: the file contradicts itself.
    """
    return read_catalogue({id_: table for id_, table in _file().items() if id_ != _PLACEHOLDERS})


def read_catalogue(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, CatalogueEntry]:
    """The entries of a catalogue, checked.

    Args:
        tables: by id, as TOML gives them.

    Raises:
        CatalogueError: a key is unknown or missing or has a wrong value, an id that is named does not exist, or
            findings explain each other in a circle.
    """
    entries = {id_: _entry(id_, table) for id_, table in tables.items()}
    explained = {one.id: one.explains | one.explains_when_account_proven for one in entries.values()}
    for id_, ids in explained.items():
        if unknown := ids - set(entries):
            raise CatalogueError(f"{id_} explains {', '.join(sorted(unknown))}, which the catalogue does not have.")
    try:
        graphlib.TopologicalSorter(explained).prepare()
    except graphlib.CycleError as circle:
        raise CatalogueError(f"Findings explain each other: {' '.join(circle.args[1])}.") from None
    return entries


def placeholders() -> dict[str, str]:
    """What stands in a remedy for each `{name}` whose value is not known."""
    return dict(_file()[_PLACEHOLDERS])


def fill(remedy: str, fields: Mapping[str, object]) -> str:
    """The remedy with its `{name}` placeholders filled.

    Values may come from a server, so none of them can start a line of its own, and in a command only plain ones stand:
    a name with spaces, quotes or `;` leaves the placeholder's default in its place, for the reader to fill in.
    """
    return "\n".join(_fill_line(line, fields) for line in remedy.splitlines())


def sentence(words: str) -> str:
    """The words, which come without a final dot, as a sentence. One that begins with a name, such as that of a host,
    keeps it as it is."""
    begins_plainly = _WORD.match(words) is not None
    return f"{words[:1].upper() if begins_plainly else words[:1]}{words[1:]}."


def _fill_line(line: str, fields: Mapping[str, object]) -> str:
    command = line.startswith(COMMAND_INDENT)

    def value(match: re.Match[str]) -> str:
        text = " ".join(str(fields.get(match[1]) or "").split())
        usable = _PLAIN.fullmatch(text) if command else text
        return text if usable else placeholders().get(match[1], f"<{match[1]}>")

    return _PLACEHOLDER.sub(value, line)


def finding(
    id: str,
    detail: str,
    evidence: Iterable[str] = (),
    *,
    severity: Severity | None = None,
    remedy: str = "",
    **fields: object,
) -> Finding:
    """The finding `id` with what was seen.

    Args:
        id: a key of the catalogue.
        detail: one or two sentences on this case.
        evidence: quoted text that proves it, each one line.
        severity: another one than the catalogue's, where the case is milder or worse.
        remedy: the key of that remedy of the catalogue which fits; empty for all.
        fields: values for the placeholders of the remedy; for one that is missing its default stands.

    Raises:
        KeyError: the id is not in the catalogue, which is a mistake of the caller.
    """
    entry = catalogue()[id]
    return Finding(
        id=entry.id,
        severity=severity or entry.severity,
        title=entry.title,
        detail=detail,
        evidence=tuple(evidence),
        remedy=fill(entry.remedy_for(remedy), fields),
        reference=entry.reference,
    )


@cache
def _file() -> dict[str, dict[str, Any]]:
    text = resources.files(__package__).joinpath("catalogue.toml").read_text("utf-8")
    tables: dict[str, dict[str, Any]] = tomllib.loads(text)
    return tables


def _entry(id_: str, table: Mapping[str, Any]) -> CatalogueEntry:
    rest = dict(table)
    try:
        entry = CatalogueEntry(
            id=id_,
            family=rest.pop("family"),
            scope=Scope(rest.pop("scope")),
            severity=Severity(rest.pop("severity")),
            title=rest.pop("title"),
            meaning=_unwrap(rest.pop("meaning")),
            detection=_unwrap(rest.pop("detection")),
            remedies=_remedies(rest.pop("remedy")),
            reference=rest.pop("reference"),
            fatal=rest.pop("fatal", True),
            unspecific=rest.pop("unspecific", False),
            explains=frozenset(rest.pop("explains", ())),
            explains_when_account_proven=frozenset(rest.pop("explains-when-account-proven", ())),
            explains_only_as_error=rest.pop("explains-only-as-error", False),
        )
    except KeyError as missing:
        raise CatalogueError(f"{id_} has no {missing.args[0]}.") from None
    except ValueError as wrong:
        raise CatalogueError(f"{id_}: {wrong}.") from None
    if rest:
        raise CatalogueError(f"{id_} has {', '.join(sorted(rest))}, which no entry has.")
    return entry


def _remedies(written: str | Mapping[str, str]) -> dict[str, str]:
    by_key = {ALWAYS: written} if isinstance(written, str) else written
    return {key: _unwrap(text) for key, text in by_key.items()}


def _unwrap(text: str) -> str:
    """Prose in one line, commands (indented by four spaces) each on a line of its own."""
    lines: list[str] = []
    prose = False
    for line in text.strip("\n").splitlines():
        if line.startswith(COMMAND_INDENT):
            lines.append(line.rstrip())
        elif prose:
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.strip())
        prose = not line.startswith(COMMAND_INDENT)
    return "\n".join(lines)
