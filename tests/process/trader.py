"""An engine's order path on the exchange's own process: client, feed, path and reconciler, without the rest of it."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from functools import cache
from pathlib import Path

import httpx

from engine.account import Account
from engine.market.money import ONE_CONTRACT, Count
from engine.orders.identity import account_of
from engine.orders.journal import OrderJournal
from engine.orders.life import Order, State
from engine.orders.path import OrderPath, Wish
from engine.orders.reconciler import Reconciler
from engine.venues.kalshi.errors import VenueError
from engine.venues.kalshi.events import FeedEvent, Fill, UserOrder
from engine.venues.kalshi.feed import Feed
from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.signing import Signer
from engine.venues.kalshi.wire import BookSide, Intent, NewOrder
from state.clock import LiveMarketClock, SystemClock
from state.document import DocumentWriter
from state.events import Events
from state.home import Home
from state.models.exchange import ExchangeView
from state.models.reconciliation import Reconciliation
from tests.process.exchange_rig import Rig
from tests.process.ledger import differences, false_ends

ANSWER_S = 0.2
"""Our client waits so long for an answer; what is late comes after it."""
REQUEST_LIFE_S = 0.6
PATIENCE_S = 15.0
CENT = 100
FILLS = {State.PARTLY_FILLED, State.ENDING, State.FILLED}


@cache
def _loaded(key_id: str, key_file: str) -> Signer:
    return Signer.load(key_id, Path(key_file))


def signer_of(rig: Rig) -> Signer:
    """Loaded once a process: that takes a hundred times as long as to sign with it."""
    return _loaded(rig.credentials["key_id"], rig.credentials["private_key_path"])


class Trader:
    """The order path of an engine that starts now on what the last one left: client, feed, path and reconciler."""

    def __init__(self, rig: Rig) -> None:
        self.rig, clock, home = rig, SystemClock(), Home(rig.desk.home)
        home.create()
        emit = Events(home, "engine", clock)
        given, signer = rig.credentials, signer_of(rig)
        timeout = httpx.Timeout(ANSWER_S)
        self.rest = KalshiRest(given["base_url"], signer, clock, timeout=timeout, sleep=_briefly)
        self.journal = OrderJournal.open(
            home, clock, account_of(self.rest.source, signer.key_id), self.rest.source, emit
        )
        life = timedelta(minutes=5)
        self.path = OrderPath(self.rest, clock, LiveMarketClock(clock), self.journal, emit, life)
        self.feed = Feed(given["ws_url"], signer, clock, self._heard, sleep=_briefly)
        view = Account(self.rest, clock, DocumentWriter(home, Home.exchange, clock, emit, ExchangeView()), "engine")
        written = DocumentWriter(home, Home.reconciliation, clock, emit, Reconciliation())
        self.reconciler = Reconciler(self.path, view, written, REQUEST_LIFE_S, sleep=_briefly)
        self.ticker = ""
        self.agreed = False
        """Whether the next cell may go on here."""

    def _heard(self, event: FeedEvent) -> None:
        if isinstance(event, Fill | UserOrder):
            self.path.on_frame(event)

    async def ready(self) -> None:
        """Reconciled and subscribed."""
        async with asyncio.timeout(PATIENCE_S):
            await self.rest.load_limits()
            while self.feed.counters.messages < 3:  # fill, user_orders, lifecycle
                await asyncio.sleep(0.002)
        await self.agree()
        await self.find_market()
        self.feed.add_markets([self.ticker])

    async def find_market(self) -> None:
        """Where a bid at one cent rests."""
        markets = await self.rest.markets(status="open", series_ticker="KXHIGHNY")
        self.ticker = max(markets, key=lambda market: market.yes_bid or 0).ticker

    async def rests(self, ticker: str = "") -> Order:
        """Send a bid at one cent."""
        return await self.path.place(
            Wish(ticker or self.ticker, Intent.BUY_YES, CENT, ONE_CONTRACT), "start-1", _nothing
        )

    async def partly_filled(self) -> Order:
        """Send bids for one contract more than is offered, until one is filled in part."""
        return await self._bought(beyond=ONE_CONTRACT)

    async def filled(self) -> Order:
        """Send bids for what is offered, until one is filled; perhaps nobody has told of its fills yet."""
        return await self._bought(beyond=0)

    async def _bought(self, beyond: Count) -> Order:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                markets = await self.rest.markets(status="open", series_ticker="KXHIGHNY")
                cheap = [each for each in markets if each.yes_ask and CENT < each.yes_ask <= 40 * CENT]
                books = await self.rest.orderbooks([each.ticker for each in cheap])
                ticker, (price, size) = min(
                    ((ticker, book.asks[0]) for ticker, book in books.items() if book.asks), key=lambda each: each[1][1]
                )
                expires = self.path.market_clock.now() + timedelta(minutes=5)
                bid = NewOrder(self.path.ids.next(), ticker, BookSide.BID, price, size + beyond, expires=expires)
                order = await self.path.send(bid, lambda: None)
                if order.state in FILLS and (order.state is State.PARTLY_FILLED) is (beyond > 0):
                    return order

    async def under(self) -> None:
        """What an engine does while the fault stands: it asks once, and hears what is said."""
        with contextlib.suppress(VenueError):
            await self.reconciler.run_once()
        if self.reconciler.result.error:  # a listing that failed is no listing of nothing (K-15)
            assert not self.reconciler.result.ok
            assert self.reconciler.look().error

    async def agree(self) -> None:
        """Reconcile as the engine does, until all fits."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    with contextlib.suppress(VenueError):
                        await self.reconciler.run_once()
                        if self.reconciler.result.ok:
                            break
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"no agreement: {self.reconciler.result}") from None
        await self.journal.flush()

    def now(self, order: Order) -> Order:
        return self.path.orders.by_id[order.plan.client_order_id]

    async def differences(self) -> list[str]:
        return await asyncio.to_thread(differences, self.rig.desk.lines("intents"), self.rig.desk.ask)

    async def equal(self) -> None:
        """All is as the exchange has it. What still rests may be filled between two answers: then ask anew."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while (found := await self.differences()) and asyncio.get_running_loop().time() < deadline:
            await self.agree()
        assert found == []

    async def false_ends(self) -> list[str]:
        await self.journal.flush()
        return await asyncio.to_thread(false_ends, self.rig.desk.lines("intents"), self.rig.desk.ask)


async def _briefly(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.02))


def _nothing(_: str) -> None:
    return None
