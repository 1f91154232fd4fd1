"""What an account's orders, fills, positions and money look like as JSON bodies of the REST protocol (facts §1.8)."""

from __future__ import annotations

from engine.market.money import ONE_DOLLAR, Count, Micros, format_count, format_money, format_price
from engine.venues.simulated.holding import Holding, Settlement
from engine.venues.simulated.instants import MILLISECOND, SECOND, Instant, rfc3339
from engine.venues.simulated.orders import ClientFill, ClientOrder, OrderStatus, Side
from engine.venues.simulated.trading import Ack
from engine.venues.simulated.wire import EXCHANGE_INDEX, Body, cents


def created(ack: Ack) -> Body:
    """The acknowledgement of a create; averages only where something filled."""
    return amended(ack, ack.order.created)


def decreased(item: ClientOrder, at: Instant) -> Body:
    """The acknowledgement of a decrease."""
    body: Body = {
        "order_id": item.order_id,
        "remaining_count": format_count(item.remaining),
        "ts_ms": at // MILLISECOND,
    }
    if item.client_order_id:
        body["client_order_id"] = item.client_order_id
    return body


def amended(ack: Ack, at: Instant) -> Body:
    """The acknowledgement of an amend: what it filled, what rests after it."""
    body: Body = {
        "fill_count": format_count(ack.filled),
        "order_id": ack.order.order_id,
        "remaining_count": format_count(ack.remaining),
        "ts_ms": at // MILLISECOND,
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
        "subaccount_number": item.subaccount,
        "taker_fees_dollars": format_money(item.taker_fees),
        "taker_fill_cost_dollars": format_money(item.taker_cost),
        "ticker": item.ticker,
        "type": "limit",
        "user_id": item.user_id,
        "yes_price_dollars": format_price(item.price),
    }
    if item.expires is not None:
        body["expiration_time"] = rfc3339(item.expires)
    if item.group_id is not None:
        body["order_group_id"] = item.group_id
    return body


def still_resting(left: Count) -> Body:
    """What a read shows that has not heard of the cancel yet."""
    return {"remaining_count_fp": format_count(left), "status": str(OrderStatus.RESTING)}


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
        "subaccount_number": item.order.subaccount,
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


def balance(available: Micros, portfolio: Micros, updated: Instant) -> Body:
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
