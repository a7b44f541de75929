"""Wires an analysis together: files in, one pass, rendered out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from sipauthctl.analysis.analyze import Analysis, analyze
from sipauthctl.analysis.secrets import GivenSecret, Secrets, SecretsError, nt_hash_secrets, password_secrets
from sipauthctl.capture.merge import merge
from sipauthctl.capture.reader import open_reader
from sipauthctl.capture.record import InputKind, Reader, ReadError
from sipauthctl.cli.errors import CannotRun
from sipauthctl.findings import Severity
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.report.analysis import print_association, print_summary
from sipauthctl.report.analysis_json import AnalysisWriter
from sipauthctl.report.console import stdout

LOCAL_TIMES = (InputKind.CLIENT_LOG, InputKind.SERVER_TRACE, InputKind.SIPP_TRACE)
"""Kinds whose times are those of a clock without a zone."""


def read_secrets(password_file: Path | None, nt_hash_file: Path | None, username: str | None, domain: str) -> Secrets:
    """The secrets of the files.

    Raises:
        CannotRun: a file cannot be read or is not of the right form.
        UsageError: the user name has no user.
    """
    try:
        name = LogonName.parse(username, domain) if username is not None else None
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    ntlm = _secrets(password_file, password_secrets, name) + _secrets(nt_hash_file, nt_hash_secrets, name)
    return Secrets(ntlm=ntlm)


def execute(
    files: tuple[str, ...],
    secrets: Secrets,
    keylog: Path | None,
    decode_as: tuple[int, ...],
    *,
    as_json: bool,
    no_color: bool,
) -> bool:
    """Analyses the files and prints the result; whether a problem was found.

    Raises:
        CannotRun: an input cannot be read.
    """

    def capture(path: str) -> Reader:
        raise ReadError(f"{path} is a packet capture, which this version cannot read; give a log instead.")

    try:
        readers = [open_reader(path, captures=capture) for path in files]
        kinds = {path: reader.kind for path, reader in zip(files, readers, strict=True)}
        local = [path for path, kind in kinds.items() if kind in LOCAL_TIMES]
        analysis = analyze(merge(readers), secrets, local_times=local)
        render = _as_json if as_json else _on_console
        render(analysis, kinds, stdout(no_color=no_color))
    except ReadError as error:
        raise CannotRun(str(error)) from None
    return any(finding.severity is Severity.ERROR for finding in analysis.findings)


def _as_json(analysis: Analysis, kinds: dict[str, InputKind], console: Console) -> None:
    writer = AnalysisWriter(sys.stdout)
    for association in analysis.associations():
        writer.association(association)
    writer.end(_inputs(analysis, kinds), analysis.notices, analysis.findings)


def _on_console(analysis: Analysis, kinds: dict[str, InputKind], console: Console) -> None:
    for association in analysis.associations():
        print_association(console, association)
        console.print()
    print_summary(console, _inputs(analysis, kinds), analysis.notices, analysis.findings)


def _inputs(analysis: Analysis, kinds: dict[str, InputKind]) -> list[tuple[str, str, int]]:
    counts = {count.path: count.messages for count in analysis.inputs}
    return [(path, kind.value, counts.get(path, 0)) for path, kind in kinds.items()]


def _secrets(
    file: Path | None,
    read: Callable[[str, LogonName | None], tuple[GivenSecret, ...]],
    name: LogonName | None,
) -> tuple[GivenSecret, ...]:
    if file is None:
        return ()
    try:
        return read(file.read_text("utf-8"), name)
    except (OSError, UnicodeDecodeError):
        raise CannotRun(f"Cannot read {file}: it must be text in UTF-8.") from None
    except SecretsError as error:
        raise CannotRun(f"Cannot use {file}: {error}.") from None
