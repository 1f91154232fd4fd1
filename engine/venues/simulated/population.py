"""The population: seeded makers, noise traders and informed ones, who make the books move and the trades print.

Each market has its own random numbers and its own place on the agenda, so a seed gives the same actions at the same
market instants however the wall clock runs. Prices are in units of engine.market.money, on the market's own grid.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from engine.market.money import ONE_DOLLAR, Count, Price
from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.instants import SECOND, Instant
from engine.venues.simulated.latent import Forecast, ValuePath
from engine.venues.simulated.market import Market, MarketStatus
from engine.venues.simulated.orders import Order, Side
from engine.venues.simulated.trading import Trading

MAKERS = 3
DEPTH = 4
LARGEST: Count = 40_000
# at a higher speed a market second sees fewer actions, so that a wall second never sees more than four times as many
BUSIEST = 4.0
_REFRESH: Instant = 5 * SECOND
_CENT: Price = 100


@dataclass(slots=True)
class Maker:
    """One market maker in one market: how far from fair it quotes, what it believes too much, its resting orders."""

    half_spread: float
    bias: float = 0.0
    quotes: dict[tuple[Side, int], Order] = field(default_factory=dict)


@dataclass(slots=True)
class Crowd:
    """Those who trade one market."""

    market: Market
    chance: random.Random
    makers: list[Maker]
    numbers: count[int] = field(default_factory=count)

    def order(self, side: Side, price: Price, size: Count) -> Order:
        return Order(f"crowd-{next(self.numbers)}", self.market.ticker, side, price, size)

    def size(self, median: float) -> Count:
        """Contracts, log-normal; mostly with a fraction, as on the real tape."""
        contracts = min(median * math.exp(self.chance.gauss(0, 1)), LARGEST / 100)
        return max(1, round(contracts)) * 100 if self.chance.random() < 0.45 else max(100, round(contracts * 100))


class Population:
    """All crowds of one exchange; `paths` are the values of the events, by event ticker."""

    def __init__(
        self, exchange: Exchange, trading: Trading, paths: dict[str, ValuePath], seed: int, speed: float
    ) -> None:
        self._exchange = exchange
        self._trading = trading
        self._paths = paths
        self._seed = seed
        self._pace = min(1.0, BUSIEST / speed)
        self._forecasts: dict[str, tuple[Instant, Forecast]] = {}
        self._crowds: dict[str, Crowd] = {}

    def enter(self, market: Market) -> None:
        """Have a crowd quote a market that has just opened, and go on trading it; after a pause a new one."""
        chance = random.Random(f"{self._seed}:{market.ticker}")
        crowd = Crowd(market, chance, [Maker(65 + 45 * number + chance.random() * 40) for number in range(MAKERS)])
        earlier = self._crowds.get(market.ticker)
        self._crowds[market.ticker] = crowd
        fair = self._fair(market)
        if earlier is None:
            self._look_lived_in(crowd, fair)
        else:
            crowd.numbers = earlier.numbers  # a name stands for one order
        for maker in crowd.makers:
            for level in range(DEPTH):
                self._quote(crowd, maker, fair, level)
        if earlier is None:
            market.previous = (market.quote()[0], market.quote()[2], market.last_price or 0)
        self._plan(crowd, fair)

    def _act(self, crowd: Crowd) -> None:
        if crowd.market.status is not MarketStatus.ACTIVE or crowd is not self._crowds[crowd.market.ticker]:
            return
        fair = self._fair(crowd.market)
        if self._exchange.trading_active and self._exchange.exchange_active:
            draw = crowd.chance.random()
            if draw < 0.68:
                maker = crowd.chance.choice(crowd.makers)
                maker.bias = 0.96 * maker.bias + crowd.chance.gauss(0, 14)
                self._quote(crowd, maker, fair, 0)
                self._quote(crowd, maker, fair, crowd.chance.randrange(1, DEPTH))
            elif draw < 0.80:
                self._join(crowd)
            elif draw < 0.95:
                self._cross(crowd)
            else:
                self._correct(crowd, fair)
        self._plan(crowd, fair)

    def _plan(self, crowd: Crowd, fair: float) -> None:
        rate = (0.4 + 1.5 * _liveliness(fair)) * self._pace
        wait = max(1, round(crowd.chance.expovariate(rate) * SECOND))
        self._exchange.agenda.add(self._exchange.now + wait, partial(self._act, crowd))

    def _quote(self, crowd: Crowd, maker: Maker, fair: float, level: int) -> None:
        """A maker puts its two quotes of one level where it wants them now."""
        grid = crowd.market.grid
        lively = _liveliness(fair)
        view = fair * ONE_DOLLAR + maker.bias * lively
        away = 15 + maker.half_spread * lively + level * (_CENT + 20)
        bid = grid.floor(max(0, math.floor(view - away)))
        ask = grid.ceil(min(ONE_DOLLAR, math.ceil(view + away)))
        self._requote(crowd, maker, Side.BID, level, bid)
        self._requote(crowd, maker, Side.ASK, level, ask)

    def _requote(self, crowd: Crowd, maker: Maker, side: Side, level: int, price: Price | None) -> None:
        book, standing = crowd.market.book, maker.quotes.get((side, level))
        if standing is not None and standing.remaining:
            if standing.price == price and crowd.chance.random() < 0.6:
                return
            book.remove(standing)
        maker.quotes.pop((side, level), None)
        price = self._without_crossing(crowd.market, side, price)
        if price is not None:
            order = crowd.order(side, price, crowd.size(14 if level == 0 else 45))
            maker.quotes[side, level] = order
            book.rest(order)

    def _without_crossing(self, market: Market, side: Side, price: Price | None) -> Price | None:
        best = market.book.best(side.opposite)
        if price is None or best is None or not market.book.crosses(side, price):
            return price
        return market.grid.next_below(best) if side is Side.BID else market.grid.next_above(best)

    def _join(self, crowd: Crowd) -> None:
        """A patient noise trader joins the best price or improves it, and loses patience after a while."""
        market = crowd.market
        side = crowd.chance.choice((Side.BID, Side.ASK))
        best, opposite = market.book.best(side), market.book.best(side.opposite)
        if best is None:
            return
        better = market.grid.next_above(best) if side is Side.BID else market.grid.next_below(best)
        improve = better is not None and better != opposite and crowd.chance.random() < 0.3
        order = crowd.order(side, better if improve and better is not None else best, crowd.size(9))
        market.book.rest(order)
        patience = round(crowd.chance.uniform(5, 90) * SECOND / self._pace)
        self._exchange.agenda.add(self._exchange.now + patience, partial(self._leave, market, order))

    def _leave(self, market: Market, order: Order) -> None:
        if order.remaining and market.status is MarketStatus.ACTIVE:
            market.book.remove(order)

    def _cross(self, crowd: Crowd) -> None:
        """An impatient noise trader takes the best price, whichever it is."""
        side = crowd.chance.choice((Side.BID, Side.ASK))
        best = crowd.market.book.best(side.opposite)
        if best is not None:
            self._trading.place_anonymous(crowd.market, crowd.order(side, best, crowd.size(7)))

    def _correct(self, crowd: Crowd, fair: float) -> None:
        """An informed trader takes every price that is better than fair by more than the taker's fee."""
        market = crowd.market
        worth = fair * ONE_DOLLAR
        edge = 20 + 60 * _liveliness(fair)
        for side, limit in (
            (Side.BID, market.grid.floor(math.floor(worth - edge))),
            (Side.ASK, market.grid.ceil(math.ceil(worth + edge))),
        ):
            if limit is not None and market.book.crosses(side, limit):
                self._trading.place_anonymous(market, crowd.order(side, limit, crowd.size(35)))

    def _fair(self, market: Market) -> float:
        event, now = market.event, self._exchange.now // _REFRESH * _REFRESH
        kept = self._forecasts.get(event.ticker)
        if kept is None or kept[0] != now:
            kept = (now, self._paths[event.ticker].forecast(now))
            self._forecasts[event.ticker] = kept
        assert market.spec.strike is not None and event.latent is not None, f"market {market.ticker}: no strike"
        return min(0.998, max(0.002, kept[1].probability(market.spec.strike, event.latent.step)))

    def _look_lived_in(self, crowd: Crowd, fair: float) -> None:
        """A market that opened before the exchange was started has a past."""
        market = crowd.market
        days = (self._exchange.now - market.spec.opens) / (24 * 3_600 * SECOND)
        if days > 0:
            market.last_price = market.grid.floor(round(fair * ONE_DOLLAR)) or market.grid.ticks[0]
            market.last_size = crowd.size(7)
            market.volume.add(crowd.size(400) + round(days * 40_000), market.last_price, self._exchange.now)
            market.open_interest = market.volume.total * 3 // 5


def _liveliness(fair: float) -> float:
    """1 at even odds, 0 where the outcome is certain."""
    return 2 * math.sqrt(fair * (1 - fair))
