"""Wires an analysis together: files in, one pass, rendered out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

import click

from sipauthctl.analysis.analyze import Analysis, analyze
from sipauthctl.analysis.kerberos import KeytabKeys
from sipauthctl.analysis.secrets import GivenSecret, Secrets, SecretsError, nt_hash_secrets, password_secrets
from sipauthctl.capture.merge import merge
from sipauthctl.capture.reader import open_reader
from sipauthctl.capture.record import LOCAL_TIMES, InputKind, Reader, ReadError
from sipauthctl.cli.errors import CannotRun
from sipauthctl.findings import Severity
from sipauthctl.mechanisms.base import MechanismError, MechanismUnavailable
from sipauthctl.mechanisms.kerberos.offline import ServiceKeytab
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.tls_dsk.key_log import KeyLog
from sipauthctl.report.analysis import AnalysisRenderer, ConsoleRenderer
from sipauthctl.report.analysis_html import HtmlWriter
from sipauthctl.report.analysis_json import AnalysisWriter
from sipauthctl.report.console import stdout


def read_secrets(
    password_file: Path | None,
    nt_hash_file: Path | None,
    username: str | None,
    domain: str,
    keytab: Path | None,
    keylog: Path | None,
) -> Secrets:
    """The secrets of the files.

    Raises:
        CannotRun: a file cannot be read or is not of the right form, or there is no library for the keytab.
        UsageError: the user name has no user.
    """
    try:
        name = LogonName.parse(username, domain) if username is not None else None
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    ntlm = _secrets(password_file, password_secrets, name) + _secrets(nt_hash_file, nt_hash_secrets, name)
    try:
        kerberos = None if keytab is None else KeytabKeys(ServiceKeytab(keytab))
        return Secrets(ntlm=ntlm, kerberos=kerberos, tls=None if keylog is None else KeyLog.read(keylog))
    except OSError as error:
        raise CannotRun(f"Cannot read {keylog}: {error.strerror}.") from None
    except MechanismUnavailable as error:
        raise CannotRun(str(error)) from None
    except MechanismError as error:
        raise CannotRun(f"{error}.") from None


def execute(
    files: tuple[str, ...],
    secrets: Secrets,
    keylog: Path | None,
    decode_as: tuple[int, ...],
    html: Path | None,
    *,
    as_json: bool,
    no_color: bool,
) -> bool:
    """Analyses the files and prints the result; whether a problem was found.

    Raises:
        CannotRun: an input cannot be read, or the HTML file cannot be written.
    """

    def capture(path: str) -> Reader:
        from sipauthctl.capture.pcap import PcapReader

        return PcapReader(path, keylog=keylog, decode_as=decode_as)

    try:
        readers = [open_reader(path, captures=capture) for path in files]
        kinds = {path: reader.kind for path, reader in zip(files, readers, strict=True)}
        local = [path for path, kind in kinds.items() if kind in LOCAL_TIMES]
        analysis = analyze(merge(readers), secrets, local_times=local)
        with ExitStack() as stack:
            renderers: list[AnalysisRenderer] = [
                AnalysisWriter(sys.stdout) if as_json else ConsoleRenderer(stdout(no_color=no_color))
            ]
            if html is not None:
                renderers.append(HtmlWriter(stack.enter_context(_create(html))))
            for association in analysis.associations():
                for renderer in renderers:
                    renderer.association(association)
            for renderer in renderers:
                renderer.end(_inputs(analysis, kinds), analysis.notices, analysis.findings)
    except ReadError as error:
        raise CannotRun(str(error)) from None
    return any(finding.severity is Severity.ERROR for finding in analysis.findings)


def _create(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise CannotRun(f"Cannot write {path}: {error.strerror}.") from None


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
