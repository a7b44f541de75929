"""The standard streams: closed ones are replaced, and one that cannot be written any more raises nothing.

An exception in the midst of a run would leave a registration behind, and another one in whatever tells of the first.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import TextIO

from sipauthctl.cli.ending import ENDING


class Guarded(io.TextIOWrapper):
    """A standard stream. When it fails, what is written from then on is dropped.

    Args:
        stream: the one in whose place it stands.
        on_failure: called once, with the error.
    """

    def __init__(self, stream: TextIO, on_failure: Callable[[OSError], None]) -> None:
        super().__init__(
            stream.buffer,
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=getattr(stream, "line_buffering", False),
            write_through=getattr(stream, "write_through", False),
        )
        self._replaced = stream  # which would close the buffer when it goes
        self._on_failure = on_failure

    def write(self, text: str, /) -> int:
        """Writes, or drops it."""
        try:
            return super().write(text)
        except OSError as error:
            self._failed(error)
            return len(text)

    def flush(self) -> None:
        """Flushes, or drops what is left."""
        try:
            super().flush()
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        _null(self.fileno())  # also for what is still in a buffer
        self._on_failure(error)


class Streams:
    """All three. `lost` is why the result could not be written, empty where its reader has gone away on purpose."""

    def __init__(self) -> None:
        self.failed = False
        self.lost = ""

    def guard(self) -> None:
        """Replaces them, before anything is written."""
        for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
            if getattr(sys, name) is None:  # closed: another file must not take its number
                setattr(sys, name, os.fdopen(_null(number), mode, encoding="utf-8"))
        sys.stdout = Guarded(sys.stdout, self._stdout_failed)
        sys.stderr = Guarded(sys.stderr, self._stderr_failed)

    def _stdout_failed(self, error: OSError) -> None:
        self.failed = True
        if error.errno != errno.EPIPE:
            self.lost = os.strerror(error.errno or errno.EIO)
        ENDING.end_early()

    def _stderr_failed(self, error: OSError) -> None:
        """The progress is lost, and the result may yet be written; but who reads both has gone away altogether."""
        if error.errno == errno.EPIPE:
            self.failed = True
            ENDING.end_early()


def _null(number: int) -> int:
    """Lets a descriptor lead nowhere."""
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    return number
