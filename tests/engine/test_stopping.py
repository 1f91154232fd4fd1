"""Cancel and verify at the exchange, told rung by rung."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine import stopping
from engine.stopping import RungTeller, stop_at_exchange
from engine.venues.kalshi.cancel import Progress
from engine.venues.kalshi.errors import Ambiguous, Unavailable
from state.clock import SimulatedClock
from state.home import Home
from state.kill_journal import recent


class Heard:
    def __init__(self) -> None:
        self.progress: list[Progress] = []

    def __call__(self, progress: Progress) -> None:
        self.progress.append(progress)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def teller(home: Home, clock: SimulatedClock, heard: Heard) -> RungTeller:
    return RungTeller(home, clock, "9-9", "engine 7", heard)


def lines(home: Home) -> list[tuple[str, str | None, int | None, str]]:
    return [(event["act"], event.get("rung"), event.get("left"), event.get("why", "")) for event in recent(home)]


def test_rungs_and_what_is_left_are_journalled(teller: RungTeller, home: Home) -> None:
    for progress in (
        Progress("cancel_sent", None, None),
        Progress(None, 3, None),
        Progress(None, 1, None),
        Progress("verified_1", 0, None),
        Progress("verified_2", 0, None),
    ):
        teller(progress)
    assert lines(home) == [
        ("rung", "cancel_sent", None, ""),
        ("left", None, 3, ""),
        ("left", None, 1, ""),
        ("rung", "verified_1", 0, ""),
        ("rung", "verified_2", 0, ""),
    ]


def test_what_repeats_itself_is_journalled_once(teller: RungTeller, home: Home, heard: Heard) -> None:
    for _ in range(100):
        teller(Progress(None, None, "cancel all: no route"))
        teller(Progress(None, None, "listing: no route"))
        teller(Progress(None, 2, None))
        teller(Progress("verified_1", 2, None))
    assert len(lines(home)) == 4
    assert len(heard.progress) == 400


def test_errors_that_are_numbered_do_not_push_the_kill_out_of_its_journal(
    teller: RungTeller, home: Home, heard: Heard
) -> None:
    for number in range(1_000):
        teller(Progress(None, None, f"cancel all: HTTP 503: <html>Request ID: {number}</html>"))
    teller(Progress("cancel_sent", None, None))
    assert len(lines(home)) <= stopping.MOST_PROBLEMS + 1
    assert lines(home)[-1][:2] == ("rung", "cancel_sent")
    assert len(heard.progress) == 1_001


def test_the_doubt_of_a_rung_is_journalled_with_it_and_not_again(teller: RungTeller, home: Home) -> None:
    for _ in range(2):
        teller(Progress("verified_1", 0, "no cancel-all was taken"))
    assert lines(home) == [("rung", "verified_1", 0, "no cancel-all was taken")]


def test_a_number_that_changes_is_told_each_time_and_an_unknown_one_is_no_change(
    teller: RungTeller, home: Home
) -> None:
    for left in (3, None, 3, None, 2, 2, 3):
        teller(Progress(None, left, None))
    assert [left for _, _, left, _ in lines(home)] == [3, 2, 3]


def test_a_journal_that_takes_nothing_is_told_and_raises_nothing(
    teller: RungTeller, heard: Heard, monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    with monkeypatch.context() as full:

        def refuse(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        full.setattr(stopping, "record", refuse)
        teller(Progress("cancel_sent", None, None))
    assert [progress.problem for progress in heard.progress] == ["logs/kill.jsonl: No space left on device", None]
    teller(Progress("cancel_sent", None, None))
    assert lines(home) == [("rung", "cancel_sent", None, "")]


async def test_all_groups_the_exchange_knows_are_triggered_before_the_cancel(teller: RungTeller, venue: Any) -> None:
    venue.groups = ["group-1", "group-2"]
    assert await stop_at_exchange(venue, teller)
    assert venue.calls[0] == "order_group_ids"
    assert set(venue.calls[1:3]) == {"trigger group-1", "trigger group-2"}
    assert venue.calls[3] == "cancel_all"


async def test_an_exchange_that_cannot_list_its_groups_is_cancelled_without_them_and_asked_on(
    teller: RungTeller, venue: Any, heard: Heard
) -> None:
    venue.groups = ["group-1"]
    venue.faults["order_group_ids"] = [Unavailable("no route")] * 2
    assert await stop_at_exchange(venue, teller)
    assert heard.progress[0].problem == "listing of order groups: no route"
    assert venue.calls.index("cancel_all") < venue.calls.index("trigger group-1")


async def test_an_exchange_that_never_lists_its_groups_is_verified_without_them(teller: RungTeller, venue: Any) -> None:
    venue.lasting["order_group_ids"] = Unavailable("no route")
    assert await stop_at_exchange(venue, teller)


async def test_a_dead_question_about_groups_holds_up_no_cancel(
    teller: RungTeller, venue: Any, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(**_: object) -> list[str]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(stopping, "GROUPS_WITHIN_S", 0.01)
    venue.order_group_ids = never
    async with asyncio.timeout(5):
        assert await stop_at_exchange(venue, teller)
    assert heard.progress[0].problem == "listing of order groups: no answer in time"


async def test_what_is_not_verified_in_time_is_not_said_to_be(teller: RungTeller, venue: Any) -> None:
    venue.lasting["cancel_all"] = Ambiguous("no route")
    venue.lasting["orders"] = Unavailable("no route")
    assert not await stop_at_exchange(venue, teller, deadline_s=0.02)
