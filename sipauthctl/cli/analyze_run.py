"""Wires an analysis together: files in, one pass, rendered out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import click

from sipauthctl.analysis.analyze import Analysis
from sipauthctl.analysis.kerberos import KeytabKeys
from sipauthctl.analysis.secrets import GivenSecret, Secrets, SecretsError, nt_hash_secrets, password_secrets
from sipauthctl.capture.merge import merge
from sipauthctl.capture.reader import CaptureOpener, open_reader
from sipauthctl.capture.record import LOCAL_TIMES, InputKind, Notice, Reader, ReadError, Record
from sipauthctl.cli.errors import CannotRun
from sipauthctl.cli.output_files import replaced
from sipauthctl.findings import Severity
from sipauthctl.mechanisms.base import MechanismError, MechanismUnavailable
from sipauthctl.mechanisms.kerberos.offline import ServiceKeytab
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.tls_dsk.key_log import KeyLog
from sipauthctl.report.analysis import AnalysisRenderer, ConsoleRenderer
from sipauthctl.report.analysis_html import HtmlWriter
from sipauthctl.report.analysis_json import AnalysisWriter
from sipauthctl.report.console import stderr, stdout
from sipauthctl.report.progress import AnalysisProgress
from sipauthctl.report.text import KNOWN


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
    lifetime: timedelta,
    as_json: bool,
    no_color: bool,
) -> bool:
    """Analyses the files and prints the result; whether a problem was found.

    Raises:
        CannotRun: an input cannot be read, or the HTML file cannot be written. What the other
            inputs show is printed first, and a problem in it decides the exit code.
    """

    def capture(path: str) -> Reader:
        from sipauthctl.capture.pcap import PcapReader

        return PcapReader(path, keylog=keylog, decode_as=decode_as)

    inputs = Inputs(files, capture)
    progress = AnalysisProgress(stderr(no_color=no_color))
    items = progress.over(merge(inputs.items()))
    analysis = Analysis(items, secrets, local_times=inputs.of_kind(LOCAL_TIMES), lifetime=lifetime, known=KNOWN)
    with ExitStack() as stack:
        renderers: list[AnalysisRenderer] = []
        if html is not None:
            renderers.append(HtmlWriter(stack.enter_context(replaced(html, "HTML file", HtmlWriter.MARK))))
        renderers.append(AnalysisWriter(sys.stdout) if as_json else ConsoleRenderer(stdout(no_color=no_color)))
        for association in analysis.associations():
            with progress.away():
                for renderer in renderers:
                    renderer.association(association)
        counts = {count.path: count.messages for count in analysis.inputs}
        read = [(path, kind.value, counts.get(path, 0)) for path, kind in inputs.kinds.items()]
        for renderer in renderers:
            renderer.end(read, analysis.notices, analysis.findings)
    problem = any(finding.severity is Severity.ERROR for finding in analysis.findings)
    failed = [*inputs.failed, *analysis.unfinished.values()]
    if not problem and failed:
        raise CannotRun(" ".join(failed))
    if not problem and all(count.messages == count.unreadable for count in analysis.inputs):
        raise CannotRun("No SIP message could be read.")
    return problem


class Inputs:
    """The files of one analysis.

    Args:
        files: as they were given.
        captures: makes the reader of a capture.

    Raises:
        CannotRun: none of them can be read.
    """

    def __init__(self, files: tuple[str, ...], captures: CaptureOpener) -> None:
        self.failed: list[str] = []
        """Why some could not be read."""
        self._readers: dict[str, Reader] = {}
        self._notices: list[Notice] = []
        for path in files:
            try:
                self._readers[path] = open_reader(path, captures=captures)
            except ReadError as error:
                self._notices.append(self._failure(path, error))
        if not self._readers:
            raise CannotRun(" ".join(self.failed))

    @property
    def kinds(self) -> dict[str, InputKind]:
        """What each of those that could be opened is."""
        return {path: reader.kind for path, reader in self._readers.items()}

    def of_kind(self, kinds: tuple[InputKind, ...]) -> list[str]:
        """The inputs of these kinds."""
        return [path for path, kind in self.kinds.items() if kind in kinds]

    def items(self) -> list[Iterable[Record | Notice]]:
        """What each has, and notices of those that cannot be read."""
        return [self._notices, *(self._careful(path, reader) for path, reader in self._readers.items())]

    def _careful(self, path: str, reader: Reader) -> Iterator[Record | Notice]:
        try:
            yield from reader
        except ReadError as error:
            yield self._failure(path, error)

    def _failure(self, path: str, error: ReadError) -> Notice:
        self.failed.append(str(error))
        return Notice("unreadable", str(error), path)


def _secrets(
    file: Path | None,
    read: Callable[[str, LogonName | None], tuple[GivenSecret, ...]],
    name: LogonName | None,
) -> tuple[GivenSecret, ...]:
    if file is None:
        return ()
    try:
        return read(file.read_text("utf-8-sig"), name)
    except (OSError, UnicodeDecodeError):
        raise CannotRun(f"Cannot read {file}: it must be text in UTF-8.") from None
    except SecretsError as error:
        raise CannotRun(f"Cannot use {file}: {error}.") from None
