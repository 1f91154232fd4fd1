"""What the exchange knows, as the JSON bodies of the REST protocol (facts §1.8)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeAlias

from engine.market.fees import FeeSchedule
from engine.market.money import ONE_DOLLAR, Micros, format_count, format_price
from engine.venues.simulated.happenings import Trade
from engine.venues.simulated.instants import SECOND, Instant, rfc3339
from engine.venues.simulated.market import EventSpec, FeeChange, Market, MarketSpec, MarketStatus, SeriesSpec
from engine.venues.simulated.orders import Side

Body: TypeAlias = dict[str, Any]
EXCHANGE_INDEX = 0


def number(value: Decimal) -> int | float:
    """A strike or a multiplier as a JSON number, whole where it is whole."""
    return int(value) if value == value.to_integral_value() else float(value)


def cents(micros: Micros) -> int:
    """Whole cents, cut off: the few legacy integer fields."""
    return micros // 10_000


def series(spec: SeriesSpec) -> Body:
    return {
        "additional_prohibitions": [],
        "categories": [spec.category],
        "category": spec.category,
        "contract_terms_url": f"https://example.invalid/contract_terms/{spec.ticker}.pdf",
        "contract_url": f"https://example.invalid/contracts/{spec.ticker}.pdf",
        "exchange_index": EXCHANGE_INDEX,
        "fee_multiplier": number(spec.fees.multiplier),
        "fee_type": spec.fees.fee_type,
        "frequency": spec.frequency,
        "product_metadata": {},
        "settlement_sources": _sources(spec),
        "tags": list(spec.tags),
        "ticker": spec.ticker,
        "title": spec.title,
    }


def series_fee_change(item: FeeChange) -> Body:
    assert item.fees is not None, f"series {item.series_ticker} without fees"
    return {
        "fee_multiplier": number(item.fees.multiplier),
        "fee_type": item.fees.fee_type,
        "id": item.change_id,
        "scheduled_ts": rfc3339(item.at),
        "series_ticker": item.series_ticker,
    }


def event_fee_change(item: FeeChange) -> Body:
    return {
        "event_ticker": item.event_ticker,
        "fee_multiplier_override": None if item.fees is None else number(item.fees.multiplier),
        "fee_type_override": None if item.fees is None else item.fees.fee_type,
        "id": item.change_id,
        "scheduled_ts": rfc3339(item.at),
        "series_ticker": item.series_ticker,
    }


def event_metadata(spec: EventSpec) -> Body:
    return {
        "image_url": f"https://example.invalid/images/{spec.series.ticker}.webp",
        "market_details": [
            {"color_code": "#0AC285", "image_url": "", "market_ticker": each.ticker} for each in spec.markets
        ],
        "settlement_sources": _sources(spec.series),
    }


def event(spec: EventSpec, markets: list[Market] | None, now: Instant, override: FeeSchedule | None = None) -> Body:
    """An event, with its markets where they are wanted, and fees of its own where it has some."""
    body: Body = {
        "category": spec.series.category,
        "collateral_return_type": spec.collateral_return_type,
        "event_ticker": spec.ticker,
        "exchange_index": EXCHANGE_INDEX,
        "last_updated_ts": rfc3339(min(market.listed for market in spec.markets)),
        "mutually_exclusive": spec.mutually_exclusive,
        "series_ticker": spec.series.ticker,
        "settlement_sources": _sources(spec.series),
        "sub_title": spec.sub_title,
        "title": spec.title,
    }
    if spec.strike_date is not None:
        body["strike_date"] = rfc3339(spec.strike_date)
    if override is not None:
        body["fee_type_override"] = override.fee_type
        body["fee_multiplier_override"] = number(override.multiplier)
    if markets is not None:
        body["markets"] = [market(each, now) for each in markets]
    return body


def market(item: Market, now: Instant) -> Body:
    """A market with its quote. Prices of an empty side are 0 and one dollar, never null."""
    spec = item.spec
    bid, bid_size, ask, ask_size = item.quote()
    last = item.last_price or 0
    previous_bid, previous_ask, previous_price = item.previous
    body: Body = {
        "can_close_early": True,
        "close_time": rfc3339(spec.closes),
        "created_time": rfc3339(spec.listed),
        "early_close_condition": "This market will close and expire early if the event occurs.",
        "event_ticker": spec.event_ticker,
        "exchange_index": EXCHANGE_INDEX,
        "expected_expiration_time": rfc3339(spec.expected_expiration),
        "expiration_time": rfc3339(_latest_expiration(spec)),
        "expiration_value": item.outcome.expiration_value if item.outcome else "",
        "fractional_trading_enabled": True,
        "last_price_dollars": format_price(last),
        "latest_expiration_time": rfc3339(_latest_expiration(spec)),
        "liquidity_dollars": "0.0000",
        "market_type": "binary",
        "no_ask_dollars": format_price(ONE_DOLLAR - bid),
        "no_bid_dollars": format_price(ONE_DOLLAR - ask),
        "no_sub_title": spec.yes_sub_title,
        "notional_value_dollars": "1.0000",
        "occurrence_datetime": rfc3339(spec.expected_expiration),
        "open_interest_fp": format_count(item.open_interest),
        "open_time": rfc3339(spec.opens),
        "previous_price_dollars": format_price(previous_price),
        "previous_yes_ask_dollars": format_price(previous_ask),
        "previous_yes_bid_dollars": format_price(previous_bid),
        "price_level_structure": item.price_level_structure,
        "price_ranges": price_ranges(item),
        "response_price_units": "usd_cent",
        "result": item.outcome.result if item.outcome else "",
        "rules_primary": spec.rules_primary,
        "rules_secondary": spec.rules_secondary,
        "settlement_bounds_type": "default",
        "settlement_timer_seconds": spec.settlement_timer_seconds,
        "status": str(item.status),
        "strike_type": spec.strike_type,
        "ticker": spec.ticker,
        "title": spec.title,
        "updated_time": rfc3339(item.updated),
        "volume_24h_fp": format_count(item.volume.last_day(now)),
        "volume_fp": format_count(item.volume.total),
        "yes_ask_dollars": format_price(ask),
        "yes_ask_size_fp": format_count(ask_size),
        "yes_bid_dollars": format_price(bid),
        "yes_bid_size_fp": format_count(bid_size),
        "yes_sub_title": spec.yes_sub_title,
    }
    if spec.floor_strike is not None:
        body["floor_strike"] = number(spec.floor_strike)
    if spec.cap_strike is not None:
        body["cap_strike"] = number(spec.cap_strike)
    if spec.custom_strike is not None:
        body["custom_strike"] = spec.custom_strike
    if item.outcome is not None:
        body["settlement_value_dollars"] = format_price(item.outcome.value)
    if item.status is MarketStatus.FINALIZED and item.settled is not None:
        body["settlement_ts"] = rfc3339(item.settled)
    return body


def price_ranges(item: Market) -> list[Body]:
    return [
        {"end": format_price(end), "start": format_price(start), "step": format_price(step)}
        for start, end, step in item.grid.ranges
    ]


def orderbook(item: Market, depth: int) -> Body:
    """Bids of both outcomes, ascending, best last; the best `depth` levels, 0 for all."""
    yes = [[format_price(price), format_count(total)] for price, total in item.book.levels(Side.BID)]
    no = [[format_price(ONE_DOLLAR - price), format_count(total)] for price, total in item.book.levels(Side.ASK)]
    return {"no_dollars": no[-depth:], "yes_dollars": yes[-depth:]}


def trade(item: Trade) -> Body:
    return {
        "count_fp": format_count(item.count),
        "created_time": rfc3339(item.at),
        "is_block_trade": False,
        "no_price_dollars": format_price(ONE_DOLLAR - item.price),
        "taker_book_side": str(item.taker_side),
        "taker_outcome_side": item.taker_side.outcome,
        "taker_side": item.taker_side.outcome,
        "ticker": item.market.ticker,
        "trade_id": item.trade_id,
        "yes_price_dollars": format_price(item.price),
    }


def _sources(spec: SeriesSpec) -> list[Body]:
    return [{"name": source.name, "url": source.url} for source in spec.sources]


def _latest_expiration(spec: MarketSpec) -> Instant:
    return spec.expected_expiration + 7 * 86_400 * SECOND
