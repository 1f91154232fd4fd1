"""Our account at the exchange, listed again and again into state/exchange.json."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.account import Account
from engine.venues.kalshi.errors import Unavailable
from engine.venues.kalshi.portfolio import Position
from state.clock import SimulatedClock
from state.document import DocumentWriter, read
from state.home import Home
from state.models.exchange import ExchangeView


@pytest.fixture
def account(venue: Any, home: Home, clock: SimulatedClock, emit: Any) -> Account:
    return Account(venue, clock, DocumentWriter(home, Home.exchange, clock, emit, ExchangeView()), "engine")


def written(home: Home, clock: SimulatedClock) -> ExchangeView:
    found = read(home, Home.exchange, ExchangeView, clock)
    assert found.value is not None
    return found.value


async def test_a_listing_is_written_as_the_exchange_said_it(
    account: Account, venue: Any, home: Home, clock: SimulatedClock
) -> None:
    venue.rest_order("a", "T-1", "group-1")

    async def positions() -> list[Position]:
        return [Position("T-2", -300, 1_500_000, 0, 0, None)]

    venue.positions = positions
    await account.list_now()
    view = written(home, clock)
    assert (view.source, view.by, view.as_of, view.error) == ("simulated", "engine", clock.now(), "")
    (order,) = view.resting or ()
    told = (order.ticker, order.side, order.price, order.remaining, order.order_group_id)
    assert told == ("T-1", "YES", Decimal("0.4"), Decimal(1), "group-1")
    (held,) = view.positions or ()
    assert (held.ticker, held.count, held.exposure_usd) == ("T-2", Decimal(-3), Decimal("1.5"))
    assert (account.listings, account.asked_ns) == (1, clock.boottime_ns())


async def test_nothing_resting_is_empty_and_before_the_first_answer_unknown(
    account: Account, venue: Any, home: Home, clock: SimulatedClock
) -> None:
    venue.faults["orders"] = [Unavailable("no route")]
    with pytest.raises(Unavailable):
        await account.list_now()
    assert written(home, clock).resting is None
    await account.list_now()
    assert written(home, clock).resting == ()


@pytest.mark.parametrize("question", ["orders", "positions"])
async def test_a_listing_that_fails_keeps_the_last_answer_with_its_age_and_says_why(
    account: Account, venue: Any, home: Home, clock: SimulatedClock, question: str
) -> None:
    venue.rest_order("a")
    await account.list_now()
    asked = clock.now()
    clock.advance(30)
    venue.faults[question] = [Unavailable("no route")]
    with pytest.raises(Unavailable):
        await account.list_now()
    view = written(home, clock)
    assert (view.as_of, view.error) == (asked, "Unavailable: no route")
    assert len(view.resting or ()) == 1
    assert account.listings == 1


async def test_the_next_answer_ends_the_error(account: Account, venue: Any, home: Home, clock: SimulatedClock) -> None:
    venue.faults["orders"] = [Unavailable("no route")]
    with pytest.raises(Unavailable):
        await account.list_now()
    await account.list_now()
    assert written(home, clock).error == ""


async def test_taking_over_goes_on_from_what_the_other_writer_left(
    account: Account, home: Home, clock: SimulatedClock, emit: Any
) -> None:
    other = DocumentWriter(home, Home.exchange, clock, emit, ExchangeView())
    other.write(ExchangeView(by="supervisor", as_of=clock.now(), resting=()))
    account.take_over()
    assert account.view.as_of == clock.now()
    assert emit.lines == []


async def test_taking_over_from_nobody_starts_with_nothing_known(account: Account) -> None:
    account.take_over()
    assert account.view.resting is None
