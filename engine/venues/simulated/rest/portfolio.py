"""Private endpoints that only read: balance, positions, fills, settlements, orders, limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.routing import Route

from engine.market.money import ONE_DOLLAR, Micros, format_count, format_money
from engine.venues.simulated import wire, wire_account
from engine.venues.simulated.account import Account, Holding
from engine.venues.simulated.orders import ClientOrder, OrderStatus
from engine.venues.simulated.refusals import bad_request, not_found
from engine.venues.simulated.rest.frame import Asked, House, private, public
from engine.venues.simulated.rest.reading import instant, one_of, page, tickers

_READ = {"bucket_capacity": 200, "refill_rate": 200}
_WRITE = {"bucket_capacity": 100, "refill_rate": 100}
_ORDERS = "/trade-api/v2/portfolio/events/orders"
_COSTS = (
    ("DELETE", _ORDERS, 2),
    ("DELETE", f"{_ORDERS}/:order_id", 2),
    ("DELETE", f"{_ORDERS}/batched", 2),
    ("GET", "/trade-api/v2/portfolio/orders/:order_id", 2),
)


def routes(house: House) -> list[Route]:
    return [
        private(house, "GET", "/portfolio/balance", balance),
        private(house, "GET", "/portfolio/positions", positions),
        private(house, "GET", "/portfolio/fills", fills),
        private(house, "GET", "/portfolio/settlements", settlements),
        private(house, "GET", "/portfolio/orders", orders),
        private(house, "GET", "/portfolio/orders/queue_positions", queue_positions),
        private(house, "GET", "/portfolio/orders/{order_id}", one_order),
        private(house, "GET", "/portfolio/orders/{order_id}/queue_position", queue_position),
        private(house, "GET", "/portfolio/summary/total_resting_order_value", resting_value),
        private(house, "GET", "/account/limits", limits),
        public(house, "GET", "/account/endpoint_costs", endpoint_costs),
    ]


def balance(house: House, asked: Asked, account: Account) -> Any:
    available = account.available()
    worth = sum(_worth(house, held) for held in account.holdings.values())
    return wire_account.balance(available, worth, house.exchange.now)


def positions(house: House, asked: Asked, account: Account) -> Any:
    query = asked.query
    status = one_of(query, "settlement_status", "GetPositions", ("unsettled", "settled", "all")) or "unsettled"
    nonzero = tickers(query, "count_filter")
    ticker, event = query.get("ticker"), query.get("event_ticker")

    def listed() -> Iterator[Holding]:
        for held in account.holdings.values():
            settled = house.exchange.markets[held.ticker].settled is not None
            if (
                (status == "all" or settled == (status == "settled"))
                and ticker in (None, "", held.ticker)
                and event in (None, "", held.event_ticker)
                and ("position" not in nonzero or held.position)
                and ("total_traded" not in nonzero or held.traded)
            ):
                yield held

    chosen, cursor = page(query, "GetPositions", listed(), lambda each: each.ticker)
    by_event: dict[str, list[Holding]] = {}
    for held in chosen:
        by_event.setdefault(held.event_ticker, []).append(held)
    return {
        "cursor": cursor,
        "event_positions": [wire_account.event_position(event, held) for event, held in by_event.items()],
        "market_positions": [wire_account.market_position(held, _resting(account, held)) for held in chosen],
    }


def fills(house: House, asked: Asked, account: Account) -> Any:
    query = asked.query
    wanted, order_id = tickers(query, "ticker"), query.get("order_id")
    since, until = instant(query, "min_ts", "GetFills"), instant(query, "max_ts", "GetFills")
    listed = (
        fill
        for fill in reversed(account.fills)
        if (not wanted or fill.order.ticker in wanted)
        and order_id in (None, "", fill.order.order_id)
        and (since is None or fill.created >= since)
        and (until is None or fill.created <= until)
    )
    # two orders of one account may meet in one trade: the order tells its two fills apart
    chosen, cursor = page(query, "GetFills", listed, lambda each: f"{each.fill_id}:{each.order.order_id}")
    return {"cursor": cursor, "fills": [wire_account.fill(each) for each in chosen]}


def settlements(house: House, asked: Asked, account: Account) -> Any:
    query = asked.query
    ticker, event = query.get("ticker"), query.get("event_ticker")
    since, until = instant(query, "min_ts", "GetSettlements"), instant(query, "max_ts", "GetSettlements")
    listed = (
        each
        for each in reversed(account.settlements)
        if ticker in (None, "", each.ticker)
        and event in (None, "", each.event_ticker)
        and (since is None or each.settled >= since)
        and (until is None or each.settled <= until)
    )
    chosen, cursor = page(query, "GetSettlements", listed, lambda each: each.ticker)
    return {"cursor": cursor, "settlements": [wire_account.settlement(each) for each in chosen]}


def orders(house: House, asked: Asked, account: Account) -> Any:
    query = asked.query
    status = one_of(query, "status", "GetOrders", tuple(OrderStatus))
    ticker, events = query.get("ticker"), tickers(query, "event_ticker")
    since, until = instant(query, "min_ts", "GetOrders"), instant(query, "max_ts", "GetOrders")
    listed = (
        order
        for order in reversed(account.orders.values())
        if (status is None or house.stale.status(order) == status)
        and ticker in (None, "", order.ticker)
        and (not events or house.exchange.markets[order.ticker].spec.event_ticker in events)
        and (since is None or order.created >= since)
        and (until is None or order.created <= until)
    )
    chosen, cursor = page(query, "GetOrders", listed, lambda each: each.order_id)
    return {"cursor": cursor, "orders": [house.stale.body(each) for each in chosen]}


def one_order(house: House, asked: Asked, account: Account) -> Any:
    order = account.orders.get(asked.path["order_id"])
    if order is None:
        raise not_found()
    return {"order": house.stale.body(order)}


def queue_positions(house: House, asked: Asked, account: Account) -> Any:
    wanted, event = tickers(asked.query, "market_tickers"), asked.query.get("event_ticker")
    if not wanted and not event:
        raise bad_request("need to specify market tickers or event ticker")
    markets = house.exchange.markets
    return {
        "queue_positions": [
            {
                "market_ticker": order.ticker,
                "order_id": order.order_id,
                "queue_position_fp": format_count(_ahead(house, order)),
            }
            for order in account.resting_orders()
            if order.ticker in wanted or markets[order.ticker].spec.event_ticker == event
        ]
    }


def queue_position(house: House, asked: Asked, account: Account) -> Any:
    order = account.orders.get(asked.path["order_id"])
    if order is None or order.status is not OrderStatus.RESTING:
        raise not_found()
    return {"queue_position_fp": format_count(_ahead(house, order))}


def resting_value(house: House, asked: Asked, account: Account) -> Any:
    value = sum(_paid(order) * order.remaining for order in account.resting_orders())
    breakdown = [{"balance": format_money(value, 4), "exchange_index": wire.EXCHANGE_INDEX}]
    return {"resting_order_value_breakdown": breakdown, "total_resting_order_value": wire.cents(value)}


def limits(house: House, asked: Asked, account: Account) -> Any:
    return {"grants": [], "read": _READ, "usage_tier": "basic", "write": _WRITE}


def endpoint_costs(house: House, asked: Asked) -> Any:
    costs = [{"cost": cost, "method": method, "path": path} for method, path, cost in _COSTS]
    return {"default_cost": 10, "endpoint_costs": costs}


def _resting(account: Account, held: Holding) -> int:
    return len(account.resting.get(held.ticker, {}))


def _ahead(house: House, order: ClientOrder) -> int:
    return house.exchange.markets[order.ticker].book.ahead_of(order)


def _paid(order: ClientOrder) -> int:
    return order.price if order.side.sign > 0 else ONE_DOLLAR - order.price


def _worth(house: House, held: Holding) -> Micros:
    last = house.exchange.markets[held.ticker].last_price
    if last is None:
        return held.cost
    return held.position * last if held.position > 0 else -held.position * (ONE_DOLLAR - last)
