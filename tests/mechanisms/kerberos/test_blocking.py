"""Blocking calls in threads."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sipauthctl.mechanisms.kerberos.blocking import in_thread


def test_the_result_or_the_error_comes_back() -> None:
    def fail() -> None:
        raise KeyError("why")

    async def work() -> None:
        assert await in_thread(threading.get_ident, 10) != threading.get_ident()
        with pytest.raises(KeyError, match="why"):
            await in_thread(fail, 10)

    asyncio.run(work())


def test_a_call_that_ends_after_the_limit_disturbs_nobody() -> None:
    go, done = threading.Event(), threading.Event()

    def call() -> None:
        go.wait()
        done.set()

    async def work() -> None:
        with pytest.raises(TimeoutError):
            await in_thread(call, 0.01)

    errors: list[object] = []
    hook, threading.excepthook = threading.excepthook, errors.append
    try:
        asyncio.run(work())
        left = [thread for thread in threading.enumerate() if thread.name == "sipauthctl-blocking"]
        assert left and all(thread.daemon for thread in left)
        go.set()
        for thread in left:
            thread.join(10)
        assert done.is_set()
    finally:
        threading.excepthook = hook
    assert errors == []
