"""One account: cash, positions, collateral and what its resting orders hold back.

Cash is kept as if a contract could be sold short: buying n at p costs p·n, selling brings p·n. What an open short may
have to pay, one dollar a contract, is collateral. So a purchase of NO at 1 - p is a sale of YES at p with its
collateral set aside, opposite holdings net by themselves, and cash over all accounts never changes by a trade.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.market.money import ONE_DOLLAR, Count, Micros, Price
from engine.venues.simulated.instants import Instant
from engine.venues.simulated.market import Market
from engine.venues.simulated.orders import ClientOrder, Side


@dataclass(slots=True)
class Holding:
    """What an account has in one market: `position` signed (negative: NO), `cost` what its own side was bought for.

    `netted`: only one outcome of the event can win, so collateral for several outcomes is that of the largest.
    """

    ticker: str
    event_ticker: str
    netted: bool
    position: Count = 0
    cost: Micros = 0
    realized: Micros = 0
    fees: Micros = 0
    traded: Micros = 0
    traded_count: Count = 0
    updated: Instant = 0

    @property
    def short(self) -> Count:
        """Contracts sold without being held."""
        return max(0, -self.position)

    def trade(self, side: Side, price: Price, count: Count) -> None:
        """Book a trade: first against the opposite position, at its average cost, then as a new position."""
        paid = price if side is Side.BID else ONE_DOLLAR - price
        self.traded += paid * count
        self.traded_count += count
        closing = min(count, max(0, -side.sign * self.position))
        if closing:
            released = self.cost * closing // abs(self.position)
            self.cost -= released
            self.realized += (ONE_DOLLAR - paid) * closing - released
        self.cost += paid * (count - closing)
        self.position += side.sign * count


@dataclass(frozen=True, slots=True)
class ClientFill:
    """One fill of one order; `fee` is net, micro-dollars."""

    fill_id: str
    order: ClientOrder
    price: Price
    count: Count
    fee: Micros
    is_taker: bool
    created: Instant
    post_position: Count


@dataclass(frozen=True, slots=True)
class Settlement:
    """A market settled for an account; `value` is what a YES contract paid."""

    ticker: str
    event_ticker: str
    result: str
    position: Count
    cost: Micros
    revenue: Micros
    value: Price
    fees: Micros
    settled: Instant


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money moved between subaccounts of one member, whole cents."""

    transfer_id: str
    source: int
    destination: int
    cents: int
    created: Instant


@dataclass(slots=True, eq=False)
class Member:
    """One who trades: a primary account, number 0, and up to 63 subaccounts that share its client_order_ids."""

    user_id: str = ""
    accounts: dict[int, Account] = field(default_factory=dict)
    by_client_id: dict[str, ClientOrder] = field(default_factory=dict)
    transfers: dict[str, Transfer] = field(default_factory=dict)
    netted: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Account:
    """Everything that one account of a member holds. `number` 0 is the primary, others are subaccounts of `member`."""

    user_id: str
    cash: Micros
    number: int = 0
    member: Member = field(default_factory=Member)
    holdings: dict[str, Holding] = field(default_factory=dict)
    orders: dict[str, ClientOrder] = field(default_factory=dict)
    resting: dict[str, dict[str, ClientOrder]] = field(default_factory=dict)
    fills: list[ClientFill] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)
    reserved: dict[str, Micros] = field(default_factory=dict)
    _traded: dict[str, Market] = field(default_factory=dict)
    _stale: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.member.user_id = self.user_id
        self.member.accounts[self.number] = self

    @property
    def account_id(self) -> str:
        """What orders name as their owner: the member, and the subaccount where it is not the primary one."""
        return f"{self.user_id}/{self.number}" if self.number else self.user_id

    @property
    def by_client_id(self) -> dict[str, ClientOrder]:
        """The orders of the whole member by client_order_id."""
        return self.member.by_client_id

    def holding(self, market: Market) -> Holding:
        """The holding in a market, made when first asked for."""
        found = self.holdings.get(market.ticker)
        if found is None:
            event = market.event
            netted = bool(event.collateral_return_type)
            found = self.holdings[market.ticker] = Holding(market.ticker, event.ticker, netted)
        return found

    def position(self, ticker: str) -> Count:
        """Signed contracts in a market; 0 where nothing was ever traded."""
        found = self.holdings.get(ticker)
        return found.position if found else 0

    def resting_orders(self) -> list[ClientOrder]:
        """Every resting order of the account."""
        return [order for orders in self.resting.values() for order in orders.values()]

    def available(self) -> Micros:
        """What the account may spend: cash less collateral and less what resting orders hold back."""
        self._recount()
        return self.cash - self.collateral() - sum(self.reserved.values())

    def collateral(self) -> Micros:
        """One dollar for each contract sold; in events of which one outcome wins only for the largest of them."""
        owed: dict[str, Micros] = {}
        for held in self.holdings.values():
            before, short = owed.get(held.event_ticker, 0), held.short * ONE_DOLLAR
            owed[held.event_ticker] = max(before, short) if held.netted else before + short
        return sum(owed.values())

    def needed(self, order: ClientOrder, market: Market) -> Micros:
        """What holding back for `order`, too, would take on top of what is held back in its market now."""
        self._recount()
        resting = {**self.resting.get(order.ticker, {}), order.order_id: order}.values()
        return self._reserve(market, resting) - self.reserved.get(order.ticker, 0)

    def rest(self, order: ClientOrder, market: Market) -> None:
        """Note that an order rests."""
        self.resting.setdefault(order.ticker, {})[order.order_id] = order
        self._traded[order.ticker] = market
        self.hold_back(market)

    def unrest(self, order: ClientOrder, market: Market) -> None:
        """Note that an order rests no more, if it ever did."""
        self.resting.get(order.ticker, {}).pop(order.order_id, None)
        self.hold_back(market)

    def hold_back(self, market: Market) -> None:
        """Have what the resting orders of an event hold back counted anew before it is next asked for."""
        self._stale |= {ticker for ticker, each in self._traded.items() if each.event is market.event}

    def settle(self, ticker: str, value: Price, result: str, settled: Instant) -> Settlement | None:
        """Pay out a market at `value` a YES contract; None where nothing was held."""
        held = self.holdings.get(ticker)
        if held is None or held.position == 0:
            return None
        revenue = abs(held.position) * (value if held.position > 0 else ONE_DOLLAR - value)
        self.cash += held.position * value
        settlement = Settlement(
            ticker, held.event_ticker, result, held.position, held.cost, revenue, value, held.fees, settled
        )
        held.realized += revenue - held.cost
        held.position, held.cost, held.updated = 0, 0, settled
        self.settlements.append(settlement)
        return settlement

    def _recount(self) -> None:
        for ticker in self._stale:
            orders = self.resting[ticker]
            if orders:
                self.reserved[ticker] = self._reserve(self._traded[ticker], orders.values())
            else:
                del self.resting[ticker], self._traded[ticker]
                self.reserved.pop(ticker, None)
        self._stale.clear()

    def _reserve(self, market: Market, orders: Iterable[ClientOrder]) -> Micros:
        """What resting orders of a market may still cost: price and maker fee, nothing for what closes the position."""
        needed = 0
        cover = {Side.BID: self._releasing(market), Side.ASK: max(0, self.position(market.ticker))}
        # the book fills the best price first, so the best price is what closes the position
        for order in sorted(orders, key=lambda each: each.side.sign * -each.price):
            closing = min(cover[order.side], order.remaining)
            cover[order.side] -= closing
            paid = order.price if order.side is Side.BID else ONE_DOLLAR - order.price
            needed += paid * (order.remaining - closing)
            needed += market.fees.trade_fee(order.price, order.remaining, taker=False)
        return needed

    def _releasing(self, market: Market) -> Count:
        """Contracts sold that give their collateral back when they are bought: what no other outcome's sale needs."""
        held = self.holdings.get(market.ticker)
        if held is None:
            return 0
        if not held.netted:
            return held.short
        others = (
            each for each in self.holdings.values() if each.event_ticker == held.event_ticker and each is not held
        )
        return max(0, held.short - max((each.short for each in others), default=0))
