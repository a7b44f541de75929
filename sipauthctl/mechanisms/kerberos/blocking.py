"""Blocking calls of libraries that have no time-out of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_T = TypeVar("_T")


async def in_thread(call: Callable[[], _T], limit: float) -> _T:
    """The result of `call`, made in a thread of its own.

    When the limit is over the thread is left behind; as a daemon it does not keep the program from ending, which the
    threads of asyncio's own pool would.

    Args:
        call: must be safe to run, and to be left running, in another thread.
        limit: in seconds.

    Raises:
        TimeoutError: it took too long.
    """
    future: Future[_T] = Future()
    future.set_running_or_notify_cancel()  # from here on it cannot be cancelled under the thread's feet

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # to be raised where it is waited for
            future.set_exception(error)

    threading.Thread(target=run, name="sipauthctl-blocking", daemon=True).start()
    return await asyncio.wait_for(asyncio.wrap_future(future), limit)
