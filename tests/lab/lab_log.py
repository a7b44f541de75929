"""What the lab logged, for tests that wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sipauthctl.lab.events import LabEvent


class LabLog:
    """Takes a lab's events (it is the `log` of a Deployment) and lets a test wait until enough has happened."""

    def __init__(self) -> None:
        self.events: list[LabEvent] = []
        self._changed = asyncio.Event()

    def __call__(self, event: LabEvent) -> None:
        self.events.append(event)
        self._changed.set()

    def of(self, *kinds: str, server: str | None = None) -> list[LabEvent]:
        """The events of these kinds so far, at one server or at all."""
        return [e for e in self.events if e.what in kinds and server in (None, e.server)]

    async def until(self, happened: Callable[[LabLog], bool], seconds: float) -> None:
        """Waits until `happened` is true of this log.

        Raises:
            TimeoutError: it is still false after `seconds`; the text has the log so far.
        """
        try:
            async with asyncio.timeout(seconds):
                while not happened(self):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"not within {seconds} s; the lab logged:\n{self}") from None

    def __str__(self) -> str:
        return "\n".join(f"{event.server} {event.what}: {event.detail}" for event in self.events)
