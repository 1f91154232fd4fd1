"""The supervisor's own line to the exchange."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.stopping import RungTeller
from engine.supervisor.resting import RestingOrders
from engine.venues.kalshi.errors import Ambiguous, Unavailable
from state.clock import SimulatedClock
from state.document import read
from state.events import EventType
from state.home import Home
from state.kill_journal import fold, recent
from state.models.exchange import ExchangeView


def view(home: Home, clock: SimulatedClock) -> ExchangeView:
    found = read(home, Home.exchange, ExchangeView, clock)
    assert found.value is not None
    return found.value


async def test_a_start_is_clean_once_cancelled_and_verified(
    resting: RestingOrders, venue: Any, teller: RungTeller, home: Home, clock: SimulatedClock
) -> None:
    venue.rest_order("left over")
    assert not resting.verified
    await resting.clean_start(teller)
    assert resting.verified
    assert venue.known == {}
    assert fold(home, clock).last_cancel_ns == clock.boottime_ns()


async def test_an_unreachable_exchange_is_tried_for_as_long_as_it_takes(
    resting: RestingOrders, venue: Any, teller: RungTeller
) -> None:
    down = [Unavailable("no route")] * 3
    venue.faults |= {"order_group_ids": down[:1], "cancel_all": [Ambiguous("no route")] * 3, "orders": list(down)}
    await resting.clean_start(teller)
    assert resting.verified
    assert venue.calls.count("cancel_all") >= 4


async def test_a_stop_gives_up_at_its_deadline_and_says_so(
    resting: RestingOrders, venue: Any, teller: RungTeller
) -> None:
    venue.lasting |= {"cancel_all": Ambiguous("no route"), "orders": Unavailable("no route")}
    assert not await resting.cancel(teller, deadline_s=0.05)


async def test_the_engine_lists_while_it_lives_and_the_supervisor_while_it_does_not(
    resting: RestingOrders, venue: Any, until: Any
) -> None:
    lives = [True]
    listing = asyncio.create_task(resting.keep_listing(lambda: lives[0], 0.001))
    await asyncio.sleep(0.02)
    assert venue.calls == []
    lives[0] = False
    await until(lambda: venue.calls.count("positions") >= 2)
    listing.cancel()


async def test_taking_over_from_the_engine_is_no_damage_and_loses_nothing(
    resting: RestingOrders, engine: Any, venue: Any, home: Home, clock: SimulatedClock, emit: Any, until: Any
) -> None:
    await resting.list_once()
    lives = [True]
    listing = asyncio.create_task(resting.keep_listing(lambda: lives[0], 0.001))
    clock.advance(60)
    engine.list_account()
    engines = view(home, clock).as_of
    await asyncio.sleep(0.01)
    venue.faults["orders"] = [Unavailable("no route")]
    lives[0] = False
    await until(lambda: venue.calls.count("orders") >= 2)
    listing.cancel()
    assert EventType.DOCUMENT_HEALED not in emit.types
    await until(lambda: view(home, clock).by == "supervisor")
    assert (view(home, clock).as_of or clock.now()) >= (engines or clock.now())


@pytest.mark.parametrize("error", [Unavailable("no route"), OSError(28, "No space left on device")])
async def test_a_listing_that_fails_is_told_once_and_never_ends_supervision(
    resting: RestingOrders, venue: Any, emit: Any, error: Exception
) -> None:
    venue.faults["orders"] = [error] * 3
    for _ in range(4):
        await resting.list_once()
    venue.faults["orders"] = [error]
    await resting.list_once()
    assert emit.types == [EventType.LISTING_FAILED] * 2


async def test_an_hour_without_an_exchange_does_not_push_a_kill_out_of_its_journal(
    resting: RestingOrders, venue: Any, teller: RungTeller, home: Home
) -> None:
    down = 200
    venue.faults |= {"cancel_all": [Ambiguous("no route")] * down, "orders": [Unavailable("no route")] * down}
    await resting.cancel(teller, deadline_s=0.5)
    assert len(recent(home)) <= 3
