"""Public endpoints: series, events, markets, books, trades."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.routing import Route

from engine.market.money import format_count
from engine.venues.simulated import wire
from engine.venues.simulated.market import EventSpec, Market, MarketStatus, SeriesSpec
from engine.venues.simulated.refusals import invalid_query, not_found
from engine.venues.simulated.rest.frame import Asked, House, public
from engine.venues.simulated.rest.reading import instant, integer, one_of, page, tickers, true

# the words of the listing filters against the words of `status` (facts §1.8)
FILTERS: dict[str, frozenset[MarketStatus]] = {
    "unopened": frozenset({MarketStatus.INITIALIZED}),
    "open": frozenset({MarketStatus.ACTIVE}),
    "paused": frozenset({MarketStatus.INACTIVE}),
    "closed": frozenset({MarketStatus.CLOSED, MarketStatus.DETERMINED, MarketStatus.DISPUTED, MarketStatus.AMENDED}),
    "settled": frozenset({MarketStatus.FINALIZED}),
}
_STAMPS = ("created", "updated", "close", "settled")
_EMPTY = (
    ("/multivariate_event_collections", "multivariate_contracts"),
    ("/milestones", "milestones"),
    ("/structured_targets", "structured_targets"),
)


def routes(house: House) -> list[Route]:
    return [
        public(house, "GET", "/series", series_list),
        public(house, "GET", "/series/{series}", one_series),
        public(house, "GET", "/events", event_list),
        public(house, "GET", "/events/multivariate", partial(_none, "events")),
        public(house, "GET", "/events/{event}", one_event),
        public(house, "GET", "/events/{event}/metadata", event_metadata),
        public(house, "GET", "/markets", market_list),
        public(house, "GET", "/markets/trades", trade_list),
        public(house, "GET", "/markets/orderbooks", orderbook_list),
        public(house, "GET", "/markets/{ticker}", one_market),
        public(house, "GET", "/markets/{ticker}/orderbook", one_orderbook),
        public(house, "GET", "/historical/markets", lambda house, asked: _market_list(house, asked, old=True)),
        public(house, "GET", "/historical/markets/{ticker}", one_old_market),
        public(house, "GET", "/historical/trades", lambda house, asked: _trade_list(house, asked, old=True)),
        public(house, "GET", "/search/tags_by_categories", tags_by_categories),
        # what this exchange has none of: combos, milestones, structured targets, incentives
        *(public(house, "GET", path, partial(_none, key)) for path, key in _EMPTY),
        public(house, "GET", "/incentive_programs", lambda house, asked: {"incentive_programs": []}),
    ]


def series_list(house: House, asked: Asked) -> Any:
    category, tags = asked.query.get("category"), set(tickers(asked.query, "tags"))
    listed = (
        each
        for each in house.exchange.series.values()
        if category in (None, "", each.category) and (not tags or tags & set(each.tags))
    )
    return {"series": [_series(house, asked, each) for each in listed]}


def one_series(house: House, asked: Asked) -> Any:
    found = house.exchange.series.get(asked.path["series"])
    if found is None:
        raise not_found()
    return {"series": _series(house, asked, found)}


def _series(house: House, asked: Asked, spec: SeriesSpec) -> wire.Body:
    body = wire.series(spec)
    if true(asked.query, "include_volume"):
        markets = (each for each in house.exchange.markets.values() if each.event.series.ticker == spec.ticker)
        body["volume_fp"] = format_count(sum(each.volume.total for each in markets))
    return body


def event_list(house: House, asked: Asked) -> Any:
    query = asked.query
    status = one_of(query, "status", "GetEvents", FILTERS)
    closing_after = instant(query, "min_close_ts", "GetEvents")
    named, series = tickers(query, "tickers"), query.get("series_ticker")
    nested = true(query, "with_nested_markets")

    def wanted(event: EventSpec) -> bool:
        statuses = {market.status for market in house.exchange.by_event[event.ticker]}
        return (
            (status is None or not statuses.isdisjoint(FILTERS[status]))
            and (closing_after is None or event.closes > closing_after)
            and (not named or event.ticker in named)
            and series in (None, "", event.series.ticker)
        )

    events = house.exchange.events.values()
    chosen, cursor = page(query, "GetEvents", events, lambda each: each.ticker, wanted, most=200, default=200)
    overrides, now = house.exchange.fee_overrides, house.exchange.now
    return {
        "cursor": cursor,
        "events": [
            wire.event(each, _children(house, each) if nested else None, now, overrides.get(each.ticker))
            for each in chosen
        ],
        "milestones": [],
    }


def one_event(house: House, asked: Asked) -> Any:
    event = house.exchange.events.get(asked.path["event"])
    if event is None:
        raise not_found()
    now, query = house.exchange.now, asked.query
    nested, alone = true(query, "with_nested_markets"), true(query, "exclude_markets")
    if nested and alone:
        raise invalid_query("exclude_markets cannot be combined with with_nested_markets")
    markets = [] if alone else _children(house, event)
    beside = [] if nested else [wire.market(each, now) for each in markets]
    return {
        "event": wire.event(event, markets if nested else None, now, house.exchange.fee_overrides.get(event.ticker)),
        "markets": beside,
    }


def _children(house: House, event: EventSpec) -> list[Market]:
    """The markets of an event that are not history yet."""
    return [each for each in house.exchange.by_event[event.ticker] if not house.is_old(each)]


def event_metadata(house: House, asked: Asked) -> Any:
    event = house.exchange.events.get(asked.path["event"])
    if event is None:
        raise not_found()
    return wire.event_metadata(event)


def tags_by_categories(house: House, asked: Asked) -> Any:
    tags: dict[str, set[str]] = {}
    for series in house.exchange.series.values():
        tags.setdefault(series.category, set()).update(series.tags)
    return {"tags_by_categories": {category: sorted(found) for category, found in sorted(tags.items())}}


def market_list(house: House, asked: Asked) -> Any:
    return _market_list(house, asked, old=False)


def _market_list(house: House, asked: Asked, *, old: bool) -> Any:
    markets, wanted = house.exchange.markets.values(), _filter(house, asked, old=old)
    chosen, cursor = page(asked.query, "GetMarkets", markets, lambda each: each.ticker, wanted)
    return {"cursor": cursor, "markets": [wire.market(each, house.exchange.now) for each in chosen]}


def one_market(house: House, asked: Asked) -> Any:
    return _one_market(house, asked, old=False)


def one_old_market(house: House, asked: Asked) -> Any:
    return _one_market(house, asked, old=True)


def _one_market(house: House, asked: Asked, *, old: bool) -> Any:
    market = house.market(asked.path["ticker"])
    if house.is_old(market) != old:
        raise not_found()
    return {"market": wire.market(market, house.exchange.now)}


def one_orderbook(house: House, asked: Asked) -> Any:
    depth = integer(asked.query, "depth", "GetMarketOrderbook", most=100) or 0
    return {"orderbook_fp": wire.orderbook(house.market(asked.path["ticker"]), depth)}


def orderbook_list(house: House, asked: Asked) -> Any:
    wanted = [each for text in asked.many("tickers") for each in text.split(",") if each]
    found = [house.exchange.markets[each] for each in wanted if each in house.exchange.markets]
    return {"orderbooks": [{"orderbook_fp": wire.orderbook(each, 0), "ticker": each.ticker} for each in found]}


def trade_list(house: House, asked: Asked) -> Any:
    return _trade_list(house, asked, old=False)


def _trade_list(house: House, asked: Asked, *, old: bool) -> Any:
    query, cutoff = asked.query, house.cutoff
    # no trade here is a block trade
    if true(query, "is_block_trade"):
        return {"cursor": "", "trades": []}
    since, until = instant(query, "min_ts", "GetTrades"), instant(query, "max_ts", "GetTrades")
    listed = (
        trade
        for trade in house.exchange.tape.latest(query.get("ticker") or None)
        if (trade.at < cutoff) == old and (since is None or trade.at >= since) and (until is None or trade.at <= until)
    )
    chosen, cursor = page(query, "GetTrades", listed, lambda each: each.trade_id)
    return {"cursor": cursor, "trades": [wire.trade(each) for each in chosen]}


def _filter(house: House, asked: Asked, *, old: bool) -> Callable[[Market], bool]:
    """Which markets are asked for: those from before the cutoff, or the others. Raises Refusal."""
    query = asked.query
    status = one_of(query, "status", "GetMarkets", FILTERS)
    named = tickers(query, "tickers")
    event, series = query.get("event_ticker"), query.get("series_ticker")
    bounds = {
        name: instant(query, name, "GetMarkets")
        for name in (f"{end}_{what}_ts" for end in ("min", "max") for what in _STAMPS)
    }
    only_combos = one_of(query, "mve_filter", "GetMarkets", ("only", "exclude")) == "only"

    def wanted(market: Market) -> bool:
        stamps = {
            "created": market.spec.listed,
            "updated": market.updated,
            "close": market.spec.closes,
            "settled": market.settled,
        }
        return (
            not only_combos
            and house.is_old(market) == old
            and (status is None or market.status in FILTERS[status])
            and (not named or market.ticker in named)
            and event in (None, "", market.spec.event_ticker)
            and series in (None, "", market.event.series.ticker)
            and all(_within(stamps[name.split("_")[1]], name, bound) for name, bound in bounds.items())
        )

    return wanted


def _none(key: str, house: House, asked: Asked) -> Any:
    return {"cursor": "", key: []}


def _within(stamp: int | None, name: str, bound: int | None) -> bool:
    if bound is None:
        return True
    return stamp is not None and (stamp >= bound if name.startswith("min") else stamp <= bound)
