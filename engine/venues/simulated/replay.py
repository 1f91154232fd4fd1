"""Serving a recording instead of a population, at the market time at which it was made."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import Any

from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.instants import SECOND, rfc3339
from engine.venues.simulated.lifecycle import Ending, Lifecycle
from engine.venues.simulated.market import Market
from engine.venues.simulated.orders import Order
from engine.venues.simulated.recordings import Change, Recording


class Replay:
    """One recording on one exchange."""

    def __init__(self, recording: Recording, exchange: Exchange) -> None:
        self._recording = recording
        self._exchange = exchange
        self._markets = {each.spec.ticker: each for each in recording.markets}
        self._numbers = count()

    def start(self, lifecycle: Lifecycle) -> None:
        """List the event and put everything that was recorded on the agenda."""
        lifecycle.follow(self._recording.event, self._ending)
        for change in self._recording.changes:
            self._exchange.agenda.add(change.at, partial(self._change, change))

    def open(self, market: Market) -> None:
        """Give a market that has just opened the book and the figures it was recorded with."""
        recorded = self._markets[market.ticker]
        for level in recorded.levels:
            number = next(self._numbers)
            market.book.rest(Order(f"recorded-{number}", market.ticker, level.side, level.price, level.count))
        market.last_price, market.open_interest = recorded.last_price, recorded.open_interest
        market.volume.total = recorded.volume
        market.market_id = recorded.market_id or market.market_id
        market.recorded = recorded.snapshot

    def summary(self) -> dict[str, Any]:
        """What is replayed, and what of it was assumed because nobody recorded it."""
        return {
            "event_ticker": self._recording.event.ticker,
            "start": rfc3339(self._recording.start),
            "frames": len(self._recording.changes),
            "markets": [
                {"ticker": each.spec.ticker, "levels": len(each.levels), "assumed": list(each.assumed)}
                for each in self._recording.markets
            ],
        }

    def _change(self, change: Change) -> None:
        market = next(iter(self._exchange.by_event[self._recording.event.ticker]))
        level = change.level
        name = f"recorded-{next(self._numbers)}"
        self._exchange.replay(market, Order(name, market.ticker, level.side, level.price, level.count), change.frame)

    def _ending(self, market: Market) -> Ending | None:
        recorded = self._markets[market.ticker]
        if recorded.outcome is None or recorded.settles is None:
            return None
        outcome = recorded.outcome
        return Ending(recorded.settles - SECOND, recorded.settles, lambda: outcome)
