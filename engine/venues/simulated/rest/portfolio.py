"""Private endpoints that only read: balance, positions, fills, settlements, orders, queues."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import merge
from typing import Any

from starlette.routing import Route

from engine.market.money import ONE_DOLLAR, Micros, format_count, format_money
from engine.venues.simulated import wire, wire_account
from engine.venues.simulated.account import Account
from engine.venues.simulated.credentials import Scope
from engine.venues.simulated.holding import Holding, Settlement
from engine.venues.simulated.orders import ClientFill, ClientOrder, OrderStatus
from engine.venues.simulated.refusals import bad_request, not_found
from engine.venues.simulated.rest.frame import Asked, House, private
from engine.venues.simulated.rest.reading import instant, one_of, page, tickers


def routes(house: House) -> list[Route]:
    return [
        private(house, "GET", "/portfolio/balance", balance, Scope.READ_BALANCE),
        private(house, "GET", "/portfolio/positions", positions),
        private(house, "GET", "/portfolio/fills", fills),
        private(house, "GET", "/portfolio/settlements", settlements),
        private(house, "GET", "/portfolio/orders", orders),
        private(house, "GET", "/portfolio/orders/queue_positions", queue_positions),
        private(house, "GET", "/portfolio/orders/{order_id}", one_order),
        private(house, "GET", "/portfolio/orders/{order_id}/queue_position", queue_position),
        private(house, "GET", "/portfolio/summary/total_resting_order_value", resting_value),
        private(house, "GET", "/portfolio/deposits", lambda house, asked: {"cursor": "", "deposits": []}),
        private(house, "GET", "/portfolio/withdrawals", lambda house, asked: {"cursor": "", "withdrawals": []}),
        private(house, "GET", "/historical/positions", lambda house, asked: _positions(house, asked, old=True)),
        private(house, "GET", "/historical/fills", lambda house, asked: _fills(house, asked, old=True)),
        private(house, "GET", "/historical/orders", lambda house, asked: _orders(house, asked, old=True)),
    ]


def balance(house: House, asked: Asked) -> Any:
    account = asked.account()
    worth = sum(_worth(house, held) for held in account.holdings.values())
    body = wire_account.balance(account.available(), worth, house.exchange.now)
    if asked.signer.key.subaccount is not None:
        del body["balance_breakdown"]
    return body


def positions(house: House, asked: Asked) -> Any:
    return _positions(house, asked, old=False)


def fills(house: House, asked: Asked) -> Any:
    return _fills(house, asked, old=False)


def orders(house: House, asked: Asked) -> Any:
    return _orders(house, asked, old=False)


def settlements(house: House, asked: Asked) -> Any:
    query = asked.query
    ticker, event = query.get("ticker"), query.get("event_ticker")
    since, until = instant(query, "min_ts", "GetSettlements"), instant(query, "max_ts", "GetSettlements")
    newest: Iterable[tuple[int, Settlement]] = _latest_first(
        [((account.number, each) for each in reversed(account.settlements)) for account in asked.accounts()],
        lambda pair: pair[1].settled,
    )

    def wanted(pair: tuple[int, Settlement]) -> bool:
        each = pair[1]
        return (
            ticker in (None, "", each.ticker)
            and event in (None, "", each.event_ticker)
            and (since is None or each.settled >= since)
            and (until is None or each.settled <= until)
        )

    chosen, cursor = page(query, "GetSettlements", newest, lambda pair: f"{pair[1].ticker}/{pair[0]}", wanted)
    return {"cursor": cursor, "settlements": [wire_account.settlement(each) for _, each in chosen]}


def one_order(house: House, asked: Asked) -> Any:
    return {"order": house.stale.body(_order(asked))}


def queue_positions(house: House, asked: Asked) -> Any:
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
            for order in asked.account().resting_orders()
            if order.ticker in wanted or markets[order.ticker].spec.event_ticker == event
        ]
    }


def queue_position(house: House, asked: Asked) -> Any:
    order = _order(asked)
    if order.status is not OrderStatus.RESTING:
        raise not_found()
    return {"queue_position_fp": format_count(_ahead(house, order))}


def resting_value(house: House, asked: Asked) -> Any:
    resting = (order for account in asked.accounts() for order in account.resting_orders())
    value = sum(_paid(order) * order.remaining for order in resting)
    breakdown = [{"balance": format_money(value, 4), "exchange_index": wire.EXCHANGE_INDEX}]
    return {"resting_order_value_breakdown": breakdown, "total_resting_order_value": wire.cents(value)}


def _positions(house: House, asked: Asked, *, old: bool) -> Any:
    query, account = asked.query, asked.account()
    status = one_of(query, "settlement_status", "GetPositions", ("unsettled", "settled", "all")) or "unsettled"
    nonzero = tickers(query, "count_filter")
    ticker, event = query.get("ticker"), query.get("event_ticker")

    def wanted(held: Holding) -> bool:
        settled = house.exchange.markets[held.ticker].settled is not None
        return (
            (settled and held.updated < house.cutoff) == old
            and (old or status == "all" or settled == (status == "settled"))
            and ticker in (None, "", held.ticker)
            and event in (None, "", held.event_ticker)
            and ("position" not in nonzero or held.position != 0)
            and ("total_traded" not in nonzero or held.traded != 0)
        )

    chosen, cursor = page(query, "GetPositions", account.holdings.values(), lambda each: each.ticker, wanted)
    by_event: dict[str, list[Holding]] = {}
    for held in chosen:
        by_event.setdefault(held.event_ticker, []).append(held)
    return {
        "cursor": cursor,
        "event_positions": [wire_account.event_position(event, held) for event, held in by_event.items()],
        "market_positions": [wire_account.market_position(held, _resting(account, held)) for held in chosen],
    }


def _fills(house: House, asked: Asked, *, old: bool) -> Any:
    query = asked.query
    markets, order_id = tickers(query, "ticker"), query.get("order_id")
    since, until = instant(query, "min_ts", "GetFills"), instant(query, "max_ts", "GetFills")
    cutoff = house.cutoff
    newest: Iterable[ClientFill] = _latest_first(
        [account.latest_fills(order_id=order_id or None) for account in asked.accounts()], lambda each: each.created
    )

    def wanted(fill: ClientFill) -> bool:
        return (
            (fill.created < cutoff) == old
            and (not markets or fill.order.ticker in markets)
            and order_id in (None, "", fill.order.order_id)
            and (since is None or fill.created >= since)
            and (until is None or fill.created <= until)
        )

    # two orders of one account may meet in one trade: the order tells its two fills apart
    chosen, cursor = page(query, "GetFills", newest, lambda each: f"{each.fill_id}:{each.order.order_id}", wanted)
    return {"cursor": cursor, "fills": [wire_account.fill(each) for each in chosen]}


def _orders(house: House, asked: Asked, *, old: bool) -> Any:
    query = asked.query
    status = one_of(query, "status", "GetOrders", tuple(OrderStatus))
    ticker, events = query.get("ticker"), tickers(query, "event_ticker")
    since, until = instant(query, "min_ts", "GetOrders"), instant(query, "max_ts", "GetOrders")
    cutoff, narrowed = house.cutoff, None if status is None else OrderStatus(status)
    newest: Iterable[ClientOrder] = _latest_first(
        [account.latest_orders(ticker=ticker or None, status=narrowed) for account in asked.accounts()],
        lambda each: each.serial,
    )

    def wanted(order: ClientOrder) -> bool:
        return (
            (order.status is not OrderStatus.RESTING and order.updated < cutoff) == old
            and (status is None or house.stale.status(order) == status)
            and ticker in (None, "", order.ticker)
            and (not events or house.exchange.markets[order.ticker].spec.event_ticker in events)
            and (since is None or order.created >= since)
            and (until is None or order.created <= until)
        )

    chosen, cursor = page(query, "GetOrders", newest, lambda each: each.order_id, wanted)
    return {"cursor": cursor, "orders": [house.stale.body(each) for each in chosen]}


def _order(asked: Asked) -> ClientOrder:
    """The order of the path, in whichever account the key may see. Raises Refusal 404."""
    for account in asked.accounts():
        if (found := account.order(asked.path["order_id"])) is not None:
            return found
    raise not_found()


def _latest_first(newest: list[Any], stamp: Any) -> Iterable[Any]:
    """Several accounts' lists, each newest first, as one."""
    return newest[0] if len(newest) == 1 else merge(*newest, key=stamp, reverse=True)


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
