"""How a command ends before its time: by a signal, or because its reader has gone away."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

from sipauthctl.cli.errors import EXIT_FAILED

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Ending:
    """One for the process, as signals are. A command that talks to servers takes back first what it left there."""

    def __init__(self) -> None:
        self._signal = signal.SIGINT
        self._act: Callable[[], object] | None = None
        self._begun = False
        self._by_itself = False

    def listen(self) -> None:
        """Lets SIGTERM and SIGHUP end a command in the same order as Ctrl-C; one that nohup ignores stays ignored."""
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._signalled)

    def on_interruption(self, act: Callable[[], object]) -> None:
        """Lets the running event loop call `act` for Ctrl-C and its like, in place of a KeyboardInterrupt."""
        import asyncio  # not for `sipauthctl --help`

        def begin() -> None:
            self._begun = True
            act()

        self._act = act
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, begin)

    def end_early(self) -> None:
        """Ends the command as Ctrl-C does, where nothing has begun to end it yet.

        Raises:
            SystemExit: no event loop takes interruptions.
        """
        if self._begun or threading.current_thread() is not threading.main_thread():
            return
        self._begun = self._by_itself = True
        if self._act is None:
            raise SystemExit(EXIT_FAILED)
        self._act()

    def over(self) -> None:
        """The command has ended: nothing is left to be interrupted."""
        self._begun = True

    @property
    def exit_code(self) -> int:
        """For a command that was interrupted: 128 and the number of the signal, as a shell has it."""
        return EXIT_FAILED if self._by_itself else 128 + self._signal

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self._signal = signal.Signals(number)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a script
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)


ENDING = Ending()
