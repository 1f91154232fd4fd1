"""An intent is on disk before anything leaves; an order leaves once; what is not known is named so."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import Any

import pytest

from engine.orders.life import State
from engine.venues.kalshi.errors import Ambiguous, Denied, NotSent, RateLimited, Rejected
from engine.venues.kalshi.events import Fill, UserOrder
from engine.venues.kalshi.wire import BookSide, NewOrder
from state.clock import SimulatedClock
from state.events import EventType
from state.home import Home


async def test_the_intent_is_on_disk_before_the_body_leaves(run: Any, exchange: Any, monkeypatch: Any) -> None:
    seen: list[list[str]] = []
    synced: list[int] = []
    fsync = os.fsync

    def noted(fd: int) -> None:
        fsync(fd)
        synced.append(os.fstat(fd).st_size)

    def leaves(_: NewOrder) -> None:
        seen.append(run.acts())
        assert synced[-1] == run.home.path(Home.intents).stat().st_size

    monkeypatch.setattr("state.journal.os.fsync", noted)
    exchange.on_body = leaves
    order = await run.place()
    assert seen == [["intent"]]
    assert run.acts() == ["intent", "acknowledged"]
    assert order.state is State.RESTING


async def test_an_intent_that_cannot_be_written_is_not_sent(run: Any, exchange: Any, monkeypatch: Any) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run.journal.writer, "append", refuse)
    with pytest.raises(OSError, match="No space"):
        await run.place()
    assert exchange.received == []
    assert run.path.orders.by_id == {}


async def test_every_name_is_given_once_and_carries_session_and_sequence(
    run: Any, exchange: Any, successor: Any
) -> None:
    await run.place("T-1")
    await run.place("T-2")
    await successor().place("T-3")
    sessions = [name.split("-")[1] for name in exchange.received]
    assert [name.split("-")[2] for name in exchange.received] == ["000001", "000002", "000001"]
    assert sessions[0] == sessions[1] != sessions[2]


async def test_an_order_expires_by_itself_is_post_only_and_in_the_group_of_its_start(
    run: Any, exchange: Any, clock: SimulatedClock
) -> None:
    sent: list[NewOrder] = []
    exchange.on_body = sent.append
    await run.place()
    await run.place("T-2")
    assert exchange.groups == ["group-1"]
    assert sent[0].expires == clock.now() + run.path.order_life
    assert (sent[0].post_only, sent[0].order_group_id) == (True, "group-1")


async def test_an_order_that_could_rest_for_ever_is_not_even_intended(run: Any) -> None:
    with pytest.raises(ValueError, match="rest for ever"):
        await run.path.send(NewOrder("fd-x-1", "T-1", BookSide.BID, 4_000, 100), lambda: None)
    assert run.acts() == []


async def test_denied_at_the_last_look_it_was_not_sent(run: Any, exchange: Any) -> None:
    def deny(_: str) -> None:
        raise Denied("kill switch is on")

    order = await run.place(look=deny)
    assert (order.state, exchange.received) == (State.NOT_SENT, [])
    assert run.lines()[-1].reason == "denied at the last look: kill switch is on"


async def test_a_broken_look_keeps_it_back_and_is_told(run: Any, exchange: Any) -> None:
    def broken(_: str) -> None:
        raise ZeroDivisionError("look")

    with pytest.raises(ZeroDivisionError):
        await run.place(look=broken)
    await run.journal.flush()
    assert run.acts() == ["intent", "not_sent"]
    assert exchange.received == []


async def test_refused_is_refused(run: Any, exchange: Any, emit: Any) -> None:
    exchange.refusing = [Rejected(400, "invalid_order", "post only cross")]
    assert (await run.place()).state is State.REJECTED
    assert emit.types == [EventType.ORDER_REJECTED]
    assert run.acts() == ["intent", "rejected"]


async def test_rate_limited_is_not_sent_and_backs_off_longer_each_time(
    run: Any, exchange: Any, clock: SimulatedClock
) -> None:
    pauses = []
    for _ in range(7):
        exchange.refusing = [RateLimited(429, "", "too many requests")]
        assert (await run.place()).state is State.NOT_SENT
        began = clock.boottime_ns()
        while run.path.paused:
            clock.advance(1)
        pauses.append((clock.boottime_ns() - began) // 10**9)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    await run.place()
    exchange.refusing = [RateLimited(429, "", "too many requests")]
    await run.place()
    clock.advance(1)
    assert not run.path.paused


async def test_refused_again_and_again_it_says_so_and_how_long_nothing_should_be_tried(
    run: Any, exchange: Any, clock: SimulatedClock
) -> None:
    async def refused(times: int) -> str:
        for _ in range(times):
            exchange.refusing = [Rejected(409, "order_group_triggered", "order group triggered")]
            await run.place()
        return str(run.path.refusal)

    assert await refused(5) == ""
    told = "6 orders in a row were refused, the last: HTTP 409: order_group_triggered · order group triggered"
    assert await refused(1) == f"{told}; the next is tried in 1 s"
    clock.advance(1)
    assert run.path.refusal == ""
    assert (await refused(1)).endswith("2 s")
    assert (await refused(9)).endswith("30 s")
    assert not run.path.paused, "a flatten tries its other markets"
    clock.advance(30)
    await run.place()
    assert await refused(5) == ""


@pytest.mark.parametrize(
    "error", [Ambiguous("timed out"), Ambiguous("HTTP 503"), Rejected(409, "order_already_exists", "order exists")]
)
async def test_without_an_answer_it_is_unresolved(run: Any, exchange: Any, emit: Any, error: Exception) -> None:
    exchange.after_accepting = [error]
    order = await run.place()
    assert order.state is State.UNRESOLVED
    assert [each.plan.client_order_id for each in run.path.orders.unresolved()] == exchange.received
    assert emit.types == [EventType.ORDER_UNRESOLVED]
    assert run.acts() == ["intent", "unresolved"]


async def test_stopped_while_it_waits_for_the_answer_it_is_unresolved(run: Any, exchange: Any) -> None:
    exchange.after_accepting = [asyncio.CancelledError()]
    with pytest.raises(asyncio.CancelledError):
        await run.place()
    assert len(run.path.orders.unresolved()) == 1


async def test_stopped_before_it_left_it_was_not_sent(run: Any, exchange: Any) -> None:
    exchange.before_sending = [asyncio.CancelledError()]
    with pytest.raises(asyncio.CancelledError):
        await run.place()
    assert [order.state for order in run.path.orders.by_id.values()] == [State.NOT_SENT]


async def test_what_did_not_arrive_was_not_sent(run: Any, exchange: Any) -> None:
    exchange.before_sending = [NotSent("connection refused")]
    assert (await run.place()).state is State.NOT_SENT


def own_fill(order_id: str, client_order_id: str | None, count: int = 100) -> Fill:
    return Fill("t-1", order_id, client_order_id, "T-1", BookSide.BID, 4_000, count, False, 1_700, count, 5)


def own_order(order_id: str, client_order_id: str | None, status: str, filled: int = 0, at_ms: int = 5) -> UserOrder:
    left = 100 - filled if status == "resting" else 0
    return UserOrder(
        order_id, client_order_id, "T-1", status, BookSide.BID, 4_000, 100, filled, left, 0, None, None, at_ms
    )


async def test_frames_may_come_before_the_acknowledgement(run: Any, exchange: Any) -> None:
    def frames(order: NewOrder) -> None:
        name = order.client_order_id
        run.path.on_frame(own_order(f"x-{name}", name, "resting"))
        run.path.on_frame(own_fill(f"x-{name}", name))
        run.path.on_frame(own_order(f"x-{name}", name, "executed", 100))

    exchange.on_body = frames
    order = await run.place()
    assert order.state is State.FILLED
    assert run.acts() == ["intent", "acknowledged", "filled"]


async def test_a_frame_resolves_what_the_answer_did_not(run: Any, exchange: Any) -> None:
    exchange.after_accepting = [Ambiguous("timed out")]
    order = await run.place()
    name = order.plan.client_order_id
    run.path.on_frame(own_order(f"x-{name}", name, "resting"))
    await run.journal.flush()
    assert run.path.orders.unresolved() == []
    assert run.acts() == ["intent", "unresolved", "resolved"]


async def test_a_fill_is_journalled_once_however_often_it_is_told(run: Any) -> None:
    order = await run.place()
    for _ in range(3):
        run.path.on_frame(own_fill(order.order_id, None))
    await run.journal.flush()
    assert run.acts().count("filled") == 1
    (line,) = [line for line in run.lines() if line.act == "filled"]
    assert (line.fill_id, str(line.count), str(line.price), str(line.fee_usd)) == ("t-1", "1.00", "0.4000", "0.001700")


async def test_a_stranger_s_frame_changes_nothing(run: Any) -> None:
    run.path.on_frame(own_order("x-9", "by-hand-1", "resting"))
    run.path.on_frame(own_fill("x-9", None))
    assert run.path.orders.by_id == {}


async def test_an_unknown_status_word_changes_nothing(run: Any) -> None:
    order = await run.place()
    run.path.on_frame(own_order(order.order_id, order.plan.client_order_id, "unknown"))
    assert run.path.orders.by_id[order.plan.client_order_id] == order


async def test_a_cancel_is_an_end_once_it_is_shown_and_its_fills_are_here(run: Any, exchange: Any) -> None:
    order = await run.place(count=300)
    made = exchange.fill(order.plan.client_order_id, 100)
    cancelled = await run.path.cancel(order)
    assert (cancelled.state, cancelled.missing) == (State.GONE, 100)
    run.path.on_frame(own_order(order.order_id, None, "canceled", 100))
    assert run.path.orders.by_id[order.plan.client_order_id].state is State.ENDING
    run.path.on_frame(own_fill(made.order_id, None))
    assert run.path.orders.by_id[order.plan.client_order_id].state is State.CANCELLED


async def test_404_on_cancel_says_that_it_is_gone_and_not_how(run: Any, exchange: Any) -> None:
    order = await run.place()
    exchange.fill(order.plan.client_order_id)
    assert (await run.path.cancel(order)).state is State.GONE
    assert (await run.reconcile()).ok
    assert run.path.orders.by_id[order.plan.client_order_id].state is State.FILLED


async def test_lines_that_the_disk_refuses_wait_in_order(run: Any, monkeypatch: Any) -> None:
    order = await run.place()
    append = run.journal.writer.append
    run.path.on_frame(own_fill(order.order_id, None))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run.journal.writer, "append", refuse)
    with pytest.raises(OSError, match="No space"):
        await run.journal.flush()
    monkeypatch.setattr(run.journal.writer, "append", append)
    await run.journal.flush()
    assert run.acts() == ["intent", "acknowledged", "filled"]


async def test_groups_are_those_in_which_an_order_may_rest(run: Any, exchange: Any, successor: Any) -> None:
    order = await run.place()
    heir = successor()
    await heir.reconcile()
    assert heir.path.groups == ("group-1",)
    exchange.cancel(order.plan.client_order_id)
    await heir.reconcile()
    assert heir.path.groups == ()


async def test_an_intent_that_is_on_disk_although_its_write_failed_was_not_sent_and_ends(
    run: Any, exchange: Any, monkeypatch: Any
) -> None:
    append = run.journal.writer.append

    def written_and_refused(line: object, **how: object) -> None:
        append(line, **how)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(run.journal.writer, "append", written_and_refused)
    with pytest.raises(OSError, match="Input/output"):
        await run.place()
    monkeypatch.setattr(run.journal.writer, "append", append)
    assert (await run.reconcile()).ok
    assert run.path.orders.alive() == []
    assert (run.acts(), exchange.received) == (["intent", "not_sent"], [])


async def test_the_listing_that_comes_while_an_order_waits_for_its_turn_ends_nothing(run: Any, exchange: Any) -> None:
    waits, create = asyncio.Event(), exchange.create_order

    async def later(order: NewOrder, look: Any) -> Any:
        await waits.wait()
        return await create(order, look)

    exchange.create_order = later
    sending = asyncio.create_task(run.place())
    while run.acts() != ["intent"]:
        await asyncio.sleep(0.001)
    assert (await run.reconcile()).ok
    assert [order.state for order in run.path.orders.alive()] == [State.INTENDED]
    waits.set()
    assert (await sending).state is State.RESTING


async def test_an_answer_that_names_another_order_is_none(run: Any, exchange: Any) -> None:
    first = await run.place("T-1")
    create = exchange.create_order

    async def another(order: NewOrder, look: Any) -> Any:
        return replace(await create(order, look), order_id=first.order_id, client_order_id=first.plan.client_order_id)

    exchange.create_order = another
    second = await run.place("T-2")
    assert second.state is State.UNRESOLVED
    assert (await run.reconcile()).ok
    assert [order.order_id for order in run.path.orders.working()] == [
        first.order_id,
        f"x-{second.plan.client_order_id}",
    ]
