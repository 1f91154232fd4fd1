"""One account: cash, positions, collateral and what its resting orders hold back.

Cash is kept as if a contract could be sold short: buying n at p costs p·n, selling brings p·n. What an open short may
have to pay, one dollar a contract, is collateral. So a purchase of NO at 1 - p is a sale of YES at p with its
collateral set aside, opposite holdings net by themselves, and cash over all accounts never changes by a trade.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.market.money import ONE_DOLLAR, Count, Micros, Price
from engine.venues.simulated.instants import Instant
from engine.venues.simulated.market import Market
from engine.venues.simulated.orders import ClientOrder, Side
from engine.venues.simulated.reserve import Reserve


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
    reserves: dict[str, Reserve] = field(default_factory=dict)
    _gross: Micros = 0

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
        held_back = self._gross
        for held in self.holdings.values():
            if held.position and (reserve := self.reserves.get(held.ticker)) is not None:
                held_back += reserve.needed(self._cover(held)) - reserve.gross
        return self.cash - self.collateral() - held_back

    def collateral(self) -> Micros:
        """One dollar for each contract sold; in events of which one outcome wins only for the largest of them."""
        owed: dict[str, Micros] = {}
        for held in self.holdings.values():
            before, short = owed.get(held.event_ticker, 0), held.short * ONE_DOLLAR
            owed[held.event_ticker] = max(before, short) if held.netted else before + short
        return sum(owed.values())

    def needed(self, order: ClientOrder, market: Market) -> Micros:
        """What holding back for `order`, too, would take on top of what is held back in its market now."""
        held = self.holdings.get(order.ticker)
        cover = {} if held is None else self._cover(held)
        reserve = self.reserves.get(order.ticker, Reserve())
        return reserve.with_order(order, self._fee(order, market), cover) - reserve.needed(cover)

    def rest(self, order: ClientOrder, market: Market) -> None:
        """Note that an order rests."""
        self.resting.setdefault(order.ticker, {})[order.order_id] = order
        self.recount(order, market)

    def unrest(self, order: ClientOrder) -> None:
        """Note that an order rests no more, if it ever did."""
        resting = self.resting.get(order.ticker)
        if resting is None or resting.pop(order.order_id, None) is None:
            return
        reserve = self.reserves[order.ticker]
        self._gross -= reserve.drop(order.order_id)
        if not resting:
            assert not reserve.gross, f"{order.ticker}: {reserve.gross} held back for no order"
            del self.resting[order.ticker], self.reserves[order.ticker]

    def recount(self, order: ClientOrder, market: Market) -> None:
        """Hold back for a resting order as it is now."""
        if order.order_id in self.resting.get(order.ticker, ()):
            reserve = self.reserves.setdefault(order.ticker, Reserve())
            self._gross += reserve.count(order, self._fee(order, market))

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

    @staticmethod
    def _fee(order: ClientOrder, market: Market) -> Micros:
        return market.fees.trade_fee(order.price, order.remaining, taker=False)

    def _cover(self, held: Holding) -> dict[Side, Count]:
        """How many contracts of each side would only close the position."""
        return {Side.BID: self._releasing(held), Side.ASK: max(0, held.position)}

    def _releasing(self, held: Holding) -> Count:
        """Contracts sold that give their collateral back when they are bought: what no other outcome's sale needs."""
        if not held.netted or not held.short:
            return held.short
        others = (
            each for each in self.holdings.values() if each.event_ticker == held.event_ticker and each is not held
        )
        return max(0, held.short - max((each.short for each in others), default=0))
