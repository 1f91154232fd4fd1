"""At start and again and again: our orders, fills and positions against what the exchange lists."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine.orders import reconciler
from engine.orders.journal import AT_ONCE
from engine.orders.life import State, Told
from engine.venues.kalshi.errors import Ambiguous, Unavailable
from engine.venues.kalshi.portfolio import OrderStatus
from engine.venues.kalshi.wire import BookSide, NewOrder
from state.clock import SimulatedClock
from state.home import Home


def stranger(clock: SimulatedClock, name: str = "by-hand-1") -> NewOrder:
    return NewOrder(name, "T-9", BookSide.BID, 4_000, 100, expires=clock.now() + timedelta(minutes=5))


async def test_before_the_first_reconciliation_nothing_is_known(run: Any) -> None:
    look = run.reconciler.look()
    assert (look.age_s, look.reasons) == (None, ("not reconciled yet",))


async def test_an_empty_account_agrees_with_an_empty_journal(run: Any, home: Home) -> None:
    assert (await run.reconcile()).ok
    written = json.loads(home.path(Home.reconciliation).read_text())
    assert (written["ok"], written["reasons"], written["orders_resting"]) == (True, [], 0)
    assert run.reconciler.look().age_s == 0.0


async def test_orders_fills_and_positions_that_agree(run: Any, exchange: Any) -> None:
    first, second = await run.place("T-1", 300), await run.place("T-2")
    exchange.fill(first.plan.client_order_id, 200)
    exchange.fill(second.plan.client_order_id)
    result = await run.reconcile()
    assert result.ok
    assert (result.orders_known, result.orders_resting, result.fills) == (2, 1, 2)
    checked = {each.ticker: (str(each.expected), str(each.exchange)) for each in result.positions}
    assert checked == {"T-1": ("2.00", "2.00"), "T-2": ("1.00", "1.00")}
    assert run.acts().count("filled") == 2


async def test_a_restart_knows_what_the_dead_run_left(run: Any, exchange: Any, successor: Any) -> None:
    rests, filled = await run.place("T-1"), await run.place("T-2")
    exchange.fill(filled.plan.client_order_id)
    exchange.cancel((await run.place("T-3")).plan.client_order_id)
    heir = successor()
    assert (await heir.reconcile()).ok
    states = {order.plan.ticker: order.state for order in heir.path.orders.by_id.values()}
    assert states == {"T-1": State.RESTING, "T-2": State.FILLED, "T-3": State.CANCELLED}
    assert [order.plan.ticker for order in heir.path.orders.alive()] == [rests.plan.ticker]


async def test_folding_the_journal_gives_what_the_run_knew(run: Any, exchange: Any, successor: Any) -> None:
    for number, what in enumerate((None, exchange.fill, exchange.cancel, None)):
        order = await run.place(f"T-{number}", 100)
        if what is not None:
            what(order.plan.client_order_id)
    await run.reconcile()
    heir = successor()
    await heir.reconcile()
    assert heir.path.orders.held() == run.path.orders.held()
    known = {name: order.state for name, order in run.path.orders.by_id.items()}
    assert {name: order.state for name, order in heir.path.orders.by_id.items()} == known


async def test_an_order_of_nobody_shuts_the_gate_until_it_is_gone(run: Any, exchange: Any, clock: Any) -> None:
    exchange.accept(stranger(clock))
    result = await run.reconcile()
    assert not result.ok
    assert result.orders_foreign == 1
    assert result.reasons == ("at the exchange rests what we do not know: x-by-hand-1 in T-9",)
    exchange.cancel("by-hand-1")
    assert (await run.reconcile()).ok


async def test_a_fill_of_nobody_and_the_position_it_made_are_told(run: Any, exchange: Any) -> None:
    await run.reconcile()
    exchange.hand_fill("x-9", "T-9", BookSide.ASK, 200)
    assert (await run.reconcile()).reasons == (
        "fills of orders that we do not know: t-1 in T-9",
        "positions differ: T-9 should be 0.00 and is -2.00",
    )


async def test_a_position_without_any_history_differs(run: Any, exchange: Any) -> None:
    exchange.positions_["T-7"] = 500
    assert (await run.reconcile()).reasons == ("positions differ: T-7 should be 0.00 and is 5.00",)


async def test_a_fill_that_no_listing_shows_is_missing(run: Any, exchange: Any) -> None:
    order = await run.place()
    exchange.fill(order.plan.client_order_id)
    kept, exchange.fills_ = exchange.fills_, []
    result = await run.reconcile()
    assert result.reasons == (
        f"fills are missing: 1.00 of {order.plan.client_order_id}",
        "positions differ: T-1 should be 0.00 and is 1.00",
    )
    exchange.fills_ = kept
    assert (await run.reconcile()).ok


async def test_an_order_that_should_rest_and_is_not_listed_is_told(run: Any, exchange: Any) -> None:
    order = await run.place()
    exchange.hidden.add(order.plan.client_order_id)
    assert (await run.reconcile()).reasons == (
        f"the exchange does not list orders that should rest: {order.plan.client_order_id}",
    )


async def test_others_may_cancel_what_is_ours(run: Any, exchange: Any) -> None:
    order = await run.place()
    exchange.cancel(order.plan.client_order_id)
    assert (await run.reconcile()).ok
    assert run.acts()[-1] == "cancelled"


async def test_a_stale_listing_after_a_cancel_wakes_nothing(run: Any, exchange: Any, clock: Any) -> None:
    order = await run.place()
    await run.path.cancel(order)
    ended = exchange.orders_[order.plan.client_order_id]
    stale = replace(ended, status=OrderStatus.RESTING, remaining=100, updated=ended.created)
    exchange.orders_[order.plan.client_order_id] = stale
    result = await run.reconcile()
    assert result.reasons == (f"cancelled, and no listing shows the end: {order.plan.client_order_id}",)
    assert run.path.orders.working() == []
    exchange.orders_[order.plan.client_order_id] = ended
    assert (await run.reconcile()).ok
    exchange.orders_[order.plan.client_order_id] = stale
    assert (await run.reconcile()).ok
    assert run.path.orders.working() == []
    clock.advance(6)
    assert (await run.reconcile()).reasons == (f"ended, and listed as resting: {order.plan.client_order_id}",)


async def test_a_market_that_paid_out_drops_out(run: Any, exchange: Any, successor: Any) -> None:
    order = await run.place()
    exchange.fill(order.plan.client_order_id)
    await run.reconcile()
    exchange.settle("T-1")
    assert (await run.reconcile()).ok
    assert run.acts()[-1] == "settled"
    exchange.settlements_.clear()
    assert (await successor().reconcile()).ok


async def test_a_position_that_vanishes_without_a_settlement_differs(run: Any, exchange: Any) -> None:
    order = await run.place()
    exchange.fill(order.plan.client_order_id)
    del exchange.positions_["T-1"]
    assert (await run.reconcile()).reasons == ("positions differ: T-1 should be 1.00 and is 0.00",)


async def test_what_another_account_did_is_not_held_against_this_one(
    run: Any, exchange: Any, successor: Any, clock: Any
) -> None:
    order = await run.place()
    exchange.fill(order.plan.client_order_id)
    await run.place("T-2")
    await run.reconcile()
    restarted = successor(account="simulated-2", at=type(exchange)(clock))
    result = await restarted.reconcile()
    assert (result.ok, result.orders_known) == (True, 0)


async def test_an_exchange_that_does_not_answer_changes_no_verdict_but_lets_it_age(
    run: Any, exchange: Any, clock: SimulatedClock
) -> None:
    await run.reconcile()
    exchange.asking = [Unavailable("no route")]
    clock.advance(20)
    with pytest.raises(Unavailable):
        await run.reconciler.run_once()
    look = run.reconciler.look()
    assert (look.age_s, look.reasons, look.error) == (20.0, (), "Unavailable: no route")
    assert not run.reconciler.result.ok


async def test_a_torn_line_is_told_and_the_exchange_asked(run: Any, successor: Any, home: Home, emit: Any) -> None:
    await run.place()
    with home.path(Home.intents).open("a") as file:
        file.write('{"at":"2026-11-17T19:00:00Z","act":"acknow')
    heir = successor()
    await heir.place("T-2")
    assert (await heir.reconcile()).ok
    assert any("cannot be read" in message for _, message, _ in emit.lines)


async def test_gone_and_in_no_listing_is_a_difference(run: Any, exchange: Any) -> None:
    order = await run.place()
    exchange.cancel(order.plan.client_order_id)
    await run.path.cancel(order)
    exchange.hidden.add(order.plan.client_order_id)
    assert (await run.reconcile()).reasons == (
        f"cancelled, and no listing shows the end: {order.plan.client_order_id}",
    )


async def test_one_intent_accepted_twice_is_a_difference(run: Any, exchange: Any) -> None:
    order = await run.place()
    name = order.plan.client_order_id
    exchange.orders_["twin"] = replace(exchange.orders_[name], order_id="x-twin")
    assert (await run.reconcile()).reasons == (f"one intent stands at the exchange more than once: {name}",)


async def test_a_fill_told_after_its_market_paid_out_is_held_no_more(run: Any, exchange: Any, successor: Any) -> None:
    order = await run.place(count=300)
    exchange.fill(order.plan.client_order_id, 100)
    await run.reconcile()
    kept = exchange.fill(order.plan.client_order_id, 100)
    exchange.fills_.remove(kept)
    exchange.settle("T-1")
    await run.reconcile()
    exchange.fills_.append(kept)
    assert (await run.reconcile()).ok
    assert (await successor().reconcile()).ok


# What was lost


async def test_lost_but_accepted_it_is_found_and_nothing_is_sent_again(run: Any, exchange: Any) -> None:
    exchange.after_accepting = [Ambiguous("timed out")]
    order = await run.place()
    assert run.reconciler.look().unresolved == (order.plan.client_order_id,)
    assert (await run.reconcile()).ok
    assert run.path.orders.by_id[order.plan.client_order_id].state is State.RESTING
    assert exchange.received == [order.plan.client_order_id]
    assert run.acts() == ["intent", "unresolved", "resolved"]


async def test_lost_accepted_and_filled_it_is_found_with_its_fill(run: Any, exchange: Any) -> None:
    exchange.after_accepting = [Ambiguous("timed out")]
    order = await run.place()
    exchange.fill(order.plan.client_order_id)
    assert (await run.reconcile()).ok
    assert run.path.orders.held() == {"T-1": 100}
    assert run.acts() == ["intent", "unresolved", "resolved", "filled"]


async def test_never_accepted_only_after_its_last_chance_and_two_complete_listings(
    run: Any, exchange: Any, clock: SimulatedClock, successor: Any
) -> None:
    exchange.refusing = [Ambiguous("timed out")]
    order = await run.place()
    name = order.plan.client_order_id
    assert (await run.reconcile()).reasons == (f"unresolved: {name}",)
    clock.advance(64)
    assert not (await run.reconcile()).ok
    clock.advance(1)
    assert (await run.reconcile()).reasons == (f"unresolved: {name}",)
    assert (await run.reconcile()).ok
    assert run.path.orders.by_id[name].state is State.NEVER_ACCEPTED
    line = run.lines()[-1]
    assert (line.act, line.order_id) == ("resolved", None)
    assert line.reason.startswith("never accepted: ")
    assert exchange.received == [name]
    heir = successor()
    assert (await heir.reconcile()).ok
    assert heir.path.orders.by_id[name].state is State.NEVER_ACCEPTED


async def test_a_listing_that_fails_is_not_one_that_misses_it(run: Any, exchange: Any, clock: SimulatedClock) -> None:
    exchange.refusing = [Ambiguous("timed out")]
    await run.place()
    await run.reconcile()
    clock.advance(70)
    for _ in range(3):
        exchange.asking = [Unavailable("no route")]
        with pytest.raises(Unavailable):
            await run.reconciler.run_once()
    assert len(run.path.orders.unresolved()) == 1


async def test_an_order_that_has_expired_had_its_last_chance(run: Any, exchange: Any, clock: SimulatedClock) -> None:
    run.reconciler.request_life_s = 10_000
    exchange.refusing = [Ambiguous("timed out")]
    await run.place()
    clock.advance(304)
    assert not (await run.reconcile()).ok
    clock.advance(1)
    await run.reconcile()
    assert (await run.reconcile()).ok


async def test_an_intent_without_an_outcome_may_have_left(run: Any, exchange: Any, successor: Any) -> None:
    order = await run.place()
    path = run.home.path(Home.intents)
    intent, _ = path.read_text().splitlines()
    path.write_text(intent + "\n")
    accepted = successor()
    assert (await accepted.reconcile()).ok
    assert accepted.path.orders.by_id[order.plan.client_order_id].state is State.RESTING
    path.write_text(intent + "\n")
    exchange.orders_.clear()
    lost = successor()
    assert (await lost.reconcile()).reasons == (f"unresolved: {order.plan.client_order_id}",)


async def test_an_order_once_never_accepted_that_is_listed_after_all_is_ours(
    run: Any, exchange: Any, clock: SimulatedClock
) -> None:
    exchange.after_accepting = [Ambiguous("timed out")]
    order = await run.place()
    exchange.hidden.add(order.plan.client_order_id)
    await run.reconcile()
    clock.advance(70)
    await run.reconcile()
    await run.reconcile()
    exchange.hidden.clear()
    assert (await run.reconcile()).ok
    assert [each.state for each in run.path.orders.alive()] == [State.RESTING]


async def test_an_order_sent_while_the_exchange_is_slow_to_list_keeps_its_whole_chance(
    run: Any, exchange: Any, clock: SimulatedClock
) -> None:
    positions = exchange.positions

    async def slowly() -> Any:
        exchange.positions = positions
        clock.advance(50)
        exchange.refusing = [Ambiguous("timed out")]
        await run.place()
        return await positions()

    exchange.positions = slowly
    await run.reconcile()
    clock.advance(60)
    for _ in range(3):
        await run.reconcile()
    assert [each.state for each in run.path.orders.by_id.values()] == [State.UNRESOLVED]


async def test_lines_read_before_the_disk_refused_are_not_forgotten(
    run: Any, exchange: Any, successor: Any, monkeypatch: Any
) -> None:
    order = await run.place()
    exchange.fill(order.plan.client_order_id)
    await run.reconcile()
    exchange.fills_.clear()
    heir = successor()
    poll, polled = heir.journal.follower.poll, 0

    def refused_in_the_middle() -> Any:
        nonlocal polled
        polled += 1
        if polled == 2:
            raise OSError(5, "Input/output error")
        batch = poll()
        batch.more = polled == 1
        return batch

    monkeypatch.setattr(type(heir.journal.follower), "poll", lambda *_: refused_in_the_middle())
    with pytest.raises(OSError, match="Input/output"):
        await heir.reconcile()
    assert (await heir.reconcile()).ok
    assert heir.path.orders.held() == {"T-1": 100}


async def test_what_another_process_intends_is_told_as_what_it_is(run: Any, exchange: Any, successor: Any) -> None:
    exchange.refusing = [asyncio.CancelledError()]
    other = successor()
    with pytest.raises(asyncio.CancelledError):
        await other.place()
    assert not (await run.reconcile()).ok
    assert run.lines()[-1].reason == "the journal of intents does not tell how it was answered"


# What ended long ago


async def _trade(run: Any, exchange: Any, clock: SimulatedClock, orders: int) -> None:
    """Each third order is filled, the others are cancelled; one a minute."""
    for number in range(orders):
        order = await run.place(f"T-{number % 2}")
        (exchange.fill if number % 3 == 0 else exchange.cancel)(order.plan.client_order_id)
        clock.advance(60)
        await run.reconcile()


async def test_what_ended_long_ago_takes_no_room_and_still_counts(
    run: Any, exchange: Any, clock: SimulatedClock, successor: Any
) -> None:
    await _trade(run, exchange, clock, 180)
    heir = successor()
    for engine in (run, heir):
        result = await engine.reconcile()
        assert (result.ok, result.orders_known, result.fills) == (True, 180, 60)
        assert len(engine.path.orders.by_id) < 65
        assert engine.path.orders.held() == exchange.positions_
    assert heir.path.orders.known_until == run.path.orders.known_until


async def test_a_flatten_after_long_trading_counts_anew(run: Any, exchange: Any, clock: Any, successor: Any) -> None:
    await _trade(run, exchange, clock, 90)
    exchange.positions_ = {}
    run.journal.queue([{"act": "flat", "market_at": clock.now()}])
    await run.journal.flush()
    assert (await run.reconcile()).ok
    assert (await successor().reconcile()).ok


async def test_an_order_that_lives_is_never_forgotten(run: Any, exchange: Any, clock: SimulatedClock) -> None:
    lives = await run.place("T-9")
    await _trade(run, exchange, clock, 90)
    exchange.fill(lives.plan.client_order_id)
    assert (await run.reconcile()).ok
    assert run.path.orders.by_id[lives.plan.client_order_id].state is State.FILLED


async def test_news_of_what_was_forgotten_is_a_stranger_s_and_shuts_the_gate(
    run: Any, exchange: Any, clock: SimulatedClock
) -> None:
    order = await run.place("T-9")
    exchange.cancel(order.plan.client_order_id)
    await _trade(run, exchange, clock, 90)
    exchange.hand_fill(order.order_id, "T-9", BookSide.BID, 100)
    assert (await run.reconcile()).reasons == (
        "fills of orders that we do not know: t-31 in T-9",
        "positions differ: T-9 should be 0.00 and is 1.00",
    )


@pytest.mark.parametrize("how", ["cut", "replaced"])
async def test_a_journal_that_was_altered_is_read_anew_and_counts_nothing_twice(
    run: Any, exchange: Any, clock: SimulatedClock, how: str
) -> None:
    await _trade(run, exchange, clock, 90)
    path = run.home.path(Home.intents)
    text = path.read_text()
    if how == "replaced":
        path.unlink()
    path.write_text(text[:-1].rpartition("\n")[0] + "\n")
    for _ in range(2):
        assert (await run.reconcile()).ok
        assert run.path.orders.held() == exchange.positions_


async def test_a_long_journal_is_read_in_turns(run: Any, exchange: Any, clock: SimulatedClock, successor: Any) -> None:
    await _trade(run, exchange, clock, 180)
    heir, turns = successor(), 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    await heir.path.read_on()
    beside.cancel()
    assert turns > run.home.path(Home.intents).stat().st_size // AT_ONCE


async def test_a_quiet_desk_carries_its_history_and_the_next_run_begins_there(
    run: Any, exchange: Any, clock: SimulatedClock, successor: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(reconciler, "LINES_TO_CARRY", 100)
    await _trade(run, exchange, clock, 60)
    assert "carried" not in run.acts()
    clock.advance(3_700)
    for _ in range(3):
        assert (await run.reconcile()).ok
    assert run.acts().count("carried") == 1
    stranger = successor(account="simulated-2", at=type(exchange)(clock))
    await stranger.reconcile()
    heir = successor()
    result = await heir.reconcile()
    assert (result.ok, result.orders_known, result.fills) == (True, 60, 20)
    assert (heir.path.orders.folded, heir.path.orders.held()) == (0, exchange.positions_)
    await heir.place("T-0")
    assert (await heir.reconcile()).orders_known == 61
    clock.advance(300)
    exchange.cancel(heir.path.orders.alive()[0].plan.client_order_id)
    await _trade(heir, exchange, clock, 60)
    exchange.positions_ = {}
    heir.journal.queue([{"act": "flat", "market_at": clock.now()}])
    clock.advance(3_700)
    for engine in (heir, run, successor()):
        assert (await engine.reconcile()).ok
        assert engine.path.orders.known == 121
    assert run.acts().count("carried") == 2


@pytest.mark.parametrize("how", ["resting", "lost", "just ended", "accepted"])
async def test_nothing_is_carried_while_anything_may_still_be_told(
    run: Any, exchange: Any, clock: SimulatedClock, monkeypatch: Any, how: str
) -> None:
    monkeypatch.setattr(reconciler, "LINES_TO_CARRY", 10)
    await _trade(run, exchange, clock, 10)
    clock.advance(3_500 if how == "just ended" else 3_700)
    if how == "resting":
        await run.place("T-9")
    elif how == "lost":
        exchange.refusing = [Ambiguous("timed out")]
        await run.place("T-9")
    elif how == "accepted":
        exchange.positions_["T-9"] = 100
        at = {"market_at": clock.now(), "ticker": "T-9"}
        run.journal.queue([{"act": "accepted", "count": "1.00", "filled": "0.00", **at}])
        await run.journal.flush()
    await run.reconcile()
    assert "carried" not in run.acts()


async def test_a_carried_line_that_is_torn_is_passed_over(
    run: Any, exchange: Any, clock: SimulatedClock, successor: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(reconciler, "LINES_TO_CARRY", 10)
    await _trade(run, exchange, clock, 10)
    clock.advance(3_700)
    await run.reconcile()
    path = run.home.path(Home.intents)
    path.write_text(path.read_text()[:-20] + "\n")
    heir = successor()
    assert (await heir.reconcile()).ok
    assert heir.path.orders.held() == exchange.positions_


async def test_an_order_that_left_while_its_journal_was_altered_is_not_said_to_have_stayed(
    run: Any, exchange: Any, monkeypatch: Any
) -> None:
    path = run.home.path(Home.intents)

    async def altered(order: NewOrder, look: Any) -> Any:
        look()
        text = path.read_text()
        path.unlink()
        path.write_text(text)
        await run.path.read_on()
        raise asyncio.CancelledError

    await run.place()
    monkeypatch.setattr(exchange, "create_order", altered)
    with pytest.raises(asyncio.CancelledError):
        await run.place()
    assert [order.state for order in run.path.orders.alive()] == [State.RESTING, State.UNRESOLVED]


async def test_what_waits_for_the_disk_while_the_journal_is_altered_stays_unresolved(
    run: Any, exchange: Any, monkeypatch: Any
) -> None:
    path, append = run.home.path(Home.intents), run.journal.writer.append
    await run.place()
    exchange.refusing = [Ambiguous("timed out")]

    def intents_only(line: Any, **how: Any) -> None:
        if line.act != "intent":
            raise OSError(28, "No space left on device")
        append(line, **how)

    monkeypatch.setattr(run.journal.writer, "append", intents_only)
    with pytest.raises(OSError, match="No space"):
        await run.place()
    text = path.read_text()
    path.unlink()
    path.write_text(text)
    monkeypatch.setattr(run.journal.writer, "append", append)
    assert not (await run.reconcile()).ok
    assert len(run.path.orders.unresolved()) == 1


async def test_two_intents_to_which_the_exchange_gave_one_name_can_be_forgotten(
    run: Any, exchange: Any, clock: SimulatedClock, monkeypatch: Any
) -> None:
    one, two = await run.place("T-1"), await run.place("T-1")
    for order in (one, two):
        run.path.hear(order, Told("x-same", OrderStatus.CANCELED, 0, 0, 5))
        exchange.cancel(order.plan.client_order_id)
    run.path.orders.doubled.clear()
    clock.advance(4_000)
    run.path.orders.forget(clock.now())
    assert run.path.orders.by_id == {}
