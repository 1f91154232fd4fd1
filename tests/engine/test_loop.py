"""The cycle that never dies and never lies."""

from __future__ import annotations

import asyncio

import pytest

from engine.loop import CycleResult, Loop


class Reports:
    def __init__(self) -> None:
        self.seen: list[CycleResult] = []
        self.fails: list[Exception] = []

    async def __call__(self, result: CycleResult) -> None:
        self.seen.append(result)
        if self.fails:
            raise self.fails.pop(0)


async def well() -> None:
    return


async def broken() -> None:
    raise KeyError("no such market")


async def test_a_cycle_in_which_nothing_fails_is_ok() -> None:
    reports = Reports()
    result = await Loop([("paper", well)], reports, 1.0).run_once()
    assert (result.status, result.errors, result.cycle) == ("ok", (), 1)
    assert reports.seen == [result]


async def test_a_step_that_raises_degrades_the_cycle_by_name_and_keeps_no_other_step_from_running() -> None:
    ran = []

    async def after() -> None:
        ran.append("after")

    result = await Loop([("paper", broken), ("journals", after)], Reports(), 1.0).run_once()
    assert result.status == "degraded"
    assert result.errors == ("paper: KeyError: 'no such market'",)
    assert ran == ["after"]


async def test_the_cycle_after_a_failed_one_is_ok_again() -> None:
    fails = [True, False]

    async def once() -> None:
        if fails.pop(0):
            raise RuntimeError("once")

    loop = Loop([("paper", once)], Reports(), 1.0)
    assert [(await loop.run_once()).status for _ in range(2)] == ["degraded", "ok"]


async def test_a_report_that_fails_is_told_by_the_next_cycle() -> None:
    reports = Reports()
    reports.fails = [OSError(28, "No space left on device")]
    loop = Loop([("paper", well)], reports, 1.0)
    assert (await loop.run_once()).errors == ()
    assert (await loop.run_once()).errors == ("report: OSError: [Errno 28] No space left on device",)
    assert (await loop.run_once()).errors == ()


@pytest.mark.parametrize(
    "error", [ValueError("x"), AssertionError("y"), RecursionError("z"), MemoryError(), TimeoutError()]
)
async def test_no_exception_of_a_step_ends_the_loop(error: Exception) -> None:
    stop, cycles = asyncio.Event(), []

    async def step() -> None:
        cycles.append(len(cycles))
        if len(cycles) == 5:
            stop.set()
        raise error

    reports = Reports()
    await Loop([("step", step)], reports, 0.0).run(stop)
    assert [result.cycle for result in reports.seen] == [1, 2, 3, 4, 5]
    assert all(type(error).__name__ in result.errors[0] for result in reports.seen)


async def test_a_loop_that_is_told_to_stop_before_it_began_runs_no_cycle() -> None:
    stop, reports = asyncio.Event(), Reports()
    stop.set()
    await Loop([("paper", well)], reports, 1.0).run(stop)
    assert reports.seen == []


async def test_a_stop_ends_the_pause_between_two_cycles() -> None:
    stop, reports = asyncio.Event(), Reports()
    running = asyncio.create_task(Loop([("paper", well)], reports, 3_600.0).run(stop))
    while not reports.seen:
        await asyncio.sleep(0)
    stop.set()
    async with asyncio.timeout(5):
        await running
    assert len(reports.seen) == 1


async def test_the_99th_percentile_is_of_the_slowest_cycles() -> None:
    loop = Loop([("paper", well)], Reports(), 1.0)
    loop._durations.extend([1.0] * 98 + [50.0] * 2)
    assert (await loop.run_once()).p99_ms == 50.0
