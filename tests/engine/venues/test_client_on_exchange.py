"""Our client on the simulated exchange, two programs that share no code: what one says the other must understand."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from engine.market.strikes import UnsupportedStrike
from engine.venues.kalshi.cancel import Progress, cancel_and_verify
from engine.venues.kalshi.errors import Denied, NotSent, Rejected, Unavailable, VenueError
from engine.venues.kalshi.events import (
    BookChanged,
    BookReplaced,
    Connected,
    FeedEvent,
    Fill,
    Gap,
    Trade,
    Unreadable,
    UserOrder,
)
from engine.venues.kalshi.feed import Feed
from engine.venues.kalshi.models import BookLevels, Market
from engine.venues.kalshi.portfolio import Cancelled, NotResting, OrderStatus
from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.signing import Signer
from engine.venues.kalshi.wire import BookSide, Intent, NewOrder, TimeInForce, to_wire
from state.clock import SystemClock

pytestmark = pytest.mark.process

RUN = "import sys; from engine.venues.simulated.main import main; sys.exit(main(sys.argv[1:]))"
FAMILIES = {"KXCPI", "KXJOBLESSCLAIMS", "KXTNOTED", "KXHIGHNY", "KXAAAGASW"}
T = TypeVar("T", bound=FeedEvent)
numbers = itertools.count(1)


class Exchange:
    """The exchange's process and what it takes to trade there."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                RUN,
                "--port",
                "0",
                "--credentials",
                folder,
                "--seed",
                "7",
                "--cancel-all-holds",
                "0",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("exchange ready http://127.0.0.1:")
        given = json.loads((folder / "credentials.json").read_text())
        self.base_url, self.ws_url = given["base_url"], given["ws_url"]
        self.signer = Signer.load(given["key_id"], Path(given["private_key_path"]))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Followed:
    """A running feed; keeps its events, and every state each book was in."""

    def __init__(self, exchange: Exchange) -> None:
        self.feed = Feed(exchange.ws_url, exchange.signer, SystemClock(), self._heard)
        self.events: list[FeedEvent] = []
        self.states: dict[str, set[BookLevels]] = defaultdict(set)
        self._arrived = asyncio.Event()

    def _heard(self, event: FeedEvent) -> None:
        self.events.append(event)
        if isinstance(event, BookChanged | BookReplaced):
            self.states[event.ticker].add(self.feed.books[event.ticker].levels())
        self._arrived.set()

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not reached():
                self._arrived.clear()
                await self._arrived.wait()

    async def first(self, kind: type[T], wanted: Callable[[T], bool]) -> T:
        def found() -> list[T]:
            return [event for event in self.events if isinstance(event, kind) and wanted(event)]

        await self.until(lambda: bool(found()))
        return found()[0]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    exchange = Exchange(tmp_path_factory.mktemp("exchange"))
    yield exchange
    exchange.stop()


@pytest.fixture
async def rest(exchange: Exchange) -> AsyncIterator[KalshiRest]:
    async with KalshiRest(exchange.base_url, exchange.signer, SystemClock()) as client:
        await client.load_limits()
        yield client


@pytest.fixture
async def market(rest: KalshiRest) -> Market:
    """A market of a ladder with offers and bids well inside the range."""
    quoted = [
        each for each in await rest.markets(status="open", series_ticker="KXHIGHNY") if each.yes_bid and each.yes_ask
    ]
    return max(quoted, key=lambda each: min(each.yes_bid or 0, 10_000 - (each.yes_ask or 0)))


@pytest.fixture
async def followed(exchange: Exchange, market: Market) -> AsyncIterator[Followed]:
    followed = Followed(exchange)
    followed.feed.add_markets([market.ticker])
    running = asyncio.create_task(followed.feed.run())
    await followed.first(BookReplaced, lambda event: event.ticker == market.ticker)
    yield followed
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not [event for event in followed.events if isinstance(event, Gap | Unreadable)]
    assert followed.feed.counters.unknown == 0


def willing() -> None:
    """A look that finds nothing against it."""


def new_order(market: Market, side: BookSide, price: int, count: int = 100, **more: object) -> NewOrder:
    return NewOrder(f"test-{next(numbers):06}", market.ticker, side, price, count, **more)  # type: ignore[arg-type]


def far_bid(market: Market, **more: object) -> NewOrder:
    """A bid that nobody sells to."""
    return new_order(market, BookSide.BID, 100, post_only=True, **more)


async def test_the_catalogue_is_understood_from_series_to_strike(rest: KalshiRest) -> None:
    status = await rest.exchange_status()
    assert status.exchange_active and status.trading_active
    assert (await rest.schedule()).standard_hours
    events = await rest.events(status="open")
    assert {event.series_ticker for event in events} >= FAMILIES
    for event in events:
        assert event.markets
        assert (await rest.series(event.series_ticker)).fees().multiplier > 0
        for market in event.markets:
            assert market.event_ticker == event.event_ticker
            try:
                market.strike()
            except UnsupportedStrike as exc:
                pytest.fail(f"{market.ticker}: {exc}")


async def test_the_exchange_s_clock_is_ours(rest: KalshiRest) -> None:
    offset = rest.clock_offset
    assert offset is not None
    assert offset.low <= 0 <= offset.high


async def test_a_bid_rests_is_listed_queued_and_told_and_is_cancelled_once(
    rest: KalshiRest, market: Market, followed: Followed
) -> None:
    order = far_bid(market, count=250)
    ack = await rest.create_order(order, willing)
    assert (ack.filled, ack.remaining, ack.client_order_id) == (0, 250, order.client_order_id)
    listed = {each.client_order_id: each for each in await rest.orders(status=OrderStatus.RESTING)}
    assert (listed[order.client_order_id].price, listed[order.client_order_id].remaining) == (100, 250)
    assert ack.order_id in {each.order_id for each in await rest.queue_positions([market.ticker])}
    told = await followed.first(UserOrder, lambda event: event.order_id == ack.order_id)
    assert (told.status, told.side, told.client_order_id) == ("resting", BookSide.BID, order.client_order_id)
    changed = await followed.first(BookChanged, lambda event: event.client_order_id == order.client_order_id)
    assert (changed.side, changed.price, changed.delta) == (BookSide.BID, 100, 250)
    assert await rest.cancel_order(ack.order_id, market.ticker) == Cancelled(ack.order_id, 250)
    assert await rest.cancel_order(ack.order_id, market.ticker) == NotResting(ack.order_id)
    await followed.first(UserOrder, lambda event: event.order_id == ack.order_id and event.status == "canceled")
    assert (await rest.order(ack.order_id)).status is OrderStatus.CANCELED


async def test_a_no_purchase_stands_among_the_offers(rest: KalshiRest, market: Market, followed: Followed) -> None:
    side, price = to_wire(Intent.BUY_NO, 100)
    order = new_order(market, side, price, post_only=True)
    ack = await rest.create_order(order, willing)
    changed = await followed.first(BookChanged, lambda event: event.client_order_id == order.client_order_id)
    assert (changed.side, changed.price) == (BookSide.ASK, 9_900)
    await rest.cancel_order(ack.order_id, market.ticker)


async def test_a_fill_costs_what_the_formula_says_and_frame_list_position_and_money_agree(
    rest: KalshiRest, market: Market, followed: Followed
) -> None:
    before = await rest.balance()
    held = {position.ticker: position.count for position in await rest.positions()}.get(market.ticker, 0)
    order = new_order(market, BookSide.BID, 9_900, 300, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
    ack = await rest.create_order(order, willing)
    assert ack.filled == 300
    listed = [fill for fill in await rest.fills(ticker=market.ticker) if fill.order_id == ack.order_id]
    assert sum(fill.count for fill in listed) == 300
    fees = (await rest.series("KXHIGHNY")).fees()
    for fill in listed:
        assert fill.is_taker
        assert fill.fee == fees.trade_fee(fill.price, fill.count, taker=True)
        told = await followed.first(Fill, lambda event, sought=fill.trade_id: event.trade_id == sought)
        assert (told.price, told.count, told.fee, told.side) == (fill.price, fill.count, fill.fee, fill.side)
        printed = await followed.first(Trade, lambda event, sought=fill.trade_id: event.trade_id == sought)
        assert (printed.price, printed.count, printed.taker) == (fill.price, fill.count, BookSide.BID)
    now_held = {position.ticker: position.count for position in await rest.positions()}[market.ticker]
    assert now_held == held + 300
    spent = sum(fill.price * fill.count + fill.fee for fill in listed)
    assert (await rest.balance()).cash == before.cash - spent
    assert (await rest.order(ack.order_id)).fees == sum(fill.fee for fill in listed)


async def test_what_the_exchange_refuses_says_why(rest: KalshiRest, market: Market, exchange: Exchange) -> None:
    resting = far_bid(market)
    ack = await rest.create_order(resting, willing)
    for order, status, code in (
        (resting, 409, "order_already_exists"),
        (new_order(market, BookSide.BID, 4_755), 400, "invalid_price"),
        (new_order(market, BookSide.BID, 9_900, post_only=True), 400, "invalid_order"),
        (new_order(market, BookSide.BID, 9_900, 10**8), 400, "insufficient_balance"),
    ):
        with pytest.raises(Rejected) as caught:
            await rest.create_order(order, willing)
        assert (caught.value.status, caught.value.code) == (status, code)
    await rest.cancel_order(ack.order_id, market.ticker)
    stranger = Signer("00000000-0000-4000-8000-000000000000", exchange.signer.key)
    async with KalshiRest(exchange.base_url, stranger, SystemClock()) as unknown:
        with pytest.raises(Rejected) as caught:
            await unknown.balance()
        assert (caught.value.status, caught.value.code) == (401, "authentication_error")


async def test_a_denied_look_leaves_no_order_and_the_next_order_goes_through(rest: KalshiRest, market: Market) -> None:
    def deny() -> None:
        raise Denied("kill switch engaged")

    denied, cash = far_bid(market), (await rest.balance()).cash
    with pytest.raises(NotSent, match="kill switch engaged"):
        await rest.create_order(denied, deny)
    assert denied.client_order_id not in {order.client_order_id for order in await rest.orders()}
    assert (await rest.balance()).cash == cash
    # the id was never used, so the exchange takes it
    ack = await rest.create_order(denied, willing)
    await rest.cancel_order(ack.order_id, market.ticker)


async def test_cancel_all_is_verified_by_two_listings(rest: KalshiRest, market: Market, followed: Followed) -> None:
    acks = [await rest.create_order(far_bid(market), willing) for _ in range(5)]
    told: list[Progress] = []
    last = await cancel_and_verify(rest, [], told.append, deadline=20)
    assert (last.rung, last.left) == ("verified_2", 0)
    assert [each.rung for each in told if each.rung] == ["cancel_sent", "verified_1", "verified_2"]
    assert await rest.orders(status=OrderStatus.RESTING) == []
    for ack in acks:
        await followed.first(
            UserOrder, lambda event, a=ack: event.order_id == a.order_id and event.status == "canceled"
        )


async def test_a_triggered_group_takes_its_orders_along_and_no_new_one_until_it_is_reset(
    rest: KalshiRest, market: Market
) -> None:
    group = await rest.create_order_group(10_000)
    ack = await rest.create_order(far_bid(market, order_group_id=group), willing)
    assert (await rest.order_group(group)).order_ids == (ack.order_id,)
    assert (await cancel_and_verify(rest, [group], lambda _: None, tickers=[market.ticker], deadline=20)).left == 0
    assert (await rest.order(ack.order_id)).status is OrderStatus.CANCELED
    with pytest.raises(Rejected):
        await rest.create_order(far_bid(market, order_group_id=group), willing)
    await rest.reset_order_group(group)
    again = await rest.create_order(far_bid(market, order_group_id=group), willing)
    await rest.cancel_order(again.order_id, market.ticker)


async def test_every_book_that_rest_shows_is_one_the_feed_showed(
    rest: KalshiRest, market: Market, followed: Followed
) -> None:
    tickers = [each.ticker for each in await rest.markets(status="open")]
    followed.feed.add_markets(tickers)
    await followed.until(lambda: all(followed.states[ticker] for ticker in tickers))
    for _ in range(3):
        changes = followed.feed.counters.messages
        await followed.until(lambda seen=changes: followed.feed.counters.messages > seen)
        for ticker, levels in (await rest.orderbooks(tickers)).items():
            await followed.until(lambda at=ticker, shown=levels: shown in followed.states[at])
    assert all(book.stale is None for book in followed.feed.books.values())
    assert followed.feed.counters.damaged == 0


async def test_with_the_exchange_dead_nothing_is_known_and_nothing_is_said_to_be_cancelled(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path)
    followed = Followed(exchange)
    running = asyncio.create_task(followed.feed.run())
    try:
        async with KalshiRest(exchange.base_url, exchange.signer, SystemClock()) as rest:
            market = (await rest.markets(status="open"))[0]
            followed.feed.add_markets([market.ticker])
            await followed.first(Connected, lambda _: True)
            await followed.until(lambda: followed.feed.books[market.ticker].stale is None)
            exchange.stop()
            await followed.until(lambda: followed.feed.books[market.ticker].stale is not None)
            with pytest.raises(Unavailable):
                await rest.exchange_status()
            with pytest.raises(VenueError):
                await rest.create_order(far_bid(market), willing)
            told: list[Progress] = []
            last = await cancel_and_verify(rest, ["g"], told.append, tickers=[market.ticker], deadline=0.5)
            assert last.left is None
            assert {each.rung for each in told} == {None}
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        exchange.stop()
