"""One account: cash, positions, collateral and what its resting orders hold back.

Cash is kept as if a contract could be sold short: buying n at p costs p·n, selling brings p·n. What an open short may
have to pay, one dollar a contract, is collateral. So a purchase of NO at 1 - p is a sale of YES at p with its
collateral set aside, opposite holdings net by themselves, and cash over all accounts never changes by a trade.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import merge
from itertools import chain

from engine.market.money import ONE_DOLLAR, Count, Micros, Price
from engine.venues.simulated.history import History
from engine.venues.simulated.holding import Holding, Settlement
from engine.venues.simulated.instants import Instant
from engine.venues.simulated.market import Market
from engine.venues.simulated.orders import ClientFill, ClientOrder, OrderStatus, Side
from engine.venues.simulated.reserve import Reserve

# of each account: as many ended orders and fills are at hand, the others in its member's history
AT_HAND = 500
# moved there at once
MOVED = 100


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
    taken: int = 0
    history: History = field(default_factory=History)
    transfers: dict[str, Transfer] = field(default_factory=dict)
    netted: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Account:
    """Everything that one account of a member holds. `number` 0 is the primary, others are subaccounts of `member`.

    `orders` and `fills` are those at hand: all that rest, and the last to be taken or made; the others are history.
    `decided`: events of which one outcome can win, and whose winner this account has been settled for.
    """

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
    decided: set[str] = field(default_factory=set)
    _gross: Micros = 0
    _full: int = AT_HAND + MOVED

    def __post_init__(self) -> None:
        self.member.user_id = self.user_id
        self.member.accounts[self.number] = self

    @property
    def account_id(self) -> str:
        """What orders name as their owner: the member, and the subaccount where it is not the primary one."""
        return f"{self.user_id}/{self.number}" if self.number else self.user_id

    def named(self, client_order_id: str) -> ClientOrder | None:
        """The order at hand, of any account of the member, that has or had this client_order_id."""
        return self.member.by_client_id.get(client_order_id)

    def is_taken(self, client_order_id: str) -> bool:
        """Whether any order of the member ever had this client_order_id."""
        return client_order_id in self.member.by_client_id or self.member.history.named(client_order_id)

    def take(self, order: ClientOrder) -> None:
        """Note a new order."""
        self.member.taken += 1
        order.serial = self.member.taken
        self.orders[order.order_id] = order
        if order.client_order_id:
            self.member.by_client_id[order.client_order_id] = order
        if len(self.orders) >= self._full:
            self._put_orders_away()

    def rename(self, order: ClientOrder, client_order_id: str) -> None:
        """Give an order another client_order_id; the one it had is never free again."""
        self.member.by_client_id[client_order_id] = order
        order.client_order_id = client_order_id

    def add_fill(self, fill: ClientFill) -> None:
        """Note a new fill."""
        self.fills.append(fill)
        if len(self.fills) >= AT_HAND + MOVED:
            self.member.history.keep_fills(self.account_id, self.fills[:MOVED])
            del self.fills[:MOVED]

    def order(self, order_id: str) -> ClientOrder | None:
        """An order of the account, as it is or as it ended."""
        return self.orders.get(order_id) or self.member.history.order(self.account_id, order_id)

    def latest_orders(self, *, ticker: str | None = None, status: OrderStatus | None = None) -> Iterator[ClientOrder]:
        """The orders of the account, the last to be taken first; what is named narrows the older ones only."""
        # what rests is at hand
        resting = status is OrderStatus.RESTING
        older = () if resting else self.member.history.orders(self.account_id, ticker=ticker, status=status)
        return merge(reversed(self.orders.values()), older, key=lambda each: each.serial, reverse=True)

    def latest_fills(self, *, order_id: str | None = None) -> Iterator[ClientFill]:
        """The fills of the account, newest first; what is named narrows the older ones only."""
        return chain(reversed(self.fills), self.member.history.fills(self.account_id, order_id=order_id))

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
            if held.event_ticker in self.decided:
                # the dollar that the outcomes shared has been paid, and no other of them can win
                continue
            before, short = owed.get(held.event_ticker, 0), held.short * ONE_DOLLAR
            owed[held.event_ticker] = max(before, short) if held.netted else before + short
        return sum(owed.values())

    def needed(self, order: ClientOrder, market: Market) -> Micros:
        """What holding back for `order`, too, would take on top of what is held back in its market now."""
        held = self.holdings.get(order.ticker)
        cover = {} if held is None else self._cover(held)
        reserve = self.reserves.get(order.ticker) or Reserve()
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
            reserve = self.reserves.get(order.ticker)
            if reserve is None:
                reserve = self.reserves[order.ticker] = Reserve()
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
        if held.netted and value == ONE_DOLLAR:
            self.decided.add(held.event_ticker)
        held.realized += revenue - held.cost
        held.position, held.cost, held.updated = 0, 0, settled
        self.settlements.append(settlement)
        return settlement

    def _put_orders_away(self) -> None:
        ended = [order for order in self.orders.values() if order.status is not OrderStatus.RESTING]
        moved = {order.order_id for order in ended[:-AT_HAND]}
        by_name = self.member.by_client_id
        names = [name for name, order in by_name.items() if order.order_id in moved]
        self.member.history.keep_orders(self.account_id, [self.orders.pop(order_id) for order_id in moved], names)
        for name in names:
            del by_name[name]
        self._full = len(self.orders) + MOVED

    @staticmethod
    def _fee(order: ClientOrder, market: Market) -> Micros:
        return market.fees.trade_fee(order.price, order.remaining, taker=False)

    def _cover(self, held: Holding) -> dict[Side, Count]:
        """How many contracts of each side would only close the position."""
        return {Side.BID: self._releasing(held), Side.ASK: max(0, held.position)}

    def _releasing(self, held: Holding) -> Count:
        """Contracts sold that give their collateral back when they are bought: what no other outcome's sale needs."""
        if held.event_ticker in self.decided:
            return 0
        if not held.netted or not held.short:
            return held.short
        others = (
            each for each in self.holdings.values() if each.event_ticker == held.event_ticker and each is not held
        )
        return max(0, held.short - max((each.short for each in others), default=0))
