from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from engine.venues.kalshi.cancel import Progress, cancel_and_verify
from engine.venues.kalshi.errors import Ambiguous, Rejected, Unavailable
from engine.venues.kalshi.portfolio import Order, OrderGroup, OrderStatus, QueuePosition
from engine.venues.kalshi.wire import BookSide


def order(number: int) -> Order:
    return Order(f"o-{number}", f"c-{number}", "T", BookSide.BID, OrderStatus.RESTING, 4_700, 100, 0, 100, 0, 0,
                 None, None, None, "g-1")  # fmt: skip


class Exchange:
    """What rests, and what goes wrong: `faults` are raised in order, by the name of the call."""

    def __init__(self, resting: int = 3, **faults: list[Exception | None]) -> None:
        self.resting = [order(number) for number in range(resting)]
        self.faults = faults
        self.calls: list[str] = []
        self.ignores_cancel = 0
        self.hidden: list[Order] = []
        self.ended: list[Order] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        fault = self.faults.get(name, [])
        if fault and (exc := fault.pop(0)) is not None:
            raise exc

    async def trigger_order_group(self, order_group_id: str) -> None:
        self._call("trigger")

    async def cancel_all(self) -> None:
        self._call("cancel_all")
        if self.ignores_cancel:
            self.ignores_cancel -= 1
        else:
            self.resting.clear()

    async def cancel_batched(self, orders: Sequence[tuple[str, str]], *, urgent: bool = True) -> list[Any]:
        self._call("cancel_batched")
        return []

    async def orders(self, *, status=None, urgent=False, attempts=3) -> list[Order]:
        self._call("orders")
        assert status in (OrderStatus.RESTING, None) and urgent and attempts == 1
        return list(self.resting) if status else self.resting + self.ended

    async def queue_positions(self, tickers, *, urgent=False, attempts=3) -> list[QueuePosition]:
        self._call("queue_positions")
        return [QueuePosition(each.order_id, each.ticker, 0) for each in self.resting + self.hidden]

    async def total_resting_order_value(self, *, urgent=False, attempts=3) -> int:
        self._call("total")
        return 470_000 * len(self.resting + self.hidden)

    async def order_group(self, order_group_id, *, urgent=False, attempts=3) -> OrderGroup:
        self._call("order_group")
        return OrderGroup(order_group_id, True, None, tuple(each.order_id for each in self.resting + self.hidden))


class Run:
    """One run against an exchange, with what it told and how long it paused."""

    def __init__(self) -> None:
        self.told: list[Progress] = []
        self.pauses: list[float] = []

    async def __call__(self, exchange: Exchange, tickers: Sequence[str] = ("T",), **more: Any) -> Progress:
        return await cancel_and_verify(exchange, ["g-1"], self.told.append, tickers=tickers, sleep=self.pause, **more)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    @property
    def rungs(self) -> list[str]:
        return [told.rung for told in self.told if told.rung]


@pytest.fixture
def run() -> Run:
    return Run()


async def test_it_triggers_cancels_and_asks_two_endpoints_in_this_order(run: Run) -> None:
    exchange = Exchange()
    assert await run(exchange) == Progress("verified_2", 0, None)
    assert exchange.calls == ["trigger", "cancel_all", "orders", "queue_positions"]
    assert run.rungs == ["cancel_sent", "verified_1", "verified_2"]
    assert run.told[0].left is None


class Narrow(Exchange):
    """A budget of ten writes at once; what is beyond it is admitted one by one, as it came."""

    def __init__(self) -> None:
        super().__init__()
        self.budget: asyncio.Queue[None] = asyncio.Queue()
        self.refill(10)

    def refill(self, writes: int) -> None:
        for _ in range(writes):
            self.budget.put_nowait(None)

    async def trigger_order_group(self, order_group_id: str) -> None:
        await self.budget.get()
        await super().trigger_order_group(order_group_id)

    async def cancel_all(self) -> None:
        asyncio.get_running_loop().call_soon(self.refill, 300)
        await self.budget.get()
        await super().cancel_all()


async def test_a_hundred_old_groups_do_not_stand_before_the_cancel_all_in_the_queue_for_the_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.venues.kalshi.cancel._TRIGGER_HEAD_START", 0.01)
    exchange, groups = Narrow(), [f"g-{number}" for number in range(100)]
    done = await cancel_and_verify(exchange, groups, lambda _: None, tickers=("T",))
    assert done.rung == "verified_2"
    assert exchange.calls.index("cancel_all") <= 14
    assert exchange.calls.count("trigger") == 100


async def test_an_old_group_that_cannot_be_triggered_once_all_is_verified_takes_nothing_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.venues.kalshi.cancel._TRIGGER_HEAD_START", 0.01)
    exchange, told = Narrow(), list[Progress]()
    exchange.faults = {"trigger": [*[None] * 50, Rejected(404, "", "no such group")]}
    done = await cancel_and_verify(exchange, [f"g-{number}" for number in range(100)], told.append, tickers=("T",))
    assert done == Progress("verified_2", 0, None)
    assert told[-1].problem is not None and "no such group" in told[-1].problem


async def test_where_no_market_is_known_the_total_value_is_the_second_listing(run: Run) -> None:
    exchange = Exchange(resting=0)
    await run(exchange, tickers=())
    assert exchange.calls[-2:] == ["orders", "total"]


async def test_an_account_without_a_total_is_verified_by_its_order_groups(run: Run) -> None:
    exchange = Exchange(resting=0, total=[Rejected(403, "", "not for you")])
    assert (await run(exchange, tickers=())).rung == "verified_2"
    assert exchange.calls[-1] == "order_group"


NOT_FOR_YOU = Rejected(401, "", "not for you")


async def test_an_account_without_a_total_and_without_groups_is_verified_by_the_queues_of_its_markets(run: Run) -> None:
    exchange = Exchange(resting=0, total=[NOT_FOR_YOU] * 2)
    exchange.ended, exchange.hidden = [order(1)], [order(2)]
    last = await cancel_and_verify(exchange, [], run.told.append, deadline=0.05)
    assert last.problem == "the listings disagree: no order rests, but 1 stand in queues"
    exchange.hidden.clear()
    assert (await cancel_and_verify(exchange, [], run.told.append)).rung == "verified_2"
    assert exchange.calls[-1] == "queue_positions"


async def test_an_account_that_never_had_an_order_needs_no_total_and_no_groups(run: Run) -> None:
    exchange = Exchange(resting=0, total=[NOT_FOR_YOU])
    assert (await cancel_and_verify(exchange, [], run.told.append, deadline=1)).rung == "verified_2"
    assert exchange.calls[-1] == "orders"


async def test_a_cancel_that_was_acknowledged_but_not_done_is_repeated_and_what_rests_is_counted(run: Run) -> None:
    exchange = Exchange()
    exchange.ignores_cancel = 2
    assert (await run(exchange, tickers=())).rung == "verified_2"
    assert [told.left for told in run.told] == [None, 3, 3, 0, 0]
    assert exchange.calls.count("cancel_batched") == 2
    assert exchange.calls.count("trigger") == 1
    assert exchange.calls[-1] == "queue_positions", "the markets were learnt from the listing"
    assert run.pauses == [0.02, 0.04]


@pytest.mark.parametrize("call", ["orders", "queue_positions"])
async def test_a_listing_that_cannot_be_read_is_unknown_and_never_zero(run: Run, call: str) -> None:
    exchange = Exchange(**{call: [Unavailable("HTTP 500")] * 2})
    assert (await run(exchange)).rung == "verified_2"
    unread = [told for told in run.told if told.problem]
    assert len(unread) == 2
    assert all(told.left is None and "HTTP 500" in told.problem for told in unread)
    assert "verified_2" not in run.rungs[:-1]


async def test_two_listings_that_disagree_verify_nothing(run: Run) -> None:
    exchange = Exchange(resting=0)
    exchange.hidden = [order(9)]
    calls = iter([None, exchange.hidden.clear])

    async def pause(_: float) -> None:
        if act := next(calls):
            act()

    last = await cancel_and_verify(exchange, [], run.told.append, tickers=["T"], sleep=pause)
    assert last.rung == "verified_2"
    assert [told.problem for told in run.told if told.problem] == [
        "the listings disagree: no order rests, but 1 stand in queues"
    ] * 2


async def test_the_rung_cancel_sent_stands_only_once_the_exchange_acknowledged(run: Run) -> None:
    exchange = Exchange(cancel_all=[Ambiguous("ReadTimeout"), Rejected(429, "", "too many requests"), None])
    await run(exchange)
    sent = next(at for at, told in enumerate(run.told) if told.rung == "cancel_sent")
    assert [told.problem is not None for told in run.told[:sent]].count(True) == 2
    assert exchange.calls.count("cancel_all") == 3


async def test_a_cancel_all_that_was_done_but_never_acknowledged_is_told_once_nothing_rests(run: Run) -> None:
    class Mute(Exchange):
        async def cancel_all(self) -> None:
            await super().cancel_all()
            raise Ambiguous("ReadTimeout")

    assert (await run(Mute())).rung == "verified_2"
    assert run.rungs == ["cancel_sent", "verified_1", "verified_2"]
    (sent,) = (told for told in run.told if told.rung == "cancel_sent")
    assert sent.problem == "never acknowledged, and nothing rests (cancel all: ReadTimeout)"
    assert [told.problem for told in run.told if told.rung != "cancel_sent"] == ["cancel all: ReadTimeout", None, None]


async def test_where_no_cancel_all_was_taken_none_is_said_to_be_sent_and_why_nothing_rests_is_told(run: Run) -> None:
    exchange = Exchange(resting=0, cancel_all=[Rejected(403, "", "not for this key")])
    assert (await run(exchange)).rung == "verified_2"
    assert run.rungs == ["verified_1", "verified_2"]
    (first,) = (told for told in run.told if told.rung == "verified_1")
    assert first.problem == "nothing rests, though no cancel-all was taken (cancel all: HTTP 403: not for this key)"


async def test_a_trigger_that_fails_is_repeated_and_one_that_hangs_holds_nothing_up(run: Run) -> None:
    failing = Exchange(resting=0, trigger=[Unavailable("x")], orders=[Unavailable("x")])
    await run(failing)
    assert failing.calls.count("trigger") == 2

    class Hanging(Exchange):
        async def trigger_order_group(self, order_group_id: str) -> None:
            self._call("trigger")
            await asyncio.Event().wait()

    hanging = Hanging()
    assert (await run(hanging)).rung == "verified_2"
    assert hanging.calls == ["trigger", "cancel_all", "orders", "queue_positions"]


async def test_it_goes_on_until_its_deadline_and_then_says_what_it_last_saw(run: Run) -> None:
    exchange = Exchange()
    exchange.ignores_cancel = 10**9
    last = await run(exchange, deadline=0.2)
    assert (last.rung, last.left) == (None, 3)
    assert max(run.pauses) == 1.0


async def test_an_exchange_that_never_answers_is_left_at_the_deadline(run: Run) -> None:
    class Silent(Exchange):
        async def cancel_all(self) -> None:
            await asyncio.Event().wait()

    assert await run(Silent(), deadline=0.05) == Progress(None, None, None)
