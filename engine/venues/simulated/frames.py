"""What happens at the exchange, as the `msg` of the WebSocket frames (facts §2.3).

The frequent ones are put together as text: a delta costs a few microseconds and goes to every session alike.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from engine.market.money import ONE_DOLLAR, format_count, format_money, format_price
from engine.venues.simulated import wire, wire_account
from engine.venues.simulated.account import Account
from engine.venues.simulated.happenings import (
    BookDelta,
    GroupChanged,
    OrderChanged,
    Quoted,
    Trade,
)
from engine.venues.simulated.instants import MILLISECOND, SECOND, rfc3339
from engine.venues.simulated.market import Market
from engine.venues.simulated.orders import ClientFill, Side, UpdateReason

# prices and sizes repeat endlessly
_price = lru_cache(maxsize=16_384)(format_price)
_count = lru_cache(maxsize=16_384)(format_count)


def text(message: object) -> str:
    """A message as JSON."""
    return orjson.dumps(message).decode()


def snapshot(market: Market, *, use_yes_price: bool) -> str:
    """A whole book; a side that is empty has no key."""
    yes = [[format_price(price), format_count(total)] for price, total in market.book.levels(Side.BID)]
    no = [
        [format_price(price if use_yes_price else ONE_DOLLAR - price), format_count(total)]
        for price, total in market.book.levels(Side.ASK)
    ]
    message: dict[str, Any] = {**_named(market), "clock": market.clock}
    if yes:
        message["yes_dollars_fp"] = yes
    if no:
        message["no_dollars_fp"] = no
    return text(message)


def delta(happening: BookDelta, *, use_yes_price: bool, own: bool) -> str:
    """A change of one level; the client_order_id only for those whose order caused it."""
    bid = happening.side is Side.BID
    price = happening.price if bid or use_yes_price else ONE_DOLLAR - happening.price
    by = ""
    if own:
        order = happening.order
        assert order is not None, "a change of the population's is nobody's own"
        by = f'"client_order_id":{text(order.client_order_id)},"subaccount":{order.subaccount},'
    market = happening.market
    return (
        f'{{"market_ticker":"{market.ticker}","market_id":"{market.market_id}","clock":{happening.clock},'
        f'"price_dollars":"{_price(price)}","delta_fp":"{_count(happening.delta)}",'
        f'"side":"{"yes" if bid else "no"}",{by}"ts":"{rfc3339(happening.at)}","ts_ms":{happening.at // MILLISECOND}}}'
    )


def ticker(happening: Quoted) -> str:
    market = happening.market
    bid, bid_size, ask, ask_size = market.quote()
    return text(
        {
            **_named(market),
            "price_dollars": format_price(market.last_price or 0),
            "yes_bid_dollars": format_price(bid),
            "yes_ask_dollars": format_price(ask),
            "yes_bid_size_fp": format_count(bid_size),
            "yes_ask_size_fp": format_count(ask_size),
            "last_trade_size_fp": format_count(market.last_size),
            "volume_fp": format_count(market.volume.total),
            "open_interest_fp": format_count(market.open_interest),
            "dollar_volume": market.volume.dollars // 1_000_000,
            "dollar_open_interest": market.open_interest // 100,
            "ts": happening.at // SECOND,
            "ts_ms": happening.at // MILLISECOND,
            "time": rfc3339(happening.at),
        }
    )


def trade(happening: Trade) -> str:
    return text(
        {
            "trade_id": happening.trade_id,
            "market_ticker": happening.market.ticker,
            "yes_price_dollars": format_price(happening.price),
            "no_price_dollars": format_price(ONE_DOLLAR - happening.price),
            "count_fp": format_count(happening.count),
            "taker_side": happening.taker_side.outcome,
            "taker_outcome_side": happening.taker_side.outcome,
            "taker_book_side": str(happening.taker_side),
            "is_block_trade": False,
            "ts": happening.at // SECOND,
            "ts_ms": happening.at // MILLISECOND,
        }
    )


def fill(item: ClientFill) -> str:
    order = item.order
    message: dict[str, Any] = {
        "trade_id": item.fill_id,
        "order_id": order.order_id,
        "market_ticker": order.ticker,
        "exchange_index": wire.EXCHANGE_INDEX,
        "is_taker": item.is_taker,
        "side": "yes",
        "yes_price_dollars": format_price(item.price),
        "count_fp": format_count(item.count),
        "fee_cost": format_money(item.fee),
        "action": "buy" if order.side is Side.BID else "sell",
        "post_position_fp": format_count(item.post_position),
        "purchased_side": order.side.outcome,
        "outcome_side": order.side.outcome,
        "book_side": str(order.side),
        "subaccount": order.subaccount,
        "ts": item.created // SECOND,
        "ts_ms": item.created // MILLISECOND,
    }
    if order.client_order_id:
        message["client_order_id"] = order.client_order_id
    return text(message)


def user_order(happening: OrderChanged) -> str:
    order = happening.order
    body = wire_account.order(order)
    left_out = ("action", "no_price_dollars", "type", "cancel_order_on_pause")
    message = {key: value for key, value in body.items() if key not in left_out}
    message["is_yes"] = order.side is Side.BID
    message["created_ts_ms"] = order.created // MILLISECOND
    message["last_updated_ts_ms"] = order.updated // MILLISECOND
    if order.expires is not None:
        message["expiration_ts_ms"] = order.expires // MILLISECOND
    if order.reason is not UpdateReason.CREATED:
        message["last_update_reason"] = str(order.reason)
    return text(message)


def market_position(account: Account, held_in: str) -> str:
    held = account.holdings[held_in]
    return text(
        {
            "user_id": account.user_id,
            "market_ticker": held.ticker,
            "position_fp": format_count(held.position),
            "position_cost_dollars": format_money(held.cost),
            "realized_pnl_dollars": format_money(held.realized),
            "fees_paid_dollars": format_money(held.fees),
            "position_fee_cost_dollars": format_money(held.fees),
            "volume_fp": format_count(held.traded_count),
            "subaccount": account.number,
        }
    )


def group_update(happening: GroupChanged) -> str:
    return text(
        {
            "event_type": happening.event_type,
            "order_group_id": happening.group_id,
            "contracts_limit_fp": format_count(happening.limit),
            "ts_ms": happening.at // MILLISECOND,
        }
    )


def _named(market: Market) -> dict[str, Any]:
    return {"market_ticker": market.ticker, "market_id": market.market_id}
