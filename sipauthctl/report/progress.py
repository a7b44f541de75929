"""How far a long analysis is, on stderr, where that is a terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

AFTER_SECONDS = 1.0

_T = TypeVar("_T")


class AnalysisProgress:
    """A bar with the number of messages read so far. It leaves nothing behind.

    Args:
        console: stderr's; nothing is shown where that is no terminal.
        after: how long to wait before it appears, in seconds.
    """

    def __init__(self, console: Console, after: float = AFTER_SECONDS) -> None:
        columns = (BarColumn(pulse_style="cyan"), TextColumn("{task.completed:,} messages"), TimeElapsedColumn())
        self._bar = Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
        self._task = self._bar.add_task("", total=None)
        self._wanted = console.is_terminal
        self._after = after
        self._lock = threading.RLock()
        self._shown = self._over = False

    def over(self, items: Iterable[_T]) -> Iterator[_T]:
        """The same items, counted."""
        timer = threading.Timer(self._after, self._show)  # a reader may be silent for long
        timer.daemon = True
        if self._wanted:
            timer.start()
        try:
            for count, item in enumerate(items, 1):
                yield item
                if self._shown:
                    self._bar.update(self._task, completed=count)
        finally:
            timer.cancel()
            with self._lock:
                self._over = True
                if self._shown:
                    self._bar.stop()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Takes the bar off the terminal while something else is printed."""
        with self._lock:
            if self._shown:
                self._bar.stop()
            yield
            if self._shown and not self._over:
                self._bar.start()

    def _show(self) -> None:
        with self._lock:
            if not self._over:
                self._shown = True
                self._bar.start()
