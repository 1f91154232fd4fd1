"""How events live: listed, opened, closed, determined, settled; and the exchange's weekly pause.

Opening and closing by the clock are silent on the wire; what is announced goes out as `MarketChanged`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import time, timedelta
from decimal import Decimal
from functools import partial
from typing import TypeAlias

from engine.market.money import ONE_DOLLAR
from engine.venues.simulated import ladders
from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.faults import FaultName, Faults
from engine.venues.simulated.happenings import MarketChanged, MarketEvent
from engine.venues.simulated.instants import DAY, HOUR, SECOND, Instant, to_datetime
from engine.venues.simulated.latent import ValuePath
from engine.venues.simulated.market import EventSpec, Market, MarketStatus, Outcome
from engine.venues.simulated.orders import ClientOrder, Side, UpdateReason
from engine.venues.simulated.timetables import eastern
from engine.venues.simulated.trading import Trading

AHEAD: Instant = 2 * DAY
BEHIND: Instant = 2 * DAY
# resting orders are cancelled shortly after the close, not by it
CANCEL_AFTER_CLOSE: Instant = SECOND
NEVER: Instant = 1 << 62
Opened: TypeAlias = Callable[[Market], None]


@dataclass(frozen=True, slots=True)
class Ending:
    """When a market's result is there and when it is paid out; `outcome` is asked when it is there."""

    determines: Instant
    settles: Instant
    outcome: Callable[[], Outcome]


class Lifecycle:
    """Runs the events of one exchange; `opened` is told of each market that begins to trade."""

    def __init__(
        self, exchange: Exchange, trading: Trading, seed: int, opened: Opened, faults: Faults | None = None
    ) -> None:
        self._exchange = exchange
        self._trading = trading
        self._seed = seed
        self._opened = opened
        self._faults = faults if faults is not None else Faults()
        self._faults.listen(self._pause_markets)
        self.paths: dict[str, ValuePath] = {}
        self._corrected: dict[str, Decimal] = {}
        self._settles: dict[str, Instant] = {}

    def start(self) -> None:
        """List what is open, near or just over, and go on listing as the days pass."""
        for series in ladders.ALL_SERIES:
            self._exchange.series[series.ticker] = series
        self._list(self._exchange.now - BEHIND)

    def follow(self, event: EventSpec, ending: Callable[[Market], Ending | None]) -> None:
        """List one event and put the rest of its life on the agenda; what lies in the past happens at once."""
        exchange, agenda = self._exchange, self._exchange.agenda
        for market in exchange.list_event(event):
            self._tell(market, MarketEvent.CREATED)
            agenda.add(market.spec.opens, partial(self._open, market))
            self._plan_close(market)
            ends = ending(market)
            if ends is not None:
                agenda.add(max(ends.determines, _closed_for_good(market)), partial(self._reach_end, market, ends))

    def move_close(self, market: Market, closes: Instant) -> None:
        """Let a market that has not closed yet close at another time, which is announced."""
        self._exchange.revise(market, replace(market.spec, closes=closes))
        self._plan_close(market)
        self._tell(market, MarketEvent.CLOSE_DATE_UPDATED)

    def pause_weekly(self) -> None:
        """Pause trading each Thursday from 03:00 to 05:00 ET."""
        day = to_datetime(self._exchange.now).date()
        for offset in range(8):
            thursday = day + timedelta(days=offset)
            begins, ends = (eastern(thursday, time(hour)) for hour in (3, 5))
            if thursday.weekday() == 3 and ends > self._exchange.now:
                self._exchange.agenda.add(begins, partial(self._pause, True))
                self._exchange.agenda.add(ends, partial(self._pause, False))
                self._exchange.agenda.add(ends, self.pause_weekly)
                return

    def _list(self, since: Instant) -> None:
        exchange = self._exchange
        until = exchange.now + AHEAD
        first, last = (to_datetime(instant).date() for instant in (since, until))
        for event in ladders.events(first, last):
            if event.ticker not in exchange.events and event.opens < until and event.closes > since:
                assert event.latent is not None, f"event {event.ticker}: nothing to settle it from"
                self.paths[event.ticker] = ValuePath(event.ticker, event.latent, self._seed)
                self.follow(event, self._ending)
        exchange.agenda.add(exchange.now + HOUR, partial(self._list, exchange.now))

    def _ending(self, market: Market) -> Ending:
        determines = market.event.determines
        settles = determines + market.spec.settlement_timer_seconds * SECOND
        return Ending(determines, settles, partial(self._outcome, market))

    def _outcome(self, market: Market) -> Outcome:
        return outcome(market, self.paths[market.event.ticker].published())

    def _open(self, market: Market) -> None:
        if self._exchange.now < market.spec.closes:
            market.status, market.updated = MarketStatus.ACTIVE, self._exchange.now
            self._opened(market)
            if self._faults.covers(FaultName.MARKET_PAUSE, market.ticker):
                self._deactivate(market)

    def _pause_markets(self) -> None:
        """Let the markets that a fault pauses be inactive, and the others active again, with empty books."""
        for market in self._exchange.markets.values():
            wanted = self._faults.covers(FaultName.MARKET_PAUSE, market.ticker)
            if wanted and market.status is MarketStatus.ACTIVE:
                self._deactivate(market)
            elif not wanted and market.status is MarketStatus.INACTIVE:
                self._cancel_resting(market, UpdateReason.HALT)
                market.status, market.updated = MarketStatus.ACTIVE, self._exchange.now
                self._tell(market, MarketEvent.ACTIVATED)
                self._opened(market)

    def _deactivate(self, market: Market) -> None:
        market.status, market.updated = MarketStatus.INACTIVE, self._exchange.now
        self._tell(market, MarketEvent.DEACTIVATED)

    def _plan_close(self, market: Market) -> None:
        agenda, closes = self._exchange.agenda, market.spec.closes
        agenda.add(closes, partial(self._reach_close, market))
        agenda.add(closes + CANCEL_AFTER_CLOSE, partial(self._reach_close, market))

    def _reach_close(self, market: Market) -> None:
        """Close, and a moment later cancel what rests, unless the close has been moved: it comes again then."""
        closes, now = market.spec.closes, self._exchange.now
        if now >= closes and market.status in (MarketStatus.INITIALIZED, MarketStatus.INACTIVE, MarketStatus.ACTIVE):
            self._close(market)
        if now >= closes + CANCEL_AFTER_CLOSE:
            self._cancel_resting(market)

    def _close(self, market: Market) -> None:
        market.status, market.updated = MarketStatus.CLOSED, self._exchange.now

    def _cancel_resting(self, market: Market, reason: UpdateReason = UpdateReason.CLOSE) -> None:
        for side in Side:
            for price, _ in market.book.levels(side):
                for order in market.book.orders(side, price):
                    if isinstance(order, ClientOrder):
                        self._trading.take_out(order, reason)
                    else:
                        market.book.reduce(order, order.remaining)  # to nothing: whoever placed it sees that it is gone

    def _reach_end(self, market: Market, ends: Ending) -> None:
        """Determine, unless the close has been moved beyond the time for it."""
        closed = _closed_for_good(market)
        if self._exchange.now < closed:
            self._exchange.agenda.add(closed, partial(self._reach_end, market, ends))
        else:
            self._determine(market, ends)

    def _determine(self, market: Market, ends: Ending) -> None:
        corrected = self._corrected.get(market.event.ticker)
        market.outcome = ends.outcome() if corrected is None else outcome(market, corrected)
        market.status, market.updated = MarketStatus.DETERMINED, self._exchange.now
        self._tell(market, MarketEvent.DETERMINED)
        self._plan_settlement(market, max(ends.settles, self._exchange.now))
        fault = self._faults.fires(FaultName.DISPUTE_S, market.ticker)
        if fault is not None:
            self._exchange.agenda.add(self._exchange.now + SECOND, partial(self._dispute, market, fault.number()))

    def _dispute(self, market: Market, seconds: float) -> None:
        if market.status is not MarketStatus.FINALIZED:
            market.status, market.updated = MarketStatus.DISPUTED, self._exchange.now
            self._exchange.agenda.add(self._exchange.now + round(seconds * SECOND), partial(self._resolve, market))

    def _resolve(self, market: Market) -> None:
        """The dispute is over: the result stands, or the event's value was another one."""
        fault = self._faults.fires(FaultName.DISPUTE_VALUE, market.ticker)
        if fault is not None:
            self._correct(market.event.ticker, Decimal(fault.value))
        self._amend(market)

    def _correct(self, event_ticker: str, value: Decimal) -> bool:
        """Let an event's value be `value`, for all its markets; not when that changes one that is paid out already."""
        ended = [
            (market, market.outcome, outcome(market, value))
            for market in self._exchange.by_event[event_ticker]
            if market.outcome is not None and market.spec.strike is not None
        ]
        paid = [each for each in ended if each[0].status is MarketStatus.FINALIZED]
        if any(before.value != after.value for _, before, after in paid):
            return False
        self._corrected[event_ticker] = value
        for market, before, after in ended:
            if market.status is MarketStatus.FINALIZED:
                continue
            market.outcome = after
            if before.value != after.value:
                self._tell(market, MarketEvent.DETERMINED)
                if market.status is not MarketStatus.DISPUTED:
                    self._amend(market)
        return True

    def _amend(self, market: Market) -> None:
        """What the result is now is paid out after the timer."""
        market.status, market.updated = MarketStatus.AMENDED, self._exchange.now
        self._plan_settlement(market, self._exchange.now + market.spec.settlement_timer_seconds * SECOND)

    def _plan_settlement(self, market: Market, at: Instant) -> None:
        self._settles[market.ticker] = at
        self._exchange.agenda.add(at, partial(self._settle, market))

    def _settle(self, market: Market) -> None:
        assert market.outcome is not None, f"market {market.ticker} settles undetermined"
        if market.status is MarketStatus.DISPUTED or self._exchange.now < self._settles.get(market.ticker, NEVER):
            # it settles once the dispute is over and its timer has run, and once only
            return
        del self._settles[market.ticker]
        self._exchange.settle(market, market.outcome)
        self._tell(market, MarketEvent.SETTLED)

    def _tell(self, market: Market, event: MarketEvent) -> None:
        self._exchange.tell(MarketChanged(market, event, market.status, self._exchange.now))

    def _pause(self, paused: bool) -> None:
        self._trading.pause_trading("weekly", paused=paused)


def outcome(market: Market, published: Decimal) -> Outcome:
    """How a market ends when its event's value is `published`."""
    assert market.spec.strike is not None, f"market {market.ticker}: no strike to settle it by"
    holds = market.spec.strike.holds(published)
    return Outcome("yes" if holds else "no", f"{published:f}", ONE_DOLLAR if holds else 0)


def _closed_for_good(market: Market) -> Instant:
    """When what rested at the close is gone."""
    return market.spec.closes + 2 * CANCEL_AFTER_CLOSE
