"""Changing an order that rests: amend and decrease (facts §1.8). Every refusal is a `Refusal` that names its reason.

A decrease, and an amend that only lowers the size or moves the expiry, keep the place in the queue; another price or
a larger size goes to the back of it, and may trade at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from engine.market.money import Count, Price
from engine.venues.simulated.account import Account
from engine.venues.simulated.happenings import OrderChanged
from engine.venues.simulated.instants import Instant
from engine.venues.simulated.market import Market
from engine.venues.simulated.orders import ClientOrder, OrderStatus, Side, UpdateReason
from engine.venues.simulated.refusals import bad_request, not_found, refuse
from engine.venues.simulated.trading import Ack, Trading


@dataclass(frozen=True, slots=True)
class Amendment:
    """What an order is to become. `count` includes what is filled already; `expires` 0 never, None as before."""

    ticker: str
    side: Side
    price: Price
    count: Count
    client_order_id: str = ""
    updated_client_order_id: str = ""
    expires: Instant | None = None


def amend(trading: Trading, account: Account, order_id: str, wanted: Amendment) -> Ack:
    """Change price, size, expiry or client_order_id. Raises Refusal."""
    order, market = _resting(trading, account, order_id)
    trading.tradable(order.ticker)
    _check(trading, account, order, market, wanted)
    remaining = wanted.count - order.filled
    keeps_place = wanted.price == order.price and remaining <= order.remaining
    if not keeps_place:
        _afford(account, order, market, wanted.price, remaining)
    if wanted.updated_client_order_id:
        account.rename(order, wanted.updated_client_order_id)
    if wanted.expires is not None:
        order.expires = wanted.expires or None
        if order.expires is not None:
            trading.exchange.agenda.add(order.expires, partial(trading.expire, order))
    order.updated, order.reason = trading.exchange.now, UpdateReason.AMEND
    order.initial, order.reduced = wanted.count, 0
    if keeps_place:
        if remaining < order.remaining:
            market.book.reduce(order, order.remaining - remaining)
            account.recount(order, market)
        trading.exchange.tell(OrderChanged(account, order))
        return Ack(order, 0, order.remaining, 0, 0)
    market.book.remove(order)
    account.unrest(order)
    order.price, order.remaining = wanted.price, remaining
    if order.post_only and market.book.crosses(order.side, order.price):
        trading.end(order, UpdateReason.POST_ONLY)
        return Ack(order, 0, 0, 0, 0)
    return trading.execute(account, market, order)


def decrease(
    trading: Trading, account: Account, order_id: str, *, by: Count | None = None, to: Count | None = None
) -> ClientOrder:
    """Lower what is left of an order, `by` or `to` so many contracts; to nothing cancels it. Raises Refusal."""
    if (by is None) == (to is None):
        raise bad_request("exactly one of reduce_by and reduce_to must be provided")
    order, market = _resting(trading, account, order_id)
    left = max(0, order.remaining - by) if by is not None else to
    assert left is not None, "neither by nor to"
    if left < 0 or left >= order.remaining:
        raise refuse(400, "invalid_order_size")
    if trading.deaf:
        return order
    if left == 0:
        trading.take_out(order, UpdateReason.DECREASE)
        return order
    order.reduced += order.remaining - left
    order.updated, order.reason = trading.exchange.now, UpdateReason.DECREASE
    market.book.reduce(order, order.remaining - left)
    account.recount(order, market)
    trading.exchange.tell(OrderChanged(account, order))
    return order


def _resting(trading: Trading, account: Account, order_id: str) -> tuple[ClientOrder, Market]:
    order = account.order(order_id)
    if order is None:
        raise not_found()
    market = trading.exchange.markets[order.ticker]
    trading.reachable(market)
    if order.status is not OrderStatus.RESTING:
        raise not_found()
    return order, market


def _check(trading: Trading, account: Account, order: ClientOrder, market: Market, wanted: Amendment) -> None:
    if wanted.ticker != order.ticker:
        raise refuse(400, "order_ticker_mismatch")
    if wanted.side is not order.side:
        raise refuse(400, "order_side_mismatch")
    # an id from before an earlier amend still names the order
    if wanted.client_order_id and account.named(wanted.client_order_id) is not order:
        raise refuse(400, "order_id_and_client_order_id_mismatch")
    renamed = wanted.updated_client_order_id
    if renamed and account.named(renamed) is not order and account.is_taken(renamed):
        raise refuse(409, "order_already_exists")
    if not market.grid.allows(wanted.price):
        raise refuse(400, "invalid_price")
    if wanted.count <= order.filled:
        raise refuse(400, "invalid_order_size")
    if wanted.expires and wanted.expires <= trading.exchange.now:
        raise bad_request("Expiration timestamp must be in the future")


def _afford(account: Account, order: ClientOrder, market: Market, price: Price, remaining: Count) -> None:
    changed = replace(order, price=price, remaining=remaining)
    fee = market.fees.trade_fee(price, remaining, taker=market.book.crosses(order.side, price))
    if account.needed(changed, market) + fee > account.available():
        raise refuse(400, "insufficient_balance")
