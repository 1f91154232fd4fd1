"""An exchange in memory that can lose its answers, and an order path with its reconciler on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.account import Account
from engine.market.money import ONE_CONTRACT
from engine.orders.identity import OrderIds
from engine.orders.journal import OrderJournal
from engine.orders.path import OrderPath, Wish
from engine.orders.reconciler import Reconciler
from engine.venues.kalshi.errors import NotSent, Rejected, VenueError
from engine.venues.kalshi.models import BookLevels
from engine.venues.kalshi.portfolio import (
    AccountFill,
    Cancelled,
    NotResting,
    Order,
    OrderAck,
    OrderStatus,
    Position,
    Settlement,
)
from engine.venues.kalshi.wire import BookSide, Intent, NewOrder, TimeInForce
from state.clock import LiveMarketClock, SimulatedClock
from state.document import DocumentWriter
from state.home import Home
from state.models.exchange import ExchangeView
from state.models.orders import OrderEvent
from state.models.reconciliation import Reconciliation

REQUEST_LIFE_S = 60.0


@dataclass
class Desk:
    """What an exchange knows of one account."""

    clock: SimulatedClock
    source: str = "simulated"
    orders_: dict[str, Order] = field(default_factory=dict)
    fills_: list[AccountFill] = field(default_factory=list)
    settlements_: list[Settlement] = field(default_factory=list)
    positions_: dict[str, int] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    """Every client_order_id whose body arrived, as often as it did."""
    before_sending: list[Exception] = field(default_factory=list)
    after_accepting: list[Exception] = field(default_factory=list)
    refusing: list[Exception] = field(default_factory=list)
    asking: list[Exception] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    """Orders that listings do not show."""
    on_body: Callable[[NewOrder], None] = lambda _: None
    books: dict[str, BookLevels] = field(default_factory=dict)

    async def orderbooks(self, tickers: Sequence[str]) -> dict[str, BookLevels]:
        if self.asking:
            raise self.asking.pop(0)
        return {ticker: self.books[ticker] for ticker in tickers if ticker in self.books}

    async def create_order_group(self, limit: int) -> str:
        self.groups.append(f"group-{len(self.groups) + 1}")
        return self.groups[-1]

    async def create_order(self, order: NewOrder, look: Callable[[], None]) -> OrderAck:
        if self.before_sending:
            raise self.before_sending.pop(0)
        try:
            look()
        except VenueError as error:
            raise NotSent(f"denied at the last look: {error}") from error
        self.on_body(order)
        self.received.append(order.client_order_id)
        if self.refusing:
            raise self.refusing.pop(0)
        made = self.accept(order)
        if self.after_accepting:
            raise self.after_accepting.pop(0)
        return OrderAck(
            made.order_id,
            made.client_order_id,
            made.filled,
            made.remaining,
            None,
            None,
            made.created or self.clock.now(),
        )

    def accept(self, order: NewOrder) -> Order:
        if order.client_order_id in self.orders_:
            raise Rejected(409, "order_already_exists", "order already exists")
        resting = order.time_in_force is TimeInForce.GOOD_TILL_CANCELED
        made = Order(
            order_id=f"x-{order.client_order_id}",
            client_order_id=order.client_order_id,
            ticker=order.ticker,
            side=order.side,
            status=OrderStatus.RESTING if resting else OrderStatus.CANCELED,
            price=order.price,
            initial=order.count,
            filled=0,
            remaining=order.count if resting else 0,
            fees=0,
            fill_cost=0,
            created=self.clock.now(),
            updated=self.clock.now(),
            expires=order.expires,
            order_group_id=order.order_group_id,
        )
        self.orders_[order.client_order_id] = made
        if not resting:
            self._take(order)
        return self.orders_[order.client_order_id]

    def _take(self, order: NewOrder) -> None:
        """An IOC takes what the book offers at its price; reduce-only no more than is held."""
        book = self.books[order.ticker]
        offers = book.asks if order.side is BookSide.BID else book.bids
        held = self.positions_.get(order.ticker, 0)
        closable = max(0, held if order.side is BookSide.ASK else -held)
        count = min(order.count, sum(size for price, size in offers if price == order.price), closable)
        if count:
            taken = replace(self.orders_[order.client_order_id], remaining=count)
            self.orders_[order.client_order_id] = taken
            self.fill(order.client_order_id, count)

    def fill(self, client_order_id: str, count: int = ONE_CONTRACT) -> AccountFill:
        """Fill part of an order."""
        order = self.orders_[client_order_id]
        left = order.remaining - count
        status = OrderStatus.RESTING if left else OrderStatus.EXECUTED
        self.orders_[client_order_id] = replace(
            order, filled=order.filled + count, remaining=left, status=status, updated=self.clock.now()
        )
        return self.hand_fill(order.order_id, order.ticker, order.side, count)

    def hand_fill(self, order_id: str, ticker: str, side: BookSide, count: int) -> AccountFill:
        """A fill of any order, known or not."""
        name = f"t-{len(self.fills_) + 1}"
        made = AccountFill(name, name, order_id, ticker, side, 4_000, count, False, 1_700, self.clock.now())
        self.fills_.append(made)
        sign = 1 if side is BookSide.BID else -1
        self.positions_[ticker] = self.positions_.get(ticker, 0) + sign * count
        return made

    def cancel(self, client_order_id: str) -> None:
        """Somebody cancels: a kill, the supervisor, expiry."""
        order = self.orders_[client_order_id]
        self.orders_[client_order_id] = replace(
            order, status=OrderStatus.CANCELED, remaining=0, updated=self.clock.now()
        )

    def settle(self, ticker: str) -> None:
        count = self.positions_.pop(ticker)
        now = self.clock.now()
        self.settlements_.append(Settlement(ticker, "E", "yes", max(count, 0), max(-count, 0), 0, 0, 0, 0, now))

    async def cancel_order(self, order_id: str, ticker: str) -> Cancelled | NotResting:
        for name, order in self.orders_.items():
            if order.order_id == order_id and order.status is OrderStatus.RESTING:
                self.cancel(name)
                return Cancelled(order_id, order.remaining)
        return NotResting(order_id)

    async def archived_before(self) -> datetime:
        return self.clock.now() - timedelta(days=90)

    async def orders(self, *, status: OrderStatus | None = None, since: datetime | None = None) -> list[Order]:
        if self.asking:
            raise self.asking.pop(0)
        return [
            order
            for name, order in self.orders_.items()
            if name not in self.hidden
            and status in (None, order.status)
            and (since is None or order.created is None or order.created >= since)
        ]

    async def fills(self, *, since: datetime | None = None) -> list[AccountFill]:
        return [each for each in self.fills_ if since is None or each.at is None or each.at >= since]

    async def positions(self) -> list[Position]:
        if self.asking:
            raise self.asking.pop(0)
        return [Position(ticker, count, 0, 0, 0, None) for ticker, count in self.positions_.items() if count]

    async def settlements(self) -> list[Settlement]:
        return list(self.settlements_)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(datetime(2026, 11, 17, 19, 0, tzinfo=UTC))


@pytest.fixture
def exchange(clock: SimulatedClock) -> Desk:
    return Desk(clock)


class Run:
    """One run of an engine's order path on a home; another one on the same home is its successor."""

    def __init__(
        self, home: Home, clock: SimulatedClock, exchange: Desk, emit: Any, account: str = "simulated-1"
    ) -> None:
        self.home, self.clock, self.exchange = home, clock, exchange
        self.journal = OrderJournal.open(home, clock, account, "simulated", emit)
        self.path = OrderPath(
            exchange,  # type: ignore[arg-type]
            clock,
            LiveMarketClock(clock),
            self.journal,
            emit,
            timedelta(minutes=5),
            ids=OrderIds(),
        )
        view = DocumentWriter(home, Home.exchange, clock, emit, ExchangeView())
        written = DocumentWriter(home, Home.reconciliation, clock, emit, Reconciliation())
        account_view = Account(exchange, clock, view, "engine")  # type: ignore[arg-type]
        self.reconciler = Reconciler(self.path, account_view, written, REQUEST_LIFE_S, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def place(self, ticker: str = "T-1", count: int = ONE_CONTRACT, look: Any = lambda _: None) -> Any:
        return await self.path.place(Wish(ticker, Intent.BUY_YES, 4_000, count), "start-1", look)

    async def reconcile(self) -> Reconciliation:
        await self.reconciler.run_once()
        return self.reconciler.result

    def lines(self) -> list[OrderEvent]:
        text = self.home.path(Home.intents).read_text().splitlines()
        return [OrderEvent.model_validate_json(line) for line in text]

    def acts(self) -> list[str]:
        return [line.act for line in self.lines()]


@pytest.fixture
def run(home: Home, clock: SimulatedClock, exchange: Desk, emit: Any) -> Run:
    return Run(home, clock, exchange, emit)


@pytest.fixture
def successor(home: Home, clock: SimulatedClock, exchange: Desk, emit: Any) -> Callable[..., Run]:
    """Another run on the same home, as after kill -9."""

    def start(account: str = "simulated-1", at: Desk = exchange) -> Run:
        return Run(home, clock, at, emit, account)

    return start
