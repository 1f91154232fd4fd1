"""Candlesticks: of a market, of several, of an event, and of markets from before the historical cutoff."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from engine.market.money import Price, format_count, format_price
from engine.venues.simulated.candles import Candle, Range
from engine.venues.simulated.instants import MINUTE, SECOND, Instant
from engine.venues.simulated.market import Market
from engine.venues.simulated.refusals import invalid_query, not_found
from engine.venues.simulated.rest.frame import Asked, House, public
from engine.venues.simulated.rest.reading import integer, out_of_range, tickers, true

MOST_TICKERS = 100
MOST_CANDLES = 10_000
_PERIODS = (1, 60, 1_440)


def routes(house: House) -> list[Route]:
    return [
        public(house, "GET", "/series/{series}/markets/{ticker}/candlesticks", of_market),
        public(house, "GET", "/series/{series}/events/{event}/candlesticks", of_event),
        public(house, "GET", "/markets/candlesticks", of_markets),
        public(house, "GET", "/historical/markets/{ticker}/candlesticks", of_old_market),
    ]


def of_market(house: House, asked: Asked) -> Any:
    market = house.market(asked.path["ticker"])
    if market.event.series.ticker != asked.path["series"] or house.is_old(market):
        raise not_found()
    asking = _Asking(house, asked, "GetMarketCandlesticks")
    return {"candlesticks": asking.of(market, MOST_CANDLES), "ticker": market.ticker}


def of_event(house: House, asked: Asked) -> Any:
    event = house.exchange.events.get(asked.path["event"])
    if event is None or event.series.ticker != asked.path["series"]:
        raise not_found()
    markets = [each for each in house.exchange.by_event[event.ticker] if not house.is_old(each)]
    asking = _Asking(house, asked, "GetMarketCandlesticksByEvent")
    # too long a range ends early, and says where
    asking.end = min(asking.end, asking.start + MOST_CANDLES // max(1, len(markets)) * asking.length)
    return {
        "adjusted_end_ts": asking.end // SECOND,
        "market_candlesticks": [asking.of(each, MOST_CANDLES) for each in markets],
        "market_tickers": [each.ticker for each in markets],
    }


def of_markets(house: House, asked: Asked) -> Any:
    wanted = tickers(asked.query, "market_tickers")
    if not wanted:
        raise out_of_range("market_tickers", "BatchGetMarketCandlesticks", "required")
    if len(wanted) > MOST_TICKERS:
        raise out_of_range("market_tickers", "BatchGetMarketCandlesticks", "max")
    asking = _Asking(house, asked, "BatchGetMarketCandlesticks")
    known = [house.exchange.markets[each] for each in wanted if each in house.exchange.markets]
    found = [each for each in known if not house.is_old(each)]
    return {
        "markets": [
            {"candlesticks": asking.of(each, MOST_CANDLES // len(found)), "market_ticker": each.ticker}
            for each in found
        ]
    }


def of_old_market(house: House, asked: Asked) -> Any:
    market = house.market(asked.path["ticker"])
    if not house.is_old(market):
        raise not_found()
    asking = _Asking(house, asked, "GetMarketCandlesticksHistorical")
    candles = [_renamed(each) for each in asking.of(market, MOST_CANDLES)]
    return {"candlesticks": candles, "ticker": market.ticker}


class _Asking:
    """The range and the period of one request."""

    def __init__(self, house: House, asked: Asked, request: str) -> None:
        query = asked.query
        start, end = (self._required(asked, name, request) for name in ("start_ts", "end_ts"))
        period = self._required(asked, "period_interval", request)
        if period not in _PERIODS:
            raise out_of_range("period_interval", request, "oneof")
        self.length: Instant = period * MINUTE
        self.start: Instant = start * SECOND
        # a period that is not over is told as far as it has come
        latest = -(-house.exchange.now // self.length) * self.length
        self.end: Instant = min(end * SECOND, latest)
        self._latest_first = true(query, "include_latest_before_start")

    @staticmethod
    def _required(asked: Asked, name: str, request: str) -> int:
        value = integer(asked.query, name, request)
        if value is None:
            raise invalid_query(f"Query argument {name} is required, but not found")
        return value

    def of(self, market: Market, most: int) -> list[dict[str, Any]]:
        """The candles of one market. Raises Refusal when there are more than `most`."""
        if (self.end - self.start) // self.length > most:
            first = market.candles.first
            if first is None or (self.end - max(self.start, first)) // self.length > most:
                raise invalid_query(f"maximum candlesticks exceeded: {most}")
        told = [_candle(each) for each in market.candles.periods(self.start, self.end, self.length)]
        if self._latest_first and (latest := market.candles.latest_before(self.start, self.length)) is not None:
            told.insert(0, {**_candle(latest), "price": _previous(latest.previous)})
        return told


def _candle(item: Candle) -> dict[str, Any]:
    return {
        "end_period_ts": item.end // SECOND,
        "open_interest_fp": format_count(item.open_interest),
        "price": _price(item),
        "volume_fp": format_count(item.volume),
        "yes_ask": _range(item.ask),
        "yes_bid": _range(item.bid),
    }


def _price(item: Candle) -> dict[str, str]:
    told = _previous(item.previous)
    if item.traded is not None:
        told |= _range(item.traded)
        told["mean_dollars"] = format_price((2 * item.value + item.volume) // (2 * item.volume))
        told["min_dollars"], told["max_dollars"] = told["low_dollars"], told["high_dollars"]
    return told


def _previous(price: Price | None) -> dict[str, str]:
    return {} if price is None else {"previous_dollars": format_price(price)}


def _range(item: Range) -> dict[str, str]:
    return {
        "close_dollars": format_price(item.close),
        "high_dollars": format_price(item.high),
        "low_dollars": format_price(item.low),
        "open_dollars": format_price(item.open),
    }


def _renamed(candle: dict[str, Any]) -> dict[str, Any]:
    """The historical endpoint leaves the endings off the names, and says null where nothing was traded."""
    plain = {key.removesuffix("_fp"): value for key, value in candle.items()}
    for name in ("price", "yes_ask", "yes_bid"):
        plain[name] = {key.removesuffix("_dollars"): value for key, value in plain[name].items()}
    named = ("open", "low", "high", "close", "mean", "previous")
    plain["price"] = {name: plain["price"].get(name) for name in named}
    return plain
