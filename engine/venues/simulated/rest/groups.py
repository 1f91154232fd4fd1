"""Order groups: listed, made, reset, triggered, limited, deleted."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from engine.market.money import Count, format_count
from engine.venues.simulated import wire
from engine.venues.simulated.account import Account
from engine.venues.simulated.credentials import Scope
from engine.venues.simulated.happenings import GroupChanged
from engine.venues.simulated.order_groups import OrderGroup
from engine.venues.simulated.orders import UpdateReason
from engine.venues.simulated.refusals import bad_request, not_found
from engine.venues.simulated.rest.frame import Asked, House, Reply, private
from engine.venues.simulated.rest.reading import Fields, count, only_shard

MOST_CONTRACTS = 1_000_000
MOST_GROUPS = 100_000
_GROUP = "/portfolio/order_groups/{order_group_id}"


def routes(house: House) -> list[Route]:
    return [
        private(house, "GET", "/portfolio/order_groups", group_list),
        private(house, "POST", "/portfolio/order_groups/create", create_group, Scope.WRITE_TRADE),
        private(house, "GET", _GROUP, one_group),
        private(house, "DELETE", _GROUP, delete_group, Scope.WRITE_TRADE),
        private(house, "PUT", f"{_GROUP}/reset", reset_group, Scope.WRITE_TRADE),
        private(house, "PUT", f"{_GROUP}/trigger", trigger_group, Scope.WRITE_TRADE),
        private(house, "PUT", f"{_GROUP}/limit", limit_group, Scope.WRITE_TRADE),
    ]


def group_list(house: House, asked: Asked) -> Any:
    listed = [group for each in asked.accounts() for group in house.trading.groups.get(each.account_id, {}).values()]
    return {"order_groups": [{"id": group.group_id, **_group(group)} for group in listed]}


def create_group(house: House, asked: Asked) -> Any:
    fields = Fields.of("CreateOrderGroupRequest", asked.body)
    only_shard(fields)
    account = asked.signer.account(fields.integer("subaccount"))
    groups = house.trading.groups.setdefault(account.account_id, {})
    if len(groups) >= MOST_GROUPS:
        raise bad_request(f"at most {MOST_GROUPS} order groups")
    group = OrderGroup(house.exchange.fresh_id(), _limit(fields))
    groups[group.group_id] = group
    _tell(house, account, group, "created")
    body = {"exchange_index": wire.EXCHANGE_INDEX, "order_group_id": group.group_id, "subaccount": account.number}
    return Reply(201, body)


def one_group(house: House, asked: Asked) -> Any:
    # read from any account; to change a group, one has to name its account
    group_id = asked.path["order_group_id"]
    for account in asked.accounts():
        group = house.trading.groups.get(account.account_id, {}).get(group_id)
        if group is not None:
            resting = [order.order_id for order in account.resting_orders() if order.group_id == group_id]
            return {**_group(group), "orders": resting}
    raise not_found()


def delete_group(house: House, asked: Asked) -> Any:
    account, group = _found(house, asked)
    if not house.trading.deaf:
        house.trading.cancel_group(account, group, UpdateReason.DECREASE)
        del house.trading.groups[account.account_id][group.group_id]
        _tell(house, account, group, "deleted")
    return {}


def reset_group(house: House, asked: Asked) -> Any:
    account, group = _found(house, asked)
    group.reset()
    _tell(house, account, group, "reset")
    return {}


def trigger_group(house: House, asked: Asked) -> Any:
    house.trading.trigger(*_found(house, asked))
    return {}


def limit_group(house: House, asked: Asked) -> Any:
    account, group = _found(house, asked)
    group.limit = _limit(Fields.of("UpdateOrderGroupLimitRequest", asked.body))
    _tell(house, account, group, "limit_updated")
    if group.exceeded(house.exchange.now) and not group.triggered:
        house.trading.trigger(account, group)
    return {}


def _found(house: House, asked: Asked) -> tuple[Account, OrderGroup]:
    account = asked.account()
    return account, house.trading.group(account, asked.path["order_group_id"])


def _limit(fields: Fields) -> Count:
    text, whole = fields.text("contracts_limit_fp"), fields.integer("contracts_limit")
    limit = count(text) if text else (whole or 0) * 100
    if whole is not None and whole * 100 != limit:
        raise bad_request("contracts_limit and contracts_limit_fp must match")
    if not 0 < limit <= MOST_CONTRACTS * 100:
        raise bad_request(f"contracts limit must be between 1 and {MOST_CONTRACTS}")
    return limit


def _group(group: OrderGroup) -> dict[str, Any]:
    return {
        "contracts_limit_fp": format_count(group.limit),
        "exchange_index": wire.EXCHANGE_INDEX,
        "is_auto_cancel_enabled": True,
    }


def _tell(house: House, account: Account, group: OrderGroup, event_type: str) -> None:
    house.exchange.tell(GroupChanged(account, group.group_id, event_type, group.limit, house.exchange.now))
