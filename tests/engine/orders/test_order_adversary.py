"""The order path against everything that may be wrong around it: pages, journals, strangers, twins and late answers."""

from __future__ import annotations

import asyncio
import json
import random
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.market.money import ONE_CONTRACT
from engine.orders import reconciler, reconciling
from engine.orders.life import FINAL, Order, State
from engine.orders.path import Wish
from engine.venues.kalshi import questions
from engine.venues.kalshi.errors import VenueError
from engine.venues.kalshi.portfolio import OrderStatus
from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.wire import BookSide, Intent, NewOrder, TimeInForce
from state.home import Home
from tests.engine.orders.real_exchange import CREATES, Exchange, Run

pytestmark = pytest.mark.process

ENDED = {OrderStatus.CANCELED: State.CANCELLED, OrderStatus.EXECUTED: State.FILLED}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Exchange]:
    """An exchange on which nothing was ever traded."""
    folder = tmp_path / "exchange"
    folder.mkdir()
    server = Exchange(folder)
    yield server
    server.stop()


@pytest.fixture
async def rest(server: Exchange) -> AsyncIterator[KalshiRest]:
    async with KalshiRest(server.base_url, server.signer, server.clock, timeout=httpx.Timeout(0.5)) as client:
        yield client


@pytest.fixture
def start(server: Exchange, rest: KalshiRest, home: Home, emit: Any, monkeypatch: Any) -> Callable[..., Run]:
    """An engine's order path on a home, the first or the next one."""
    monkeypatch.setattr(reconciling, "LAG", timedelta(seconds=0.2))

    def run(at: Home = home) -> Run:
        return Run(at, server, rest, emit)

    return run


@pytest.fixture
async def markets(rest: KalshiRest) -> list[tuple[str, int]]:
    """Markets with an offer, and its price."""
    listed = await rest.markets(status="open")
    books = await rest.orderbooks([market.ticker for market in listed if market.ticker.startswith("KXHIGH")])
    return [(ticker, book.asks[0][0]) for ticker, book in books.items() if book.asks and 400 < book.asks[0][0] < 8_000]


async def buy(run: Run, ticker: str, price: int, count: int = ONE_CONTRACT) -> Order:
    """An order that takes what is offered."""
    expires = run.path.market_clock.now() + timedelta(minutes=5)
    bid = NewOrder(run.path.ids.next(), ticker, BookSide.BID, price, count, expires=expires)
    return await run.path.send(bid, lambda: None)


async def by_hand(rest: KalshiRest, ticker: str, price: int, name: str = "by-hand-1", **more: Any) -> None:
    order = NewOrder(name, ticker, BookSide.BID, price, ONE_CONTRACT, TimeInForce.IMMEDIATE_OR_CANCEL, **more)
    await rest.create_order(order, lambda: None)


async def assert_equal(run: Run, rest: KalshiRest) -> None:
    """Every order stands as the exchange says, and what should be held is held."""
    listed = {order.client_order_id: order for order in await rest.orders()}
    for name, order in run.path.orders.by_id.items():
        theirs = listed.get(name)
        if theirs is None:
            assert order.state in {State.REJECTED, State.NOT_SENT, State.NEVER_ACCEPTED}, order
        elif theirs.status is OrderStatus.RESTING:
            assert order.state in {State.RESTING, State.PARTLY_FILLED}, order
        else:
            assert order.state is ENDED[theirs.status], order
    assert run.path.orders.held() == {each.ticker: each.count for each in await rest.positions()}


# Pages


@pytest.mark.parametrize("seed", range(4))
async def test_a_listing_whose_pages_shift_while_it_is_read_ends_nothing_falsely(
    start: Callable[..., Run], rest: KalshiRest, markets: list[tuple[str, int]], monkeypatch: Any, seed: int
) -> None:
    monkeypatch.setattr(questions, "_PAGE", 2)
    rng, run = random.Random(seed), start()
    await run.agree()
    for ticker, price in markets[:6]:
        await run.place(ticker)
        await buy(run, ticker, price)
    asked, turning = rest._http.get, False

    async def turn(path: str, params: Any = None, **how: Any) -> Any:
        nonlocal turning
        if path == "/portfolio/orders" and "cursor" in (params or {}) and not turning:
            turning = True  # what is done here asks too
            working = run.path.orders.working()
            if working and rng.random() < 0.5:
                order = rng.choice(working)
                assert order.order_id is not None
                await rest.cancel_order(order.order_id, order.plan.ticker)
            ticker, price = rng.choice(markets)
            await (run.place(ticker) if rng.random() < 0.5 else buy(run, ticker, price))
            turning = False
        return await asked(path, params, **how)

    monkeypatch.setattr(rest._http, "get", turn)
    for _ in range(4):
        try:
            await run.reconciler.run_once()
        except VenueError as error:
            assert "repeats" in str(error)
        listed = {order.client_order_id: order for order in await _all(asked)}
        for name, order in run.path.orders.by_id.items():
            if order.state in FINAL:
                assert order.state is ENDED.get(listed[name].status) or order.state is State.REJECTED, order
    monkeypatch.setattr(rest._http, "get", asked)
    await run.agree()
    await assert_equal(run, rest)


async def _all(get: Any) -> list[Any]:
    from engine.venues.kalshi.fields import Fields
    from engine.venues.kalshi.portfolio import Order as Listed

    answer = await get("/portfolio/orders", {"limit": 1000})
    return [Listed.parse(each) for each in Fields(answer, "orders").objects("orders")]


async def test_reconciling_while_orders_leave_and_fill_tells_no_difference_that_lasts(
    start: Callable[..., Run], rest: KalshiRest, markets: list[tuple[str, int]]
) -> None:
    run = start()
    await run.agree()
    told: list[tuple[str, ...]] = []

    async def trade() -> None:
        for ticker, price in markets[:12]:
            await run.place(ticker)
            await buy(run, ticker, price)

    trading = asyncio.create_task(trade())
    while not trading.done():
        await run.reconciler.run_once()
        told.append(run.reconciler.result.reasons)
    await trading
    await run.reconciler.run_once()
    assert run.reconciler.result.ok, told
    await assert_equal(run, rest)


# The journal


async def a_life(run: Run, rest: KalshiRest, server: Exchange, markets: list[tuple[str, int]]) -> None:
    """Orders of every kind: resting, filled, cancelled, lost, refused, never accepted."""
    await run.agree()
    (one, price), (two, other), (three, _) = markets[:3]
    rests = await run.place(one)
    await run.place(two)
    await buy(run, one, price)
    await buy(run, two, other, 3 * ONE_CONTRACT)
    server.fault({"name": "timeout_after_accept", "value": "on", "where": CREATES, "count": 1})
    await run.place(three)
    server.fault({"name": "reject_all", "value": "insufficient_balance", "count": 1})
    await run.place(three)
    server.fault()
    await run.agree()
    await run.path.cancel(rests)
    await run.agree()
    server.fault({"name": "error_500", "value": "before", "where": CREATES, "count": 1})
    await run.place(three)
    server.fault()
    await run.path.journal.flush()


def twice(lines: list[bytes], rng: random.Random) -> list[bytes]:
    return [each for line in lines for each in [line] * rng.choice((1, 2))]


def shuffled(lines: list[bytes], rng: random.Random) -> list[bytes]:
    return rng.sample(lines, len(lines))


def neighbours(lines: list[bytes], rng: random.Random) -> list[bytes]:
    at = rng.randrange(len(lines) - 1)
    return [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]


def newer(lines: list[bytes], rng: random.Random) -> list[bytes]:
    strange = b'{"at":"2026-11-20T10:00:00Z","act":"teleported","account":"simulated-x","why":7}'
    return [json.dumps(json.loads(line) | {"since_v9": [1]}).encode() for line in [*lines]] + [strange]


def torn(lines: list[bytes], rng: random.Random) -> list[bytes]:
    at = rng.randrange(len(lines))
    return [line[: rng.randrange(len(line))] if at == number else line for number, line in enumerate(lines)]


def missing(lines: list[bytes], rng: random.Random) -> list[bytes]:
    at = rng.randrange(len(lines))
    return [line for number, line in enumerate(lines) if number != at]


@pytest.mark.parametrize("harm", [twice, shuffled, neighbours, newer, torn, missing], ids=lambda harm: harm.__name__)
async def test_whatever_became_of_the_journal_the_next_engine_knows_all_or_says_that_it_does_not(
    start: Callable[..., Run],
    rest: KalshiRest,
    server: Exchange,
    markets: list[tuple[str, int]],
    home: Home,
    tmp_path: Path,
    harm: Callable[[list[bytes], random.Random], list[bytes]],
) -> None:
    await a_life(start(), rest, server, markets)
    lines = home.path(Home.intents).read_bytes().splitlines()
    for seed in range(4):
        other = Home(tmp_path / f"{harm.__name__}-{seed}")
        other.create()
        other.path(Home.intents).write_bytes(b"\n".join(harm(lines, random.Random(seed))) + b"\n")
        heir = start(other)
        heir.reconciler.request_life_s = 0.1
        await heir.reconciler.run_once()
        if harm in (twice, neighbours, shuffled, newer):
            await heir.agree()
        if heir.reconciler.result.ok:
            known = heir.path.orders
            assert known.held() == {each.ticker: each.count for each in await rest.positions()}, seed
            assert {order.client_order_id for order in await rest.orders(status=OrderStatus.RESTING)} == {
                order.plan.client_order_id for order in known.working()
            }, seed
        listed = {order.client_order_id: order for order in await rest.orders()}
        for name, order in heir.path.orders.by_id.items():
            if order.state in {State.CANCELLED, State.FILLED}:
                assert order.state is ENDED[listed[name].status], (seed, order)
            elif order.state in {State.REJECTED, State.NOT_SENT, State.NEVER_ACCEPTED}:
                assert name not in listed, (seed, order)
        heir.path.journal.close()


async def test_a_disk_that_fills_up_between_intent_and_answer_loses_no_order(
    start: Callable[..., Run], rest: KalshiRest, markets: list[tuple[str, int]], home: Home
) -> None:
    run, journal = start(), home.path(Home.intents)
    await run.agree()
    await run.place(markets[0][0])
    intent, _ = journal.read_bytes().splitlines()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.stat().st_size + len(intent) + 100, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            await run.place(markets[1][0])
        with pytest.raises(OSError, match="File too large"):
            await run.place(markets[2][0])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(await rest.orders()) == 2
    heir = start()  # the dead run's memory is gone with it
    heir.reconciler.request_life_s = 0.1
    await heir.agree()
    assert len(heir.path.orders.working()) == 2
    await run.agree()
    for engine in (run, heir):
        await assert_equal(engine, rest)


# Strangers and twins


async def test_two_homes_on_one_account_shut_each_other_s_gate(
    start: Callable[..., Run], rest: KalshiRest, markets: list[tuple[str, int]], tmp_path: Path
) -> None:
    other = Home(tmp_path / "other")
    other.create()
    one, two = start(), start(other)
    await one.agree()
    await two.agree()
    await one.place(markets[0][0])
    await buy(two, *markets[1])
    for run in (one, two):
        await run.reconciler.run_once()
        assert not run.reconciler.result.ok
    assert "rests what we do not know" in two.reconciler.result.reasons[0]
    assert any("positions differ" in reason for reason in one.reconciler.result.reasons)


async def test_a_name_that_another_s_order_took_makes_that_order_not_ours(
    start: Callable[..., Run], rest: KalshiRest, markets: list[tuple[str, int]]
) -> None:
    run = start()
    await run.agree()
    taken = f"fd-{run.path.ids.session}-000001"
    expires = run.path.market_clock.now() + timedelta(minutes=5)
    twin = NewOrder(taken, markets[0][0], BookSide.BID, 100, ONE_CONTRACT, expires=expires)
    await rest.create_order(twin, lambda: None)
    order = await run.place(markets[1][0])
    assert order.state is State.UNRESOLVED
    await run.reconciler.run_once()
    assert run.path.orders.working() == []
    assert "rests what we do not know" in run.reconciler.result.reasons[0]


# Time


async def test_what_ended_so_long_ago_that_only_the_archive_tells_is_found_there(
    home: Home, emit: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(reconciling, "LAG", timedelta(seconds=0.2))
    monkeypatch.setattr(reconciler, "LONG_AGO", timedelta(0))
    (tmp_path / "old").mkdir()
    old = Exchange(tmp_path / "old", "--history-after", "-1")  # all that ended is in the archive at once
    try:
        async with KalshiRest(old.base_url, old.signer, old.clock, timeout=httpx.Timeout(0.5)) as client:
            run = Run(home, old, client, emit)
            await run.agree()
            listed = await client.markets(status="open", series_ticker="KXHIGHNY")
            one, two = sorted(listed, key=lambda market: market.yes_bid or 0)[-2:]
            rested = await run.place(one.ticker)
            bought = await buy(run, two.ticker, two.yes_ask or 0)
            old.fault({"name": "timeout_after_accept", "value": "on", "where": CREATES, "count": 1})
            lost = await run.place(one.ticker)
            await client.cancel_all()
            assert await client.orders() == []
            heir = Run(home, old, client, emit)
            heir.reconciler.request_life_s = 0.1
            await heir.agree()
            states = {name: order.state for name, order in heir.path.orders.by_id.items()}
            assert states == {
                rested.plan.client_order_id: State.CANCELLED,
                bought.plan.client_order_id: State.FILLED,
                lost.plan.client_order_id: State.CANCELLED,
            }
            assert heir.path.orders.held() == {two.ticker: ONE_CONTRACT}
    finally:
        old.stop()


async def test_an_order_that_expires_while_nobody_knows_of_it_is_found_at_its_end(
    start: Callable[..., Run], rest: KalshiRest, server: Exchange, markets: list[tuple[str, int]]
) -> None:
    run = start()
    await run.agree()
    run.path.order_life = timedelta(seconds=2)
    server.fault({"name": "timeout_after_accept", "value": "on", "where": CREATES, "count": 1})
    lost = await run.place(markets[0][0])
    name = lost.plan.client_order_id
    while await rest.orders(status=OrderStatus.RESTING):
        await asyncio.sleep(0.1)
    assert run.path.orders.by_id[name].state is State.UNRESOLVED
    await run.agree()
    assert run.path.orders.by_id[name].state is State.CANCELLED


async def test_an_order_taken_after_it_was_given_up_for_good_is_ours_all_the_same(
    start: Callable[..., Run], rest: KalshiRest, server: Exchange, markets: list[tuple[str, int]]
) -> None:
    run = start()
    await run.agree()
    run.reconciler.request_life_s = 0.1
    server.fault({"name": "late_ms", "value": 2_500, "where": CREATES, "count": 1})
    lost = await run.path.place(Wish(markets[0][0], Intent.BUY_YES, 100, ONE_CONTRACT), "start-1", lambda _: None)
    name = lost.plan.client_order_id
    await run.agree()
    assert run.path.orders.by_id[name].state is State.NEVER_ACCEPTED
    while not await rest.orders(status=OrderStatus.RESTING):
        await asyncio.sleep(0.05)
    await run.agree()
    assert run.path.orders.by_id[name].state is State.RESTING
    await assert_equal(run, rest)


async def test_an_exchange_that_forgot_everything_is_not_believed(
    start: Callable[..., Run], rest: KalshiRest, markets: list[tuple[str, int]], monkeypatch: Any
) -> None:
    run = start()
    await run.agree()
    await run.place(markets[0][0])
    await buy(run, *markets[1])
    await run.agree()
    asked = rest._http.get

    async def forgot(path: str, params: Any = None, **how: Any) -> Any:
        answer = await asked(path, params, **how)
        return {key: [] if isinstance(value, list) else value for key, value in answer.items()}

    monkeypatch.setattr(rest._http, "get", forgot)
    for engine in (run, start()):
        await engine.reconciler.run_once()
        assert not engine.reconciler.result.ok
        assert len(engine.path.orders.working()) == 1
        assert engine.path.orders.held() == {markets[1][0]: ONE_CONTRACT}
