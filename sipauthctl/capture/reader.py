"""Opens an input, whatever it is."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import BinaryIO

from sipauthctl.capture.detect import detect
from sipauthctl.capture.plain_text import PlainTextReader
from sipauthctl.capture.record import InputKind, Notice, Reader, Record
from sipauthctl.capture.server_trace import ServerTraceReader
from sipauthctl.capture.sipe_log import SipeLogReader
from sipauthctl.capture.sipp_trace import SippTraceReader
from sipauthctl.capture.source import Input, Source
from sipauthctl.capture.text_reader import TextReader
from sipauthctl.capture.uccapilog import UccapilogReader

CaptureOpener = Callable[[str], Reader]
"""Makes the reader of a capture in a regular file."""

_TEXT_READERS: dict[InputKind, type[TextReader]] = {
    InputKind.CLIENT_LOG: UccapilogReader,
    InputKind.SERVER_TRACE: ServerTraceReader,
    InputKind.SIPE_LOG: SipeLogReader,
    InputKind.SIPP_TRACE: SippTraceReader,
    InputKind.TEXT: PlainTextReader,
}


def open_reader(path: str, *, captures: CaptureOpener, stdin: BinaryIO | None = None, zone: tzinfo = UTC) -> Reader:
    """The reader for an input, chosen by what is in it.

    Args:
        path: a file, also packed with gzip; `-` for standard input, which can be read once.
        captures: for packet captures. A capture from a pipe is put into a temporary file first, since captures are
            read more than once.
        stdin: what `-` is; the process's standard input unless given.
        zone: of the times in logs that have local times without a zone.

    Raises:
        ReadError: it cannot be opened, is empty, or is nothing that can be read.
    """
    source = Input(path, stdin or sys.stdin.buffer)
    opened = source.open()
    try:
        kind = detect(opened, path)
    except BaseException:
        opened.close()
        raise
    if not source.once:
        opened.close()
    if kind is not InputKind.CAPTURE:
        return _TEXT_READERS[kind](source, zone)
    return _PipedCapture(path, opened, captures) if source.once else captures(path)


class _PipedCapture:
    """A capture from a pipe, by way of a temporary file."""

    kind = InputKind.CAPTURE

    def __init__(self, path: str, source: Source, captures: CaptureOpener) -> None:
        self._path = path
        self._source = source
        self._captures = captures

    def __iter__(self) -> Iterator[Record | Notice]:
        with tempfile.TemporaryDirectory(prefix="sipauthctl-") as folder:
            file = Path(folder, "capture")
            with file.open("wb") as copy:
                for piece in self._source.chunks():
                    copy.write(piece)
            self._source.close()
            if self._source.problem is not None:
                yield Notice(*self._source.problem, self._path)
            for found in self._captures(str(file)):
                yield replace(found, input=self._path)
