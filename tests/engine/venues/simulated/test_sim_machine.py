"""Any sequence of commands: the books are those of a naive exchange, no money is made, fees and frames add up."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.market.money import parse_count, parse_price
from engine.venues.simulated.account import Account
from engine.venues.simulated.amending import Amendment, amend, decrease
from engine.venues.simulated.auth import Doorkeeper
from engine.venues.simulated.faults import Fault, Faults
from engine.venues.simulated.instants import SECOND
from engine.venues.simulated.lifecycle import Ending, Lifecycle, outcome
from engine.venues.simulated.market import Market, MarketStatus, Outcome
from engine.venues.simulated.order_groups import OrderGroup
from engine.venues.simulated.orders import ClientOrder, OrderStatus, Side
from engine.venues.simulated.refusals import Refusal
from engine.venues.simulated.stream import Stream
from engine.venues.simulated.trading import Ack

from .conftest import HIGH, LOW, NOW, Venue
from .naive_book import NaiveBook, Resting

PRICES = st.sampled_from([1, 10, 40, 48, 49, 50, 51, 52, 60, 90, 99])
COUNTS = st.integers(1, 600)
WHO = st.integers(0, 2)
TICKERS = st.sampled_from([HIGH, LOW])
SIDES = st.sampled_from(["bid", "ask"])
TIMES = st.sampled_from(["good_till_canceled", "good_till_canceled", "immediate_or_cancel", "fill_or_kill"])
PREVENTIONS = st.sampled_from(["taker_at_cross", "maker"])
FLAGS = st.sampled_from(["", "", "", "post_only", "reduce_only", "expires", "group", "group", "pause"])
WHICH = st.integers(0, 99)
# below 40 LOW wins, above 50 HIGH does
PUBLISHED = st.sampled_from(["30", "45", "60"])
VALUES = st.none() | PUBLISHED


class Reader:
    """One who subscribed to a market's book, and what it makes of the frames."""

    def __init__(self, venue: Venue, *, use_yes_price: bool) -> None:
        self.use_yes_price = use_yes_price
        self.levels: dict[str, dict[tuple[str, int], int]] = {}
        self.seq = 0
        stream = Stream(venue.exchange, Doorkeeper(lambda: NOW), lambda: None, lambda: 0)
        session = stream.open(venue.account(), self.hear)
        params = {"channels": ["orderbook_delta"], "market_tickers": [HIGH, LOW], "use_yes_price": use_yes_price}
        session.handle(json.dumps({"id": 1, "cmd": "subscribe", "params": params}))

    def hear(self, text: str) -> None:
        frame: dict[str, Any] = json.loads(text)
        if frame["type"] == "subscribed":
            return
        self.seq += 1
        assert frame["seq"] == self.seq
        message = frame["msg"]
        if frame["type"] == "orderbook_snapshot":
            book = self.levels[message["market_ticker"]] = {}
            for side in ("yes", "no"):
                for price, count in message.get(f"{side}_dollars_fp", ()):
                    book[side, self.yes_price(side, price)] = parse_count(count)
            return
        level = message["side"], self.yes_price(message["side"], message["price_dollars"])
        book = self.levels[message["market_ticker"]]
        book[level] = book.get(level, 0) + parse_count(message["delta_fp"])
        assert book[level] >= 0
        if not book[level]:
            del book[level]

    def yes_price(self, side: str, price: str) -> int:
        scaled = parse_price(price)
        return scaled if side == "yes" or self.use_yes_price else 10_000 - scaled


class AnySequence(RuleBasedStateMachine):
    """Three accounts, two markets of which one can win, every command there is."""

    @initialize(fee_type=st.sampled_from(["quadratic", "quadratic_with_maker_fees"]), published=PUBLISHED)
    def open(self, fee_type: str, published: str) -> None:
        self.venue = Venue(fee_type)
        self.accounts = [self.venue.account(60) for _ in range(3)]
        self.money = self.venue.money()
        self.naive = {HIGH: NaiveBook(), LOW: NaiveBook()}
        self.readers: list[Reader] = []
        self.made: list[ClientOrder] = []
        self.reset_at = [0, 0, 0]
        self.halted = False
        self.faults, self.published = Faults(), published
        self.lifecycle = Lifecycle(self.venue.exchange, self.venue.trading, 1, lambda market: None, self.faults)

        # nobody starts with an empty book
        for number in range(12):
            side, cents = ("bid", 48 - number % 3) if number % 2 else ("ask", 52 + number % 3)
            who, ticker = number % 3, (HIGH, LOW)[number % 4 // 2]
            self._create(who, ticker, side, cents, 150 + number, "good_till_canceled", "maker", "")
        assert len(self.made) == 12

    # commands

    @rule(orders=st.lists(st.tuples(WHO, TICKERS, SIDES, PRICES, COUNTS, TIMES, PREVENTIONS, FLAGS), max_size=5))
    def create(self, orders: list[tuple[int, str, str, int, int, str, str, str]]) -> None:
        """One after the other, as a batch would, each accepted or refused for itself."""
        for each in orders:
            self._create(*each)

    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        order = self.made[which % len(self.made)]
        resting = order.status is OrderStatus.RESTING
        try:
            self.venue.trading.cancel(self._owner(order), order.order_id)
        except Refusal:
            assert not resting or self.halted or self._market(order).status is not MarketStatus.ACTIVE
            return
        assert resting
        self.naive[order.ticker].remove(order.order_id)

    @rule(which=WHICH, cents=PRICES, count=COUNTS, same_price=st.booleans())
    def amend(self, which: int, cents: int, count: int, same_price: bool) -> None:
        order = self.made[which % len(self.made)]
        price = order.price if same_price else cents * 100
        before = replace(order)
        wanted = Amendment(order.ticker, order.side, price, order.filled + count)
        try:
            ack = amend(self.venue.trading, self._owner(order), order.order_id, wanted)
        except Refusal:
            assert (order.price, order.remaining, order.initial) == (before.price, before.remaining, before.initial)
            return
        book = self.naive[order.ticker]
        if price == before.price and count <= before.remaining:
            book.orders[order.order_id].left = count
            return
        book.remove(order.order_id)
        fresh = Resting(order.order_id, order.owner or "", order.side is Side.BID, price, count, 0)
        if order.post_only and order.status is OrderStatus.CANCELED:
            assert book.crossed_by(fresh)
            return
        self._expect(order.ticker, ack, fresh, str(order.self_trade), rests=True)

    @rule(which=WHICH, by=COUNTS)
    def decrease(self, which: int, by: int) -> None:
        order = self.made[which % len(self.made)]
        try:
            decrease(self.venue.trading, self._owner(order), order.order_id, by=by)
        except Refusal:
            return
        book = self.naive[order.ticker]
        book.lower(order.order_id, min(by, book.orders[order.order_id].left))

    @rule(who=WHO)
    def cancel_all(self, who: int) -> None:
        account = self.accounts[who]
        try:
            self.venue.trading.cancel_all(account)
        except Refusal:
            assert self.halted
            return
        # those that follow within the minute are caught, too: let it pass at once
        self.venue.system += 60_000_000_000
        self._forget(account, lambda order: self._market(order).status is MarketStatus.ACTIVE)

    @rule(who=WHO, act=st.sampled_from(["trigger", "reset"]))
    def group(self, who: int, act: str) -> None:
        account, group = self.accounts[who], self._group(who)
        if act == "reset":
            group.reset()
            self.reset_at[who] = len(account.fills)
            return
        self.venue.trading.trigger(account, group)
        self._forget(account, lambda order: order.group_id == group.group_id)

    @rule(who=WHO, ticker=TICKERS, side=SIDES, counts=st.lists(st.integers(1, 250), min_size=2, max_size=4))
    def sweep(self, who: int, ticker: str, side: str, counts: list[int]) -> None:
        """Several orders of one group, and one who takes them all at once."""
        self.group(who, "reset")
        for count in counts:
            self._create(who, ticker, side, 50, count, "good_till_canceled", "maker", "group")
        taker = "ask" if side == "bid" else "bid"
        self._create((who + 1) % 3, ticker, taker, 50, sum(counts), "immediate_or_cancel", "maker", "")

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        self.venue.exchange.advance(self.venue.exchange.now + seconds * SECOND)
        for order in self.made:
            if order.expires is not None and order.expires <= self.venue.exchange.now:
                self.naive[order.ticker].remove(order.order_id)

    @rule(what=st.sampled_from(["trading", "exchange"]), which=WHICH)
    def pause_and_resume(self, what: str, which: int) -> None:
        trading, order = self.venue.trading, self.made[which % len(self.made)]
        pause = trading.pause_trading if what == "trading" else trading.pause_exchange
        pause("test", paused=True)
        for account in self.accounts:
            self._forget(account, lambda each: each.cancel_on_pause)
        with pytest.raises(Refusal):
            self.venue.order(self.accounts[0], "bid", "0.5000")
        with pytest.raises(Refusal):
            amend(trading, self._owner(order), order.order_id, Amendment(order.ticker, order.side, 5_000, 1))
        self.halted = what == "exchange"
        self.cancel(which)
        self.halted = False
        pause("test", paused=False)

    @precondition(lambda self: len(self.readers) < 2)
    @rule(use_yes_price=st.booleans())
    def subscribe(self, use_yes_price: bool) -> None:
        self.readers.append(Reader(self.venue, use_yes_price=use_yes_price))

    @precondition(lambda self: len(self.made) > 20)
    @rule(ticker=TICKERS, later=st.integers(0, 60))
    def end(self, ticker: str, later: int) -> None:
        market = self.venue.exchange.markets[ticker]
        if market.status is not MarketStatus.ACTIVE:
            return
        self.lifecycle._close(market)
        self.lifecycle._cancel_resting(market)
        self.naive[ticker] = NaiveBook()
        self.lifecycle._determine(market, Ending(0, self.venue.exchange.now + later * SECOND, self._outcome(market)))

    @rule(ticker=TICKERS, seconds=st.integers(1, 60), value=VALUES)
    def dispute(self, ticker: str, seconds: int, value: str | None) -> None:
        """With a corrected value, of the whole event, or without one."""
        market = self.venue.exchange.markets[ticker]
        if market.status is MarketStatus.DETERMINED:
            if value is not None:
                self.faults.put(Fault.parse(f"dispute_value={value},where={ticker},count=1"))
            self.lifecycle._dispute(market, seconds)

    # what must hold after each of them

    @invariant()
    def books_are_those_of_the_naive_exchange(self) -> None:
        for ticker, naive in self.naive.items():
            book = self.venue.exchange.markets[ticker].book
            for side in Side:
                queue = [
                    (order.order_id, order.price, order.remaining)
                    for price, _ in reversed(book.levels(side))
                    for order in book.orders(side, price)
                ]
                assert queue == naive.queue(bid=side is Side.BID)
            bid, ask = book.best(Side.BID), book.best(Side.ASK)
            assert bid is None or ask is None or bid < ask

    @invariant()
    def books_are_their_snapshot_and_deltas(self) -> None:
        for reader in self.readers:
            for ticker in (HIGH, LOW):
                book = self.venue.exchange.markets[ticker].book
                expected = {(side.outcome, price): total for side in Side for price, total in book.levels(side)}
                assert reader.levels[ticker] == expected

    @invariant()
    def no_money_is_made(self) -> None:
        assert self.venue.money() == self.money + sum(
            each.cash for each in self.venue.exchange.accounts.values() if each not in self.accounts
        )
        # nobody but these accounts trades: what one wins another loses
        assert self.venue.exchange.crowd_cash == 0
        for ticker in (HIGH, LOW):
            assert sum(account.position(ticker) for account in self.accounts) == 0
        for account in self.accounts:
            # a fill may round a fee up by 0.0001 beyond what was held back for it
            assert account.available() > -10_000

    @invariant()
    def one_market_wins_at_most_and_what_was_paid_out_is_its_result(self) -> None:
        markets = [self.venue.exchange.markets[ticker] for ticker in (HIGH, LOW)]
        assert sum(market.outcome.value for market in markets if market.outcome is not None) <= 10_000
        for market in markets:
            assert (market.settled is not None) == (market.status is MarketStatus.FINALIZED)
            for account in self.accounts:
                paid = [each for each in account.settlements if each.ticker == market.ticker]
                assert len(paid) <= 1
                assert not paid or market.settled is not None
                assert all(each.value == market.outcome.value for each in paid if market.outcome is not None)
                assert market.settled is None or account.position(market.ticker) == 0

    @invariant()
    def orders_add_up(self) -> None:
        for order in self.made:
            fills = [fill for fill in self._owner(order).fills if fill.order is order]
            assert order.filled == sum(fill.count for fill in fills)
            assert order.taker_fees + order.maker_fees == sum(fill.fee for fill in fills)
            if order.status is OrderStatus.RESTING:
                assert order.filled + order.remaining + order.reduced == order.initial
                assert order.order_id in self._owner(order).resting[order.ticker]
            else:
                assert order.remaining == 0
                assert (order.status is OrderStatus.EXECUTED) == (order.filled + order.reduced == order.initial)

    @invariant()
    def fees_are_those_of_the_formula(self) -> None:
        for account in self.accounts:
            charged: dict[str, tuple[Fraction, int, int]] = {}
            for fill in account.fills:
                exact, net, number = charged.get(fill.order.order_id, (Fraction(0), 0, 0))
                maker_rate = Fraction(175, 10_000) if "maker" in self.venue.fee_type else Fraction(0)
                rate = Fraction(7, 100) if fill.is_taker else maker_rate
                price = Fraction(fill.price, 10_000)
                # micro-dollars: count is in hundredths
                fee = rate * fill.count * price * (1 - price) * 10_000
                assert fill.fee >= 0
                charged[fill.order.order_id] = exact + fee, net + fill.fee, number + 1
            for exact, net, number in charged.values():
                # each fill is rounded up to a hundredth of a cent; what rounding the balance costs comes back
                assert exact <= net < exact + number * 100 + 100
                assert net <= math.ceil(exact / 100) * 100 + number * 100

    @invariant()
    def a_group_is_triggered_by_its_limit_and_then_has_nothing_resting(self) -> None:
        for who, account in enumerate(self.accounts):
            group = self._group(who)
            if group.triggered:
                assert not [order for order in account.resting_orders() if order.group_id is not None]
                continue
            recent = [
                fill.count
                for fill in account.fills[self.reset_at[who] :]
                if fill.order.group_id is not None and fill.created > self.venue.exchange.now - 15 * SECOND
            ]
            assert sum(recent) <= group.limit

    # helpers

    def _create(self, who: int, ticker: str, side: str, cents: int, count: int, tif: str, stp: str, flag: str) -> None:
        account, options = self.accounts[who], self._options(who, flag)
        held = account.position(ticker)
        try:
            ack = self.venue.order(
                account, side, f"0.{cents:02d}", f"{count / 100:.2f}", ticker=ticker, tif=tif, stp=stp, **options
            )
        except Refusal:
            return
        if flag == "reduce_only":
            count = min(count, max(0, held if side == "ask" else -held))
        self.made.append(ack.order)
        wanted = Resting(ack.order.order_id, account.account_id, side == "bid", cents * 100, count, 0)
        self._expect(ticker, ack, wanted, stp, rests=tif == "good_till_canceled")

    def _expect(self, ticker: str, ack: Ack, order: Resting, stp: str, *, rests: bool) -> None:
        """What the naive exchange makes of an order that was accepted."""
        fills, stopped = self.naive[ticker].take(order, stp)
        assert ack.filled == sum(count for _, _, count in fills)
        assert ack.value == sum(price * count for _, price, count in fills)
        assert ack.remaining == (order.left if rests and not stopped else 0)
        if rests and order.left and not stopped:
            self.naive[ticker].rest(order)
        # a group that has had its fill takes its orders out, the one just acknowledged included
        for who, account in enumerate(self.accounts):
            if self._group(who).triggered:
                self._forget(account, lambda each: each.group_id is not None)

    def _options(self, who: int, flag: str) -> dict[str, Any]:
        if flag == "expires":
            return {"expires": self.venue.exchange.now + 15 * SECOND}
        if flag == "group":
            return {"group": self._group(who).group_id}
        if flag == "pause":
            return {"cancel_on_pause": True}
        return {flag: True} if flag else {}

    def _group(self, who: int) -> OrderGroup:
        groups = self.venue.trading.groups.setdefault(self.accounts[who].account_id, {})
        return groups.setdefault(f"group-{who}", OrderGroup(f"group-{who}", 200))

    def _forget(self, account: Account, gone: Any) -> None:
        for order in self.made:
            if order.owner == account.account_id and gone(order):
                self.naive[order.ticker].remove(order.order_id)

    def _outcome(self, market: Market) -> Callable[[], Outcome]:
        return lambda: outcome(market, Decimal(self.published))

    def _owner(self, order: ClientOrder) -> Account:
        return self.venue.exchange.owner(order)

    def _market(self, order: ClientOrder) -> Market:
        return self.venue.exchange.markets[order.ticker]


AnySequence.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestAnySequence = AnySequence.TestCase
