"""Results disputed and corrected in any order: one market wins at most, each pays out once, no money is made."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine.venues.simulated.faults import Fault, Faults
from engine.venues.simulated.instants import SECOND
from engine.venues.simulated.lifecycle import Ending, Lifecycle, outcome
from engine.venues.simulated.market import Market, MarketStatus, Outcome

from .conftest import HIGH, LOW, START, Venue, specs

# below 40 LOW wins, above 50 HIGH does
VALUES = st.sampled_from(["30", "45", "60"])
MARKETS = st.sampled_from([HIGH, LOW])


class Disputes(RuleBasedStateMachine):
    """Two markets whose event has been published; accounts hold YES and NO of both."""

    @initialize(published=VALUES, timers=st.tuples(st.integers(10, 60), st.integers(10, 60)))
    def open(self, published: str, timers: tuple[int, int]) -> None:
        self.venue, self.faults = Venue(empty=True), Faults()
        self.lifecycle = Lifecycle(self.venue.exchange, self.venue.trading, 1, lambda market: None, self.faults)
        due = dict(zip((HIGH, LOW), timers, strict=True))

        def ending(market: Market) -> Ending:
            closes = market.spec.closes
            return Ending(closes + due[market.ticker] * SECOND, closes + 90 * SECOND, self._result(market, published))

        self.lifecycle.follow(specs("quadratic", "1", 100), ending)
        self.venue.exchange.advance(START)
        self.accounts = [self.venue.account() for _ in range(3)]
        for number, ticker in enumerate((HIGH, LOW)):
            maker, taker, other = self.accounts[number:] + self.accounts[:number]
            self.venue.order(maker, "ask", "0.4000", "3.00", ticker=ticker)
            self.venue.order(taker, "bid", "0.4000", "2.00", ticker=ticker)
            self.venue.order(other, "bid", "0.4000", "1.00", ticker=ticker)
        self.money = self.venue.money()
        self.paid: dict[str, str] = {}
        self.venue.exchange.advance(self.venue.market.spec.closes)

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        self.venue.exchange.advance(self.venue.exchange.now + seconds * SECOND)

    @rule(ticker=MARKETS, seconds=st.integers(1, 100))
    def dispute(self, ticker: str, seconds: int) -> None:
        self.faults.put(Fault.parse(f"dispute_s={seconds},where={ticker},count=1"))

    @rule(ticker=MARKETS, value=VALUES)
    def correct(self, ticker: str, value: str) -> None:
        self.faults.put(Fault.parse(f"dispute_value={value},where={ticker},count=1"))

    @invariant()
    def one_wins_at_most(self) -> None:
        assert [each.outcome.result for each in self._markets() if each.outcome is not None].count("yes") <= 1

    @invariant()
    def each_pays_out_once_what_it_then_says_for_ever(self) -> None:
        for market in self._markets():
            assert (market.settled is not None) == (market.status is MarketStatus.FINALIZED)
            paid = [each for account in self.accounts for each in account.settlements if each.ticker == market.ticker]
            assert len(paid) == (3 if market.settled is not None else 0)
            if market.settled is not None:
                assert market.outcome is not None
                result = self.paid.setdefault(market.ticker, market.outcome.result)
                assert {each.result for each in paid} == {result} == {market.outcome.result}

    @invariant()
    def no_money_is_made_and_nobody_owes_any(self) -> None:
        assert self.venue.money() == self.money
        assert self.venue.exchange.crowd_cash == 0
        assert all(account.available() >= 0 for account in self.accounts)

    def teardown(self) -> None:
        """Whatever was disputed, all is paid out in the end."""
        if not hasattr(self, "faults"):
            return
        self.faults.clear()
        self.wait(600)
        assert {each.status for each in self._markets()} == {MarketStatus.FINALIZED}
        self.no_money_is_made_and_nobody_owes_any()

    def _markets(self) -> list[Market]:
        return [self.venue.exchange.markets[ticker] for ticker in (HIGH, LOW)]

    @staticmethod
    def _result(market: Market, published: str) -> Callable[[], Outcome]:
        return lambda: outcome(market, Decimal(published))


Disputes.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestDisputes = Disputes.TestCase
