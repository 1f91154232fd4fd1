"""Private endpoints that change orders: V2 writes; V1 writes are gone."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from engine.market.money import format_count
from engine.venues.simulated import wire, wire_account
from engine.venues.simulated.amending import Amendment, amend, decrease
from engine.venues.simulated.credentials import Scope
from engine.venues.simulated.instants import MILLISECOND, SECOND, Instant
from engine.venues.simulated.orders import OrderRequest, SelfTrade, Side, TimeInForce
from engine.venues.simulated.refusals import Refusal, bad_request, not_found, refuse
from engine.venues.simulated.rest.frame import Asked, House, Reply, private
from engine.venues.simulated.rest.reading import Fields, count, only_shard, price
from engine.venues.simulated.trading import Canceled

# the last second of the year 9999
LATEST_S = 253_402_300_799
_ORDERS = "/portfolio/events/orders"
_V1_WRITES = (
    ("POST", "/portfolio/orders"),
    ("POST", "/portfolio/orders/batched"),
    ("DELETE", "/portfolio/orders/batched"),
    ("DELETE", "/portfolio/orders/{order_id}"),
    ("POST", "/portfolio/orders/{order_id}/amend"),
    ("POST", "/portfolio/orders/{order_id}/decrease"),
)


def routes(house: House) -> list[Route]:
    writes = (
        ("POST", _ORDERS, create),
        ("DELETE", _ORDERS, cancel_all),
        ("POST", f"{_ORDERS}/batched", create_batch),
        ("DELETE", f"{_ORDERS}/batched", cancel_batch),
        ("DELETE", f"{_ORDERS}/{{order_id}}", cancel),
        ("POST", f"{_ORDERS}/{{order_id}}/amend", amend_order),
        ("POST", f"{_ORDERS}/{{order_id}}/decrease", decrease_order),
        *((method, path, gone) for method, path in _V1_WRITES),
    )
    return [private(house, method, path, handler, Scope.WRITE_TRADE) for method, path, handler in writes]


def create(house: House, asked: Asked) -> Any:
    return Reply(201, _create(house, asked, Fields.of("CreateOrderV2Request", asked.body)))


def create_batch(house: House, asked: Asked) -> Any:
    entries: list[Any] = []
    for content in Fields.of("BatchCreateOrdersV2Request", asked.body).objects("orders"):
        try:
            entries.append(_create(house, asked, Fields("CreateOrderV2Request", content)))
        except Refusal as refusal:
            entries.append({"error": refusal.entry()})
    return Reply(201, {"orders": entries})


def cancel(house: House, asked: Asked) -> Any:
    if asked.query.get("exchange_index", "") not in ("", "-1", str(wire.EXCHANGE_INDEX)):
        raise not_found()
    return _canceled(house, house.trading.cancel(asked.account(), asked.path["order_id"]))


def amend_order(house: House, asked: Asked) -> Any:
    fields = Fields.of("AmendOrderV2Request", asked.body)
    expires = _expiry(fields)
    only_shard(fields)
    wanted = Amendment(
        fields.required("ticker"),
        fields.word("side", Side),
        price(fields.required("price")),
        count(fields.required("count")),
        fields.text("client_order_id"),
        fields.text("updated_client_order_id"),
        expires,
    )
    ack = amend(house.trading, asked.account(), asked.path["order_id"], wanted)
    return wire_account.amended(ack, house.exchange.now)


def decrease_order(house: House, asked: Asked) -> Any:
    fields = Fields.of("DecreaseOrderV2Request", asked.body)
    only_shard(fields)
    by, to = (count(text) if (text := fields.text(name)) else None for name in ("reduce_by", "reduce_to"))
    order = decrease(house.trading, asked.account(), asked.path["order_id"], by=by, to=to)
    return wire_account.decreased(order, house.exchange.now)


def cancel_batch(house: House, asked: Asked) -> Any:
    listed = Fields.of("BatchCancelOrdersV2Request", asked.body).objects("orders")
    wanted = [Fields("BatchCancelOrdersV2RequestOrder", content) for content in listed]
    # an entry that names no order refuses the whole batch, so all are read before the first is cancelled
    named = [(fields.required("order_id"), fields) for fields in wanted]
    entries: list[Any] = []
    for order_id, fields in named:
        try:
            only_shard(fields)
            account = asked.signer.account(fields.integer("subaccount"))
            entries.append(_canceled(house, house.trading.cancel(account, order_id)))
        except Refusal as refusal:
            entries.append({"error": refusal.entry(), "order_id": order_id, "reduced_by": "0.00"})
    return {"orders": entries}


def cancel_all(house: House, asked: Asked) -> Any:
    for account in asked.accounts():
        house.trading.cancel_all(account)
    return Reply(204)


def gone(house: House, asked: Asked) -> Any:
    raise refuse(
        410,
        "deprecated_v1_order_endpoint",
        "https://docs.kalshi.com/api-reference/orders/create-order-v2",
        message="Please switch to the V2 endpoints",
    )


def _create(house: House, asked: Asked, fields: Fields) -> wire.Body:
    request = read_order(fields)
    account = asked.signer.account(fields.integer("subaccount"))
    return wire_account.created(house.trading.create(account, request))


def read_order(fields: Fields) -> OrderRequest:
    """A create request in our units. Raises Refusal for what cannot be read; what is not allowed comes later."""
    ticker = fields.required("ticker")
    side = fields.word("side", Side)
    wanted, at = fields.required("count"), fields.required("price")
    time_in_force = fields.word("time_in_force", TimeInForce)
    self_trade = fields.word("self_trade_prevention_type", SelfTrade)
    expires = _expiry(fields)
    only_shard(fields)
    return OrderRequest(
        ticker,
        side,
        price(at),
        count(wanted),
        time_in_force,
        self_trade,
        fields.text("client_order_id"),
        expires,
        fields.flag("post_only"),
        fields.flag("reduce_only"),
        fields.flag("cancel_order_on_pause"),
        fields.text("order_group_id") or None,
    )


def _expiry(fields: Fields) -> Instant | None:
    """`expiration_time`, seconds in the request. Raises Refusal for a time that no calendar has."""
    seconds = fields.integer("expiration_time")
    if seconds is not None and not 0 <= seconds <= LATEST_S:
        raise bad_request("expiration_time is out of range")
    return None if seconds is None else seconds * SECOND


def _canceled(house: House, canceled: Canceled) -> Any:
    body = {
        "order_id": canceled.order.order_id,
        "reduced_by": format_count(canceled.reduced_by),
        "ts_ms": house.exchange.now // MILLISECOND,
    }
    if canceled.order.client_order_id:
        body["client_order_id"] = canceled.order.client_order_id
    return body
