"""A person may take over a position that our fills do not explain: exactly the one named, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.orders.accepting import Accepting, Difference, Refused
from engine.venues.kalshi.errors import Ambiguous
from engine.venues.kalshi.wire import BookSide
from state.home import Home


@pytest.fixture
def accept(successor: Any) -> Callable[..., Any]:
    """The act, by a process of its own."""

    async def act(during: Callable[[], None] = lambda: None, **named: int) -> Any:
        person = successor()

        async def sleep(seconds: float) -> None:
            person.clock.advance(seconds)
            during()

        counts = {ticker.replace("_", "-"): count for ticker, count in named.items()}
        return await Accepting(person.path, counts, "bought by hand (ann)", sleep).run()

    return act


async def test_what_a_person_names_opens_the_gate_and_is_held_from_then_on(
    run: Any, exchange: Any, accept: Any, successor: Any
) -> None:
    order = await run.place("T-9", 300)
    exchange.fill(order.plan.client_order_id, 100)
    exchange.hand_fill("x-9", "T-9", BookSide.ASK, 400)
    assert not (await run.reconcile()).ok
    assert await accept(T_9=-300) == {"T-9": Difference(by_fills=100, held=-300)}
    assert (await run.reconcile()).ok
    assert (await successor().reconcile()).ok
    line = next(line for line in run.lines() if line.act == "accepted")
    assert (line.ticker, str(line.count), str(line.filled)) == ("T-9", "-3.00", "1.00")
    assert line.reason == "bought by hand (ann)"
    exchange.fill(order.plan.client_order_id, 200)
    assert (await run.reconcile()).ok
    assert run.path.orders.held() == {"T-9": -100}


async def test_what_is_gone_can_be_accepted_too(run: Any, exchange: Any, accept: Any) -> None:
    order = await run.place("T-1")
    exchange.fill(order.plan.client_order_id)
    exchange.hand_fill("x-9", "T-1", BookSide.ASK, 100)
    assert not (await run.reconcile()).ok
    await accept(T_1=0)
    assert (await run.reconcile()).ok


async def test_another_count_than_the_exchange_says_accepts_nothing(run: Any, exchange: Any, accept: Any) -> None:
    exchange.positions_ = {"T-1": 200, "T-2": 300}
    with pytest.raises(Refused, match=r"T-2: the exchange says that 3.00 is held, not 2.00"):
        await accept(T_1=200, T_2=200)
    assert run.acts() == []


async def test_what_is_not_named_stays_a_difference(run: Any, exchange: Any, accept: Any) -> None:
    exchange.positions_ = {"T-1": 200, "T-2": 300}
    await accept(T_1=200)
    assert (await run.reconcile()).reasons == ("positions differ: T-2 should be 0.00 and is 3.00",)


async def test_what_is_known_already_is_not_accepted(run: Any, exchange: Any, accept: Any) -> None:
    exchange.positions_ = {"T-1": 200}
    await accept(T_1=200)
    with pytest.raises(Refused, match="nothing to accept"):
        await accept(T_1=200)
    assert run.acts() == ["accepted"]


async def test_what_changes_while_we_look_is_not_accepted(run: Any, exchange: Any, accept: Any) -> None:
    exchange.positions_ = {"T-1": 200}
    with pytest.raises(Refused, match=r"says that 3.00 is held"):
        await accept(lambda: exchange.positions_.update({"T-1": 300}), T_1=200)
    order = await run.place("T-1")

    def traded() -> None:
        exchange.fill(order.plan.client_order_id)
        exchange.hand_fill("x-9", "T-1", BookSide.ASK, 100)

    with pytest.raises(Refused, match="changes while we look"):
        await accept(traded, T_1=300)
    assert "accepted" not in run.acts()


async def test_nothing_is_accepted_while_an_order_of_ours_is_not_accounted_for(
    run: Any, exchange: Any, accept: Any
) -> None:
    exchange.positions_ = {"T-1": 200}
    exchange.refusing = [Ambiguous("timed out")]
    order = await run.place("T-2")
    with pytest.raises(Refused, match=f"not known yet: {order.plan.client_order_id}"):
        await accept(T_1=200)
    assert "accepted" not in run.acts()


async def test_a_fill_of_ours_that_only_the_exchange_knows_is_no_stranger_s(
    run: Any, exchange: Any, accept: Any
) -> None:
    order = await run.place("T-1")
    exchange.fill(order.plan.client_order_id)
    with pytest.raises(Refused, match="nothing to accept"):
        await accept(T_1=100)


async def test_flatten_and_settlement_end_what_was_accepted(
    run: Any, exchange: Any, accept: Any, clock: Any, successor: Any
) -> None:
    exchange.positions_ = {"T-1": 200, "T-2": -100}
    await accept(T_1=200, T_2=-100)
    exchange.settle("T-1")
    assert (await run.reconcile()).ok
    clock.advance(5)
    exchange.positions_ = {}
    run.journal.queue([{"act": "flat", "market_at": clock.now()}])
    await run.journal.flush()
    assert (await run.reconcile()).ok
    assert (await successor().reconcile()).ok


async def test_an_acceptance_read_twice_or_late_is_the_same(run: Any, exchange: Any, accept: Any, home: Any) -> None:
    exchange.positions_ = {"T-1": 200}
    await accept(T_1=200)
    exchange.positions_ = {"T-1": 300}
    await accept(T_1=300)
    first, second = home.path(Home.intents).read_text().splitlines()
    home.path(Home.intents).write_text("\n".join([second, first, second, first]) + "\n")
    assert (await run.reconcile()).ok
