"""Ends a process that a lab has started."""

from __future__ import annotations

from asyncio import timeout
from asyncio.subprocess import Process

STOP_TIME_LIMIT = 5.0  # seconds


async def stop(process: Process) -> None:
    """Asks it to end, insists after `STOP_TIME_LIMIT`, and waits; nothing for one that has ended."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with timeout(STOP_TIME_LIMIT):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def stop_by_input(process: Process) -> None:
    """Ends its standard input, which it takes for the sign to end; then as `stop`, but without asking."""
    if process.returncode is not None:
        return
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with timeout(STOP_TIME_LIMIT):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
