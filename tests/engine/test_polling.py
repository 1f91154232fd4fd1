"""Questions asked beside the cycle: a failure is never silent and never the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from engine import polling
from engine.polling import Poller


@asynccontextmanager
async def running(poller: Poller) -> AsyncIterator[None]:
    task = asyncio.create_task(poller.run())
    yield
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_is_kept_by_name_until_a_success(until: Callable[..., object]) -> None:
    answers: list[Exception | None] = [RuntimeError("no route"), RuntimeError("no route"), None]
    errors: list[str] = []

    async def ask() -> None:
        errors.append(poller.error)
        problem = answers.pop(0) if answers else None
        if problem is not None:
            raise problem

    poller = Poller("listing", 0.001, ask)
    async with running(poller):
        await until(lambda: len(errors) >= 4)
    assert errors[:4] == ["", "listing: RuntimeError: no route", "listing: RuntimeError: no route", ""]
    assert poller.answered >= 1


async def test_it_asks_at_once_and_soon_after_a_wake(until: Callable[..., object]) -> None:
    asked = []

    async def ask() -> None:
        asked.append(None)

    poller = Poller("markets", 1.0, ask)
    async with running(poller):
        await until(lambda: len(asked) == 1)
        poller.wake()
        await until(lambda: len(asked) == 2, 0.9)


async def test_a_burst_of_wakes_is_one_question() -> None:
    asked = []

    async def ask() -> None:
        asked.append(None)
        poller.wake()  # as a lifecycle message that comes during every answer does

    poller = Poller("markets", 3_600.0, ask)
    async with running(poller):
        for _ in range(200):
            await asyncio.sleep(0)
            poller.wake()
    assert len(asked) == 1


async def test_what_failed_is_asked_again_soon_however_seldom_it_is_asked_else(
    until: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "RETRY_S", 0.001)
    answers: list[Exception | None] = [RuntimeError("no route"), None]

    async def ask() -> None:
        problem = answers.pop(0)
        if problem is not None:
            raise problem

    poller = Poller("account limits", 3_600.0, ask)
    async with running(poller):
        await until(lambda: not answers)
    assert poller.error == ""
