"""What a run brings along: clock, sleep, randomness, mechanisms, and whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sipauthctl.mechanisms.base import Scheme
from sipauthctl.probe.events import Observer
from sipauthctl.probe.initiators import InitiatorMaker


@dataclass(frozen=True, slots=True)
class Tools:
    """`now` in UTC, random bytes, what makes an initiator for an offer of each scheme that can run here.

    `sleep` waits that many seconds of the clock that `now` shows.
    """

    now: Callable[[], datetime]
    token_bytes: Callable[[int], bytes]
    initiators: Mapping[Scheme, InitiatorMaker]
    observer: Observer
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
