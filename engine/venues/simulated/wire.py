"""What the exchange knows, as the JSON bodies of the REST protocol (facts §1.8)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeAlias

from engine.market.money import ONE_DOLLAR, Micros, format_count, format_money, format_price
from engine.venues.simulated.account import Account, ClientFill, Holding, Settlement
from engine.venues.simulated.happenings import Trade
from engine.venues.simulated.instants import MILLISECOND, SECOND, Instant, rfc3339
from engine.venues.simulated.market import EventSpec, Market, MarketSpec, MarketStatus, SeriesSpec
from engine.venues.simulated.orders import ClientOrder, Side
from engine.venues.simulated.trading import Ack

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


def event(spec: EventSpec, markets: list[Market] | None, now: Instant) -> Body:
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
        "price_level_structure": item.event.series.price_level_structure,
        "price_ranges": [
            {"end": format_price(end), "start": format_price(start), "step": format_price(step)}
            for start, end, step in item.grid.ranges
        ],
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


def created(ack: Ack) -> Body:
    """The acknowledgement of a create; averages only where something filled."""
    body: Body = {
        "fill_count": format_count(ack.filled),
        "order_id": ack.order.order_id,
        "remaining_count": format_count(ack.remaining),
        "ts_ms": ack.order.created // MILLISECOND,
    }
    if ack.order.client_order_id:
        body["client_order_id"] = ack.order.client_order_id
    if ack.filled:
        body["average_fill_price"] = format_price(_nearest(ack.value, ack.filled))
        body["average_fee_paid"] = format_price(_nearest(ack.fees, ack.filled))
    return body


def order(item: ClientOrder) -> Body:
    buys = item.side is Side.BID
    body: Body = {
        "action": "buy" if buys else "sell",
        "book_side": str(item.side),
        "cancel_order_on_pause": item.cancel_on_pause,
        "client_order_id": item.client_order_id,
        "created_time": rfc3339(item.created),
        "exchange_index": EXCHANGE_INDEX,
        "fill_count_fp": format_count(item.filled),
        "initial_count_fp": format_count(item.initial),
        "last_update_time": rfc3339(item.updated),
        "maker_fees_dollars": format_money(item.maker_fees),
        "maker_fill_cost_dollars": format_money(item.maker_cost),
        "no_price_dollars": format_price(ONE_DOLLAR - item.price),
        "order_id": item.order_id,
        "outcome_side": item.side.outcome,
        "remaining_count_fp": format_count(item.remaining),
        "self_trade_prevention_type": str(item.self_trade),
        "side": "yes",
        "status": str(item.status),
        "subaccount_number": 0,
        "taker_fees_dollars": format_money(item.taker_fees),
        "taker_fill_cost_dollars": format_money(item.taker_cost),
        "ticker": item.ticker,
        "type": "limit",
        "user_id": item.owner,
        "yes_price_dollars": format_price(item.price),
    }
    if item.expires is not None:
        body["expiration_time"] = rfc3339(item.expires)
    if item.group_id is not None:
        body["order_group_id"] = item.group_id
    return body


def fill(item: ClientFill) -> Body:
    side = item.order.side
    return {
        "action": "buy" if side is Side.BID else "sell",
        "book_side": str(side),
        "count_fp": format_count(item.count),
        "created_time": rfc3339(item.created),
        "exchange_index": EXCHANGE_INDEX,
        "fee_cost": format_money(item.fee),
        "fill_id": item.fill_id,
        "is_taker": item.is_taker,
        "market_ticker": item.order.ticker,
        "no_price_dollars": format_price(ONE_DOLLAR - item.price),
        "order_id": item.order.order_id,
        "outcome_side": side.outcome,
        "side": "yes",
        "subaccount_number": 0,
        "ticker": item.order.ticker,
        "trade_id": item.fill_id,
        "ts": item.created // SECOND,
        "yes_price_dollars": format_price(item.price),
    }


def market_position(held: Holding, resting: int) -> Body:
    return {
        "exchange_index": EXCHANGE_INDEX,
        "fees_paid_dollars": format_money(held.fees),
        "last_updated_ts": rfc3339(held.updated),
        "market_exposure_dollars": format_money(held.cost),
        "position_fp": format_count(held.position),
        "realized_pnl_dollars": format_money(held.realized),
        "resting_orders_count": resting,
        "ticker": held.ticker,
        "total_traded_dollars": format_money(held.traded),
    }


def event_position(event_ticker: str, holdings: list[Holding]) -> Body:
    return {
        "event_exposure_dollars": format_money(sum(held.cost for held in holdings)),
        "event_ticker": event_ticker,
        "fees_paid_dollars": format_money(sum(held.fees for held in holdings)),
        "realized_pnl_dollars": format_money(sum(held.realized for held in holdings)),
        "total_cost_dollars": format_money(sum(held.traded for held in holdings)),
        "total_cost_shares_fp": format_count(sum(held.traded_count for held in holdings)),
    }


def settlement(item: Settlement) -> Body:
    long = item.position > 0
    return {
        "event_ticker": item.event_ticker,
        "exchange_index": EXCHANGE_INDEX,
        "fee_cost": format_money(item.fees),
        "market_result": item.result,
        "no_count_fp": format_count(0 if long else -item.position),
        "no_total_cost_dollars": format_money(0 if long else item.cost),
        "revenue": cents(item.revenue),
        "settled_time": rfc3339(item.settled),
        "ticker": item.ticker,
        "value": item.value // 100,
        "yes_count_fp": format_count(item.position if long else 0),
        "yes_total_cost_dollars": format_money(item.cost if long else 0),
    }


def balance(account: Account, available: Micros, portfolio: Micros, updated: Instant) -> Body:
    """What may be spent (not what resting orders hold back), and what the positions are worth at the last price."""
    dollars = format_money(available // 100 * 100, 6)[:-2]
    return {
        "balance": cents(available),
        "balance_breakdown": [{"balance": dollars, "exchange_index": EXCHANGE_INDEX}],
        "balance_dollars": dollars,
        "portfolio_value": cents(portfolio),
        "updated_ts": updated // SECOND,
    }


def _nearest(total: Micros, count: int) -> int:
    return (2 * total + count) // (2 * count)


def _sources(spec: SeriesSpec) -> list[Body]:
    return [{"name": source.name, "url": source.url} for source in spec.sources]


def _latest_expiration(spec: MarketSpec) -> Instant:
    return spec.expected_expiration + 7 * 86_400 * SECOND
