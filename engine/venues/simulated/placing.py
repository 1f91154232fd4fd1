"""What an order must be like to be taken at all, and the order it becomes."""

from __future__ import annotations

from engine.venues.simulated.account import Account
from engine.venues.simulated.instants import Instant
from engine.venues.simulated.market import Market
from engine.venues.simulated.orders import ClientOrder, OrderRequest, TimeInForce
from engine.venues.simulated.refusals import bad_request, invalid_order, refuse


def check(market: Market, request: OrderRequest, now: Instant) -> None:
    """Raises Refusal for a request that no account could make."""
    if request.count <= 0:
        raise refuse(400, "invalid_order_size")
    if not market.grid.allows(request.price):
        raise refuse(400, "invalid_price")
    resting = request.time_in_force is TimeInForce.GOOD_TILL_CANCELED
    if request.expires is not None:
        if not resting:
            raise bad_request(f"Cannot specify both {request.time_in_force} and expiration_ts")
        if request.expires <= now:
            raise bad_request("Expiration timestamp must be in the future")
    if request.reduce_only and request.time_in_force is not TimeInForce.IMMEDIATE_OR_CANCEL:
        raise invalid_order("reduce only requires immediate_or_cancel")
    if request.post_only and not resting:
        raise invalid_order("post only requires good_till_canceled")
    if request.post_only and market.book.crosses(request.side, request.price):
        raise invalid_order("post only cross")


def new_order(order_id: str, account: Account, request: OrderRequest, now: Instant) -> ClientOrder:
    """The order a request becomes; reduce-only, no larger than the position it reduces."""
    count = request.count
    if request.reduce_only:
        count = min(count, max(0, -request.side.sign * account.position(request.ticker)))
    return ClientOrder(
        order_id,
        request.ticker,
        request.side,
        request.price,
        count,
        account.account_id,
        subaccount=account.number,
        client_order_id=request.client_order_id,
        initial=request.count,
        time_in_force=request.time_in_force,
        self_trade=request.self_trade,
        expires=request.expires,
        group_id=request.group_id,
        cancel_on_pause=request.cancel_on_pause,
        post_only=request.post_only,
        created=now,
        updated=now,
    )
