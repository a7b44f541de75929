"""The catalogue of findings: what can be wrong with a sign-in, and how to mend it.

The texts live in `catalogue.toml` beside this file, one table a finding, so that they can be read and corrected
without reading Python. A finding is a catalogue entry together with what was seen this time.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import resources

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class Severity(str, Enum):
    """How bad a finding is. Any `ERROR` makes the exit code 1."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """What is always true of a finding: what it means, how it is detected, how to mend it, where that is written.

    `remedy` may have several lines, those that begin with four spaces being commands, and `{name}` placeholders that
    `finding()` fills.
    """

    id: str
    family: str
    severity: Severity
    title: str
    meaning: str
    detection: str
    remedy: str
    reference: str


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


@cache
def catalogue() -> dict[str, CatalogueEntry]:
    """All entries by id, in the order of the file."""
    text = resources.files(__package__).joinpath("catalogue.toml").read_text("utf-8")
    return {
        id_: CatalogueEntry(
            id=id_,
            family=entry["family"],
            severity=Severity(entry["severity"]),
            title=entry["title"],
            meaning=_unwrap(entry["meaning"]),
            detection=_unwrap(entry["detection"]),
            remedy=_unwrap(entry["remedy"]),
            reference=entry["reference"],
        )
        for id_, entry in tomllib.loads(text).items()
    }


def fill(text: str, fields: Mapping[str, object]) -> str:
    """The text with its `{name}` placeholders filled; values are put in as they are, braces and all."""
    return _PLACEHOLDER.sub(lambda match: str(fields.get(match[1]) or f"<{match[1]}>"), text)


def finding(
    id: str,
    detail: str,
    evidence: Iterable[str] = (),
    *,
    severity: Severity | None = None,
    **fields: object,
) -> Finding:
    """The finding `id` with what was seen.

    Args:
        id: a key of the catalogue.
        detail: one or two sentences on this case.
        evidence: quoted text that proves it, each one line.
        severity: another one than the catalogue's, where the case is milder or worse.
        fields: values for the placeholders of the remedy; one that is missing stays as `<name>`.

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
        remedy=fill(entry.remedy, fields),
        reference=entry.reference,
    )


def _unwrap(text: str) -> str:
    """Prose in one line, commands (indented by four spaces) each on a line of its own."""
    lines: list[str] = []
    prose = False
    for line in text.strip("\n").splitlines():
        if line.startswith("    "):
            lines.append(line.rstrip())
        elif prose:
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.strip())
        prose = not line.startswith("    ")
    return "\n".join(lines)
