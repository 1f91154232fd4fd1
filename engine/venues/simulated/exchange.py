"""The exchange: its markets and accounts, its agenda, and what a trade does to both.

One thread, one command at a time. Time is market time and moves only by `advance`; nothing here reads a clock, so the
same agenda run in steps of any size gives the same happenings in the same order.
"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial

from engine.market.fees import FeeSchedule
from engine.market.money import Count, Micros
from engine.venues.simulated.account import Account, Member
from engine.venues.simulated.agenda import Agenda
from engine.venues.simulated.happenings import (
    BookDelta,
    EventCreated,
    FeesOverridden,
    Filled,
    Happening,
    Listener,
    PaidOut,
    Quoted,
    Trade,
)
from engine.venues.simulated.instants import Instant
from engine.venues.simulated.market import (
    EventSpec,
    FeeChange,
    Market,
    MarketSpec,
    MarketStatus,
    Outcome,
    RecordedFrame,
    SeriesSpec,
)
from engine.venues.simulated.matching import Match
from engine.venues.simulated.orders import ClientFill, ClientOrder, Order, OrderStatus, UpdateReason
from engine.venues.simulated.tape import Tape


class Exchange:
    """The state of one exchange. `crowd_cash` is what the population won or lost against accounts."""

    def __init__(self, start: Instant) -> None:
        self.now = start
        self.agenda = Agenda()
        self.series: dict[str, SeriesSpec] = {}
        self.events: dict[str, EventSpec] = {}
        self.markets: dict[str, Market] = {}
        self.by_event: dict[str, list[Market]] = {}
        self.accounts: dict[str, Account] = {}
        self.fee_changes: list[FeeChange] = []
        self.fee_overrides: dict[str, FeeSchedule] = {}
        self.tape = Tape()
        self.exchange_active = True
        self.trading_active = True
        self.crowd_cash: Micros = 0
        self.fees_collected: Micros = 0
        self._clock = 0
        self._muted = False
        self._touched: dict[str, Market] = {}
        self._listeners: list[Listener] = []
        self._ids = random.Random()

    def fresh_id(self) -> str:
        """An identifier that no other run hands out either."""
        # as uuid.UUID(int=…, version=4) writes it, at a third of the time
        text = f"{self._ids.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def listen(self, listener: Listener) -> None:
        """Have `listener` told of everything from now on."""
        self._listeners.append(listener)

    def tell(self, happening: Happening) -> None:
        """Tell every listener, in order."""
        for listener in self._listeners:
            listener(happening)

    def advance(self, to: Instant, at_most: int = 1_000_000) -> bool:
        """Run what is due up to `to`, `at_most` actions; False when more is due. Time never goes back."""
        for _ in range(at_most):
            due = self.agenda.take(to)
            if due is None:
                self.now = max(self.now, to)
                return True
            at, action = due
            self.now = max(self.now, at)
            action()
        return False

    def tell_quotes(self) -> None:
        """Tell the quotes that changed since the last time, once each."""
        touched, self._touched = self._touched, {}
        for market in touched.values():
            self.tell(Quoted(market, self.now))

    def open_account(self, cash: Micros) -> Account:
        """A new member with `cash` micro-dollars."""
        account = Account(self.fresh_id(), cash)
        self.accounts[account.account_id] = account
        return account

    def open_subaccount(self, member: Member) -> Account:
        """The next subaccount of a member, empty."""
        account = Account(member.user_id, 0, max(member.accounts) + 1, member)
        self.accounts[account.account_id] = account
        return account

    def owner(self, order: ClientOrder) -> Account:
        """The account an order belongs to."""
        assert order.owner is not None, f"order {order.order_id} belongs to nobody"
        return self.accounts[order.owner]

    def list_event(self, event: EventSpec) -> list[Market]:
        """Add an event with its markets, all initialized."""
        assert event.ticker not in self.events, f"event {event.ticker} is listed already"
        self.series.setdefault(event.series.ticker, event.series)
        self.events[event.ticker] = event
        markets = [Market(spec, event, self._level_changed) for spec in event.markets]
        for market in markets:
            market.fees = self._fees(event)
        self.by_event[event.ticker] = markets
        self.markets.update({market.ticker: market for market in markets})
        self.tell(EventCreated(event))
        return markets

    def revise(self, market: Market, spec: MarketSpec) -> None:
        """Let a market, and its event, be listed as `spec` says."""
        market.spec, market.updated = spec, self.now
        specs = tuple(spec if each.ticker == spec.ticker else each for each in market.event.markets)
        event = self.events[market.event.ticker] = replace(market.event, markets=specs)
        for each in self.by_event[event.ticker]:
            each.event = event

    def plan_fees(self, change: FeeChange) -> None:
        """Announce a change of fees, and make it when its time comes."""
        self.fee_changes.append(change)
        self.agenda.add(change.at, partial(self._change_fees, change))

    def record_trade(self, market: Market, taker: Order, match: Match) -> None:
        """Print a match and book it to both sides."""
        trade = Trade(self.fresh_id(), market, match.price, match.count, taker.side, self.now)
        self.tape.add(trade)
        market.last_price, market.last_size = match.price, match.count
        market.volume.add(match.count, match.price, self.now)
        # nobody follows the population's positions: half of what it trades counts as newly opened
        market.open_interest += match.count // 2
        market.candles.trade(self.now, match.price, match.count, market.open_interest, market.best())
        self._touched[market.ticker] = market
        self.tell(trade)
        for order in (match.maker, taker):
            if isinstance(order, ClientOrder):
                self._fill(market, order, trade, is_taker=order is taker)

    def replay(self, market: Market, change: Order, frame: RecordedFrame) -> None:
        """Change a level as a recording says, `change.remaining` signed; one delta, whoever stands behind it."""
        book, wanted = market.book, change.remaining
        self._muted = True
        if wanted > 0:
            book.rest(change)
        for resting in reversed(book.orders(change.side, change.price)):
            # a client's own order is not the recording's to shrink
            if wanted < 0 and resting.owner is None:
                taken = min(-wanted, resting.remaining)
                book.reduce(resting, taken)
                wanted += taken
        self._muted = False
        self._tell_delta(market, change, change.remaining if wanted > 0 else change.remaining - wanted, frame)

    def settle(self, market: Market, outcome: Outcome) -> None:
        """Pay out a market and forget nothing: holdings become settlements."""
        market.settled, market.updated, market.status = self.now, self.now, MarketStatus.FINALIZED
        for account in self.accounts.values():
            before = account.cash
            paid = account.settle(market.ticker, outcome.value, outcome.result, self.now)
            self.crowd_cash -= account.cash - before
            if paid is not None:
                self.tell(PaidOut(account, market.ticker))

    def touch(self, market: Market) -> None:
        """Have the market's quote told."""
        self._touched[market.ticker] = market

    def _change_fees(self, change: FeeChange) -> None:
        if change.event_ticker is None:
            assert change.fees is not None, f"series {change.series_ticker} without fees"
            self.series[change.series_ticker] = replace(self.series[change.series_ticker], fees=change.fees)
        else:
            if change.fees is None:
                self.fee_overrides.pop(change.event_ticker, None)
            else:
                self.fee_overrides[change.event_ticker] = change.fees
            self.tell(FeesOverridden(change.event_ticker, change.fees))
        for market in self.markets.values():
            if market.event.series.ticker == change.series_ticker:
                market.fees = self._fees(market.event)

    def _fees(self, event: EventSpec) -> FeeSchedule:
        return self.fee_overrides.get(event.ticker) or self.series[event.series.ticker].fees

    def _fill(self, market: Market, order: ClientOrder, trade: Trade, *, is_taker: bool) -> None:
        account = self.owner(order)
        trade_fee = market.fees.trade_fee(trade.price, trade.count, taker=is_taker)
        charged = order.fees.charge(-order.side.sign * trade.price * trade.count, trade_fee)
        account.cash += charged.balance_change
        self.fees_collected += charged.net
        # an account that trades with another pays it; the population stands in for a missing second account
        self.crowd_cash -= charged.balance_change + charged.net
        holding = account.holding(market)
        holding.trade(order.side, trade.price, trade.count)
        holding.fees += charged.net
        holding.updated = self.now
        self._note_fill(order, trade.price * trade.count, trade.count, charged.net, is_taker=is_taker)
        if order.status is OrderStatus.EXECUTED:
            account.unrest(order)
        else:
            account.recount(order, market)
        fill = ClientFill(
            trade.trade_id, order, trade.price, trade.count, charged.net, is_taker, self.now, holding.position
        )
        account.add_fill(fill)
        self.tell(Filled(account, fill))

    def _note_fill(self, order: ClientOrder, value: Micros, count: Count, fee: Micros, *, is_taker: bool) -> None:
        cost = value if order.side.sign > 0 else count * 10_000 - value
        order.filled += count
        if is_taker:
            order.taker_cost += cost
            order.taker_fees += fee
        else:
            order.maker_cost += cost
            order.maker_fees += fee
        order.updated, order.reason = self.now, UpdateReason.TRADE
        if order.filled + order.reduced == order.initial:
            order.status = OrderStatus.EXECUTED

    def _level_changed(self, order: Order, delta: Count) -> None:
        market = self.markets[order.ticker]
        market.recorded = None
        if not self._muted:
            self._tell_delta(market, order, delta, None)

    def _tell_delta(self, market: Market, order: Order, delta: Count, recorded: RecordedFrame | None) -> None:
        self._clock += 1
        market.clock = self._clock
        self._touched[market.ticker] = market
        market.candles.quote(self.now, *market.best())
        own = order if isinstance(order, ClientOrder) else None
        self.tell(BookDelta(market, order.side, order.price, delta, self._clock, self.now, own, recorded))
