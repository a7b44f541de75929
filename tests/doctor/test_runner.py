"""The runner: order, limits, crashes, interruption."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sipauthctl.doctor.attempts import Attempts
from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult, Status
from sipauthctl.doctor.runner import chosen, in_order, run_checks
from sipauthctl.findings import Severity, finding
from tests.doctor.harness import case_of

Body = Callable[[Case], Awaitable[None]]


async def nothing(case: Case) -> None:
    pass


async def forever(case: Case) -> None:
    await asyncio.Event().wait()


async def crash(case: Case) -> None:
    raise RuntimeError("hunter2")


def check(
    name: str,
    body: Body = nothing,
    *,
    needs: tuple[str, ...] = (),
    uses: tuple[str, ...] = (),
    after: tuple[str, ...] = (),
) -> Check:
    class Made(Check):
        async def run(self, case: Case) -> CheckResult:
            await body(case)
            return self.judged("done")

    Made.id, Made.title, Made.needs, Made.uses, Made.after = name, name, needs, uses, after
    return Made()


def run(*checks: Check, seconds: float = 5.0) -> tuple[list[tuple[str, str]], list[str]]:
    """The results, and ids as they began and ended."""
    events: list[str] = []
    case = case_of(seconds=seconds)
    results = asyncio.run(
        run_checks(checks, case, lambda made, result: events.append(("+" if result is None else "-") + made.id))
    )
    assert all(case.results[result.id] is result for result in results)
    return [(result.status.value, result.detail) for result in results], events


def test_checks_run_after_those_that_they_need_or_follow() -> None:
    _, events = run(check("c", needs=("b",)), check("b", after=("a",)), check("a"))
    assert events == ["+a", "-a", "+b", "-b", "+c", "-c"]


def test_independent_checks_run_at_the_same_time() -> None:
    met = asyncio.Barrier(2)

    async def meet(case: Case) -> None:
        await met.wait()

    results, _ = run(check("a", meet), check("b", meet))
    assert results == [("passed", "done"), ("passed", "done")]


def test_a_check_that_hangs_is_skipped_and_the_others_go_on() -> None:
    results, _ = run(check("a", forever), check("b", needs=("a",)), check("c", after=("a",)), seconds=0.05)
    assert results == [
        ("skipped", "not finished within 0.05 s"),
        ("skipped", "needs a, which was skipped"),
        ("passed", "done"),
    ]


def test_a_check_uses_what_it_can_do_without() -> None:
    checks = (check("b", uses=("a",)), check("a", forever), check("c"))
    results, events = run(*checks, seconds=0.05)
    assert events.index("-a") < events.index("+b")
    assert results[0] == ("passed", "done")
    assert [one.id for one in chosen(checks, ["b"])] == ["b", "a"]


def test_a_check_that_cannot_be_ended_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipauthctl.doctor.runner.GRACE_SECONDS", 0.05)
    end = asyncio.Event()

    async def stubborn(case: Case) -> None:
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                continue

    async def main() -> list[CheckResult]:
        case = case_of(seconds=0.05)
        results = await run_checks((check("a", stubborn), check("b")), case, lambda made, result: None)
        end.set()
        await asyncio.sleep(0)
        return list(results)

    assert [result.status for result in asyncio.run(main())] == [Status.SKIPPED, Status.PASSED]


def test_a_crash_ends_that_check_alone_and_shows_no_text_of_the_error() -> None:
    results, _ = run(check("a", crash), check("b"))
    status, detail = results[0]
    assert status == "skipped"
    assert "the check itself failed (test_runner.py:" in detail
    assert "RuntimeError" not in detail
    assert "hunter2" not in detail
    assert results[1] == ("passed", "done")


def test_an_interruption_lets_checks_tidy_up() -> None:
    tidied: list[str] = []

    async def tidy(case: Case) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            tidied.append("gone")

    async def main() -> None:
        began = asyncio.Event()
        task = asyncio.create_task(run_checks((check("a", tidy),), case_of(), lambda made, result: began.set()))
        await began.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert tidied == ["gone"]


def test_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="a, b"):
        in_order([check("a", needs=("b",)), check("b", after=("a",))])


def test_a_chosen_check_brings_what_it_needs() -> None:
    checks = [check("a"), check("b", needs=("a",)), check("c", needs=("b",), after=("d",)), check("d")]
    assert [made.id for made in chosen(checks, ["c"])] == ["a", "b", "c"]
    assert [made.id for made in chosen(checks, [])] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("severities", "status"),
    [
        ([], Status.PASSED),
        ([Severity.INFO], Status.PASSED),
        ([Severity.INFO, Severity.WARNING], Status.WARNED),
        ([Severity.WARNING, Severity.ERROR], Status.FAILED),
    ],
)
def test_the_worst_finding_decides_the_status(severities: list[Severity], status: Status) -> None:
    found = [finding("clock-skew", "x", severity=severity) for severity in severities]
    assert check("a").judged("done", found).status is status


def test_one_failed_sign_in_ends_all_attempts() -> None:
    attempts = Attempts()
    assert attempts.refusal is None
    attempts.failed("the KDC refused the password")
    assert attempts.refusal is not None
    assert attempts.refusal.startswith("the KDC refused the password, and another failure could lock the account")
    allowed = Attempts(all_attempts=True)
    allowed.failed("the KDC refused the password")
    assert allowed.refusal is None
