"""What an account may do: create, cancel, cancel all, groups. Every refusal is a `Refusal` that names its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from engine.market.money import ONE_DOLLAR, Count, Micros
from engine.venues.simulated.account import Account
from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.happenings import GroupChanged, OrderChanged
from engine.venues.simulated.market import Market, MarketStatus
from engine.venues.simulated.matching import Match
from engine.venues.simulated.order_groups import OrderGroup
from engine.venues.simulated.orders import (
    ClientOrder,
    Order,
    OrderRequest,
    OrderStatus,
    SelfTrade,
    TimeInForce,
    UpdateReason,
)
from engine.venues.simulated.placing import check, new_order
from engine.venues.simulated.refusals import bad_request, market_inactive, not_found, refuse

NANOS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Ack:
    """What became of an order at once. `value` and `fees` are of its fills, micro-dollars on the YES scale."""

    order: ClientOrder
    filled: Count
    remaining: Count
    value: Micros
    fees: Micros


@dataclass(frozen=True, slots=True)
class Canceled:
    order: ClientOrder
    reduced_by: Count


class Trading:
    """The commands of the accounts on one exchange.

    `system_ns` is CLOCK_BOOTTIME: the minute for which a cancel-all goes on catching orders is a promise to people
    and their kill switch, so it is real time, while expiry and the groups' window are market time.
    """

    def __init__(self, exchange: Exchange, system_ns: Callable[[], int], cancel_all_holds: float = 60.0) -> None:
        self.exchange = exchange
        self.groups: dict[str, dict[str, OrderGroup]] = {}
        self.system_ns = system_ns
        # a fault: cancels are acknowledged and not done
        self.deaf = False
        self._holds_ns = round(cancel_all_holds * NANOS)
        self._caught_until: dict[str, int] = {}
        self._trading_paused_by: set[str] = set()
        self._exchange_paused_by: set[str] = set()

    def create(self, account: Account, request: OrderRequest) -> Ack:
        """Take an order: trade what crosses, rest or cancel what is left. Raises Refusal."""
        market = self.tradable(request.ticker)
        if request.client_order_id and account.is_taken(request.client_order_id):
            raise refuse(409, "order_already_exists")
        check(market, request, self.exchange.now)
        self._check_group(account, request.group_id)
        order = new_order(self.exchange.fresh_id(), account, request, self.exchange.now)
        if (
            account.needed(order, market) + market.fees.trade_fee(order.price, order.remaining, taker=True)
            > account.available()
        ):
            raise refuse(400, "insufficient_balance")
        if request.time_in_force is TimeInForce.FILL_OR_KILL and (
            market.book.available(order.side, order.price) < order.remaining
        ):
            raise refuse(409, "fill_or_kill_insufficient_resting_volume")
        account.take(order)
        return self.execute(account, market, order, reduce_only=request.reduce_only)

    def cancel(self, account: Account, order_id: str) -> Canceled:
        """Cancel one resting order. Raises Refusal: 404 alike for canceled, executed and unknown ones."""
        order = account.order(order_id)
        if order is None:
            raise not_found()
        self.reachable(self.exchange.markets[order.ticker])
        if order.status is not OrderStatus.RESTING:
            raise not_found()
        return Canceled(order, order.remaining if self.deaf else self.take_out(order, UpdateReason.DECREASE))

    def cancel_all(self, account: Account) -> None:
        """Cancel every resting order that can be, and catch those placed within the time that follows."""
        if not self.exchange.exchange_active:
            raise refuse(409, "exchange_is_paused")
        if self.deaf:
            return
        self._caught_until[account.account_id] = self.system_ns() + self._holds_ns
        for order in account.resting_orders():
            if self._is_open(order):
                self.take_out(order, UpdateReason.DECREASE)

    def take_out(self, order: ClientOrder, reason: UpdateReason) -> Count:
        """Cancel a resting order for `reason`; how much was left of it."""
        market = self.exchange.markets[order.ticker]
        market.book.remove(order)
        return self.end(order, reason)

    def pause_trading(self, source: str, *, paused: bool) -> None:
        """Refuse orders while any `source` wants so; orders that asked for it are cancelled at once."""
        self._pause(self._trading_paused_by, source, paused)
        self.exchange.trading_active = not self._trading_paused_by

    def pause_exchange(self, source: str, *, paused: bool) -> None:
        """Refuse orders and cancels, too, while any `source` wants so."""
        self._pause(self._exchange_paused_by, source, paused)
        self.exchange.exchange_active = not self._exchange_paused_by

    def place_anonymous(self, market: Market, order: Order) -> Count:
        """An order of the population: trades what crosses; how much is left. The caller rests it or lets it go."""
        self._record(market, order, market.book.cross(order, SelfTrade.TAKER_AT_CROSS).matches)
        return order.remaining

    def group(self, account: Account, group_id: str) -> OrderGroup:
        """One of the account's groups. Raises Refusal 404."""
        found = self.groups.get(account.account_id, {}).get(group_id)
        if found is None:
            raise not_found()
        return found

    def trigger(self, account: Account, group: OrderGroup) -> None:
        """Cancel what rests of a group and take no more until it is reset."""
        if self.deaf:
            return
        group.triggered = True
        self.cancel_group(account, group, UpdateReason.DECREASE)
        self.exchange.tell(GroupChanged(account, group.group_id, "triggered", group.limit, self.exchange.now))

    def cancel_group(self, account: Account, group: OrderGroup, reason: UpdateReason) -> None:
        """Cancel what rests of a group and can be cancelled."""
        for order in account.resting_orders():
            if order.group_id == group.group_id and self._is_open(order):
                self.take_out(order, reason)

    def expire(self, order: ClientOrder) -> None:
        """Cancel an order whose time has come, if it still rests and no amend has moved its time."""
        due = order.expires is not None and order.expires <= self.exchange.now
        if due and order.status is OrderStatus.RESTING:
            self.take_out(order, UpdateReason.EXPIRY)

    def _pause(self, paused_by: set[str], source: str, paused: bool) -> None:
        if not paused:
            paused_by.discard(source)
            return
        paused_by.add(source)
        for account in self.exchange.accounts.values():
            for order in account.resting_orders():
                if order.cancel_on_pause:
                    self.take_out(order, UpdateReason.HALT)

    def tradable(self, ticker: str) -> Market:
        """A market that takes orders now. Raises Refusal."""
        market = self.exchange.markets.get(ticker)
        if market is None:
            raise bad_request("unknown market")
        self.reachable(market)
        if not self.exchange.trading_active:
            raise refuse(409, "trading_is_paused")
        return market

    def reachable(self, market: Market) -> None:
        """Raises Refusal for a market, or an exchange, that takes not even cancels."""
        if not self.exchange.exchange_active:
            raise refuse(409, "exchange_is_paused")
        if market.status is not MarketStatus.ACTIVE:
            raise market_inactive()

    def _is_open(self, order: ClientOrder) -> bool:
        """Whether an order can be cancelled now."""
        active = self.exchange.markets[order.ticker].status is MarketStatus.ACTIVE
        return active and self.exchange.exchange_active

    def _check_group(self, account: Account, group_id: str | None) -> None:
        if group_id is None:
            return
        group = self.groups.get(account.account_id, {}).get(group_id)
        if group is None:
            raise bad_request("unknown order group")
        if group.triggered:
            raise refuse(409, "order_group_triggered")

    def execute(self, account: Account, market: Market, order: ClientOrder, *, reduce_only: bool = False) -> Ack:
        """Trade what crosses; rest, or end, what is left. The acknowledgement is of these fills alone."""
        before = Ack(order, order.filled, order.remaining, order.taker_cost, order.taker_fees)
        crossing = market.book.cross(order, order.self_trade)
        for own in crossing.own_canceled:
            assert isinstance(own, ClientOrder)
            self.end(own, UpdateReason.SELF_TRADE)
        self._record(market, order, crossing.matches)
        filled, left = order.filled - before.filled, order.remaining
        resting = order.time_in_force is TimeInForce.GOOD_TILL_CANCELED and not crossing.stopped_at_own
        if left and resting:
            self._rest(account, market, order)
        elif order.status is not OrderStatus.EXECUTED:
            reason = UpdateReason.REDUCE_ONLY if reduce_only and not left else UpdateReason.DECREASE
            self.end(order, UpdateReason.SELF_TRADE if crossing.stopped_at_own else reason)
        else:
            self.exchange.tell(OrderChanged(account, order))
        # the group last: it may cancel the order that has just been acknowledged
        cost = order.taker_cost - before.value
        value = cost if order.side.sign > 0 else filled * ONE_DOLLAR - cost
        ack = Ack(order, filled, left if resting else 0, value, order.taker_fees - before.fees)
        self._count_in_group(order, filled)
        self._catch(account, order)
        return ack

    def _rest(self, account: Account, market: Market, order: ClientOrder) -> None:
        market.book.rest(order)
        account.rest(order, market)
        if order.expires is not None:
            self.exchange.agenda.add(order.expires, partial(self.expire, order))
        self.exchange.tell(OrderChanged(account, order))

    def end(self, order: ClientOrder, reason: UpdateReason) -> Count:
        """An order that is in no book ends for `reason`; how much was left of it."""
        account = self.exchange.owner(order)
        left, order.remaining = order.remaining, 0
        order.status, order.reason, order.updated = OrderStatus.CANCELED, reason, self.exchange.now
        account.unrest(order)
        self.exchange.tell(OrderChanged(account, order))
        return left

    def _record(self, market: Market, taker: Order, matches: list[Match]) -> None:
        """Book the matches of one taker, then count them in the makers' groups.

        All have happened in the book by now: a group that is triggered by the first must not find a maker of the next
        still resting that the book no longer has.
        """
        for match in matches:
            self.exchange.record_trade(market, taker, match)
            if isinstance(match.maker, ClientOrder):
                self.exchange.tell(OrderChanged(self.exchange.owner(match.maker), match.maker))
        for match in matches:
            if isinstance(match.maker, ClientOrder):
                self._count_in_group(match.maker, match.count)

    def _count_in_group(self, order: ClientOrder, count: Count) -> None:
        if order.group_id is None or not count:
            return
        account = self.exchange.owner(order)
        group = self.groups.get(account.account_id, {}).get(order.group_id)
        if group is not None and group.fill(count, self.exchange.now) and not group.triggered:
            self.trigger(account, group)

    def _catch(self, account: Account, order: ClientOrder) -> None:
        if order.status is OrderStatus.RESTING and self.system_ns() < self._caught_until.get(account.account_id, 0):
            self.take_out(order, UpdateReason.DECREASE)
