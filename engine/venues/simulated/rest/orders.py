"""Private endpoints that change something: V2 orders, order groups; V1 writes are gone."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from engine.market.money import Count, format_count, parse_count, parse_price
from engine.venues.simulated import wire, wire_account
from engine.venues.simulated.account import Account
from engine.venues.simulated.amending import Amendment, amend, decrease
from engine.venues.simulated.happenings import GroupChanged
from engine.venues.simulated.instants import MILLISECOND, SECOND
from engine.venues.simulated.order_groups import OrderGroup
from engine.venues.simulated.orders import OrderRequest, OrderStatus, SelfTrade, Side, TimeInForce, UpdateReason
from engine.venues.simulated.refusals import Refusal, bad_request, refuse
from engine.venues.simulated.rest.frame import Asked, House, Reply, private
from engine.venues.simulated.rest.reading import Fields
from engine.venues.simulated.trading import Canceled

_V1_WRITES = (
    ("POST", "/portfolio/orders"),
    ("POST", "/portfolio/orders/batched"),
    ("DELETE", "/portfolio/orders/batched"),
    ("DELETE", "/portfolio/orders/{order_id}"),
    ("POST", "/portfolio/orders/{order_id}/amend"),
    ("POST", "/portfolio/orders/{order_id}/decrease"),
)
MOST_CONTRACTS = 1_000_000


def routes(house: House) -> list[Route]:
    return [
        private(house, "POST", "/portfolio/events/orders", create),
        private(house, "DELETE", "/portfolio/events/orders", cancel_all),
        private(house, "POST", "/portfolio/events/orders/batched", create_batch),
        private(house, "DELETE", "/portfolio/events/orders/batched", cancel_batch),
        private(house, "DELETE", "/portfolio/events/orders/{order_id}", cancel),
        private(house, "POST", "/portfolio/events/orders/{order_id}/amend", amend_order),
        private(house, "POST", "/portfolio/events/orders/{order_id}/decrease", decrease_order),
        private(house, "GET", "/portfolio/order_groups", group_list),
        private(house, "POST", "/portfolio/order_groups/create", create_group),
        private(house, "GET", "/portfolio/order_groups/{group_id}", one_group),
        private(house, "DELETE", "/portfolio/order_groups/{group_id}", delete_group),
        private(house, "PUT", "/portfolio/order_groups/{group_id}/reset", reset_group),
        private(house, "PUT", "/portfolio/order_groups/{group_id}/trigger", trigger_group),
        private(house, "PUT", "/portfolio/order_groups/{group_id}/limit", limit_group),
        *(private(house, method, path, gone) for method, path in _V1_WRITES),
    ]


def create(house: House, asked: Asked, account: Account) -> Any:
    request = read_order(Fields.of("CreateOrderV2Request", asked.body))
    return Reply(201, wire_account.created(house.trading.create(account, request)))


def create_batch(house: House, asked: Asked, account: Account) -> Any:
    entries: list[Any] = []
    for content in Fields.of("BatchCreateOrdersV2Request", asked.body).objects("orders"):
        try:
            request = read_order(Fields("CreateOrderV2Request", content))
            entries.append(wire_account.created(house.trading.create(account, request)))
        except Refusal as refusal:
            entries.append({"error": refusal.entry()})
    return Reply(201, {"orders": entries})


def cancel(house: House, asked: Asked, account: Account) -> Any:
    return _canceled(house, house.trading.cancel(account, asked.path["order_id"]))


def amend_order(house: House, asked: Asked, account: Account) -> Any:
    fields = Fields.of("AmendOrderV2Request", asked.body)
    expires = fields.integer("expiration_time")
    wanted = Amendment(
        fields.required("ticker"),
        Side(fields.word("side", tuple(Side))),
        _price(fields.required("price")),
        _count(fields.required("count")),
        fields.text("client_order_id"),
        fields.text("updated_client_order_id"),
        None if expires is None else expires * SECOND,
    )
    return wire_account.amended(amend(house.trading, account, asked.path["order_id"], wanted), house.exchange.now)


def decrease_order(house: House, asked: Asked, account: Account) -> Any:
    fields = Fields.of("DecreaseOrderV2Request", asked.body)
    by, to = fields.text("reduce_by"), fields.text("reduce_to")
    order = decrease(
        house.trading,
        account,
        asked.path["order_id"],
        by=_count(by) if by else None,
        to=_count(to) if to else None,
    )
    return wire_account.decreased(order, house.exchange.now)


def cancel_batch(house: House, asked: Asked, account: Account) -> Any:
    entries: list[Any] = []
    for content in Fields.of("BatchCancelOrdersV2Request", asked.body).objects("orders"):
        order_id = Fields("BatchCancelOrdersV2RequestOrder", content).required("order_id")
        try:
            entries.append(_canceled(house, house.trading.cancel(account, order_id)))
        except Refusal as refusal:
            entries.append({"error": refusal.entry(), "order_id": order_id, "reduced_by": "0.00"})
    return {"orders": entries}


def cancel_all(house: House, asked: Asked, account: Account) -> Any:
    house.trading.cancel_all(account)
    return Reply(204)


def gone(house: House, asked: Asked, account: Account) -> Any:
    raise refuse(
        410,
        "deprecated_v1_order_endpoint",
        "https://docs.kalshi.com/api-reference/orders/create-order-v2",
        message="Please switch to the V2 endpoints",
    )


def group_list(house: House, asked: Asked, account: Account) -> Any:
    groups = house.trading.groups.get(account.user_id, {}).values()
    return {"order_groups": [{"id": group.group_id, **_group(group)} for group in groups]}


def create_group(house: House, asked: Asked, account: Account) -> Any:
    group = OrderGroup(house.exchange.fresh_id(), _limit(Fields.of("CreateOrderGroupRequest", asked.body)))
    house.trading.groups.setdefault(account.user_id, {})[group.group_id] = group
    _tell(house, account, group, "created")
    return Reply(201, {"exchange_index": wire.EXCHANGE_INDEX, "order_group_id": group.group_id, "subaccount": 0})


def one_group(house: House, asked: Asked, account: Account) -> Any:
    group = house.trading.group(account, asked.path["group_id"])
    resting = [key for key in group.order_ids if account.orders[key].status is OrderStatus.RESTING]
    return {**_group(group), "orders": resting}


def delete_group(house: House, asked: Asked, account: Account) -> Any:
    group = house.trading.group(account, asked.path["group_id"])
    house.trading.cancel_group(account, group, UpdateReason.DECREASE)
    del house.trading.groups[account.user_id][group.group_id]
    _tell(house, account, group, "deleted")
    return {}


def reset_group(house: House, asked: Asked, account: Account) -> Any:
    group = house.trading.group(account, asked.path["group_id"])
    group.reset()
    _tell(house, account, group, "reset")
    return {}


def trigger_group(house: House, asked: Asked, account: Account) -> Any:
    house.trading.trigger(account, house.trading.group(account, asked.path["group_id"]))
    return {}


def limit_group(house: House, asked: Asked, account: Account) -> Any:
    group = house.trading.group(account, asked.path["group_id"])
    group.limit = _limit(Fields.of("UpdateOrderGroupLimitRequest", asked.body))
    _tell(house, account, group, "limit_updated")
    if group.exceeded(house.exchange.now) and not group.triggered:
        house.trading.trigger(account, group)
    return {}


def read_order(fields: Fields) -> OrderRequest:
    """A create request in our units. Raises Refusal for what cannot be read; what is not allowed comes later."""
    ticker = fields.required("ticker")
    side = Side(fields.word("side", tuple(Side)))
    count, price = fields.required("count"), fields.required("price")
    time_in_force = TimeInForce(fields.word("time_in_force", tuple(TimeInForce)))
    self_trade = SelfTrade(fields.word("self_trade_prevention_type", tuple(SelfTrade)))
    expires = fields.integer("expiration_time")
    if fields.integer("subaccount") not in (None, 0):
        raise bad_request("unknown subaccount")
    if fields.integer("exchange_index") not in (None, -1, wire.EXCHANGE_INDEX):
        raise bad_request("market is not on this exchange index")
    return OrderRequest(
        ticker,
        side,
        _price(price),
        _count(count),
        time_in_force,
        self_trade,
        fields.text("client_order_id"),
        None if expires is None else expires * SECOND,
        fields.flag("post_only"),
        fields.flag("reduce_only"),
        fields.flag("cancel_order_on_pause"),
        fields.text("order_group_id") or None,
    )


def _price(text: str) -> int:
    try:
        return parse_price(text)
    except ValueError:
        raise refuse(400, "invalid_price") from None


def _count(text: str) -> Count:
    try:
        return parse_count(text)
    except ValueError:
        raise refuse(400, "invalid_order_size") from None


def _limit(fields: Fields) -> Count:
    text, whole = fields.text("contracts_limit_fp"), fields.integer("contracts_limit")
    limit = _count(text) if text else (whole or 0) * 100
    if not 0 < limit <= MOST_CONTRACTS * 100:
        raise bad_request(f"contracts limit must be between 1 and {MOST_CONTRACTS}")
    return limit


def _canceled(house: House, canceled: Canceled) -> Any:
    body = {
        "order_id": canceled.order.order_id,
        "reduced_by": format_count(canceled.reduced_by),
        "ts_ms": house.exchange.now // MILLISECOND,
    }
    if canceled.order.client_order_id:
        body["client_order_id"] = canceled.order.client_order_id
    return body


def _group(group: OrderGroup) -> dict[str, Any]:
    return {
        "contracts_limit_fp": format_count(group.limit),
        "exchange_index": wire.EXCHANGE_INDEX,
        "is_auto_cancel_enabled": True,
    }


def _tell(house: House, account: Account, group: OrderGroup, event_type: str) -> None:
    house.exchange.tell(GroupChanged(account, group.group_id, event_type, group.limit, house.exchange.now))
