"""Runs checks in the order of their dependence: independent ones at the same time, each within its limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult, Status
from sipauthctl.unexpected import place_of

GRACE_SECONDS = 3.0
"""How long a check that was ended may still tidy up, such as de-register."""

Observer = Callable[[Check, CheckResult | None], None]
"""Whoever watches: called with a check when it begins (without a result) and when it ends."""


async def run_checks(checks: Sequence[Check], case: Case, observer: Observer) -> tuple[CheckResult, ...]:
    """The results, in the order of the checks; they stand in `case.results` as soon as they are known.

    A check that takes too long or crashes is skipped, with the reason. When this is cancelled, the checks that run are
    ended first.

    Raises:
        ValueError: the checks depend on each other in a circle.
    """
    tasks: dict[str, asyncio.Task[None]] = {}
    for check in in_order(checks):
        before = [tasks[id_] for id_ in (*check.needs, *check.uses, *check.after) if id_ in tasks]
        tasks[check.id] = asyncio.create_task(_turn(check, before, case, observer))
    try:
        await asyncio.gather(*tasks.values())
    except asyncio.CancelledError:  # which they have been told, too
        await asyncio.wait(tasks.values())
        raise
    return tuple(case.results[check.id] for check in checks)


def in_order(checks: Iterable[Check]) -> list[Check]:
    """The checks with each after those that it depends on, else as they are.

    Raises:
        ValueError: they depend on each other in a circle.
    """
    left, ordered = list(checks), list[Check]()
    while left:
        waiting = {check.id for check in left}
        ready = [check for check in left if not waiting & {*check.needs, *check.uses, *check.after}]
        if not ready:
            raise ValueError(f"these checks depend on each other: {', '.join(sorted(waiting))}")
        ordered += ready
        left = [check for check in left if check not in ready]
    return ordered


def chosen(checks: Iterable[Check], only: Iterable[str]) -> tuple[Check, ...]:
    """The checks of these ids and all that they need, in their order; all where none is named."""
    known = {check.id: check for check in checks}
    open_, wanted = list(only), set[str]()
    while open_:
        id_ = open_.pop()
        if id_ not in wanted:
            wanted.add(id_)
            open_ += (*known[id_].needs, *known[id_].uses)
    return tuple(check for check in known.values() if not wanted or check.id in wanted)


async def _turn(check: Check, before: Sequence[asyncio.Task[None]], case: Case, observer: Observer) -> None:
    """Waits for the checks before, then runs one."""
    if before:
        await asyncio.wait(before)
    missing = [id_ for id_ in check.needs if _was_skipped(case, id_)]
    if missing:
        result = check.skipped(f"needs {', '.join(missing)}, which was skipped")
    else:
        observer(check, None)
        result = await _limited(check, case)
    case.results[check.id] = result
    observer(check, result)


def _was_skipped(case: Case, id_: str) -> bool:
    return id_ in case.results and case.results[id_].status is Status.SKIPPED


async def _limited(check: Check, case: Case) -> CheckResult:
    limit = check.steps * case.step_seconds
    task = asyncio.ensure_future(check.run(case))
    try:
        done, _ = await asyncio.wait({task}, timeout=limit)
    except asyncio.CancelledError:
        await _end(task)
        raise
    if not done:
        await _end(task)
        return check.skipped(f"not finished within {limit:g} s")
    if task.cancelled():
        return check.skipped("it was cancelled")
    error = task.exception()
    if error is not None:  # its text may hold anything
        return check.skipped(f"the check itself failed ({place_of(error)}); please report this")
    return task.result()


async def _end(task: asyncio.Task[CheckResult]) -> None:
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=GRACE_SECONDS)
    if done and not task.cancelled():
        task.exception()  # seen
