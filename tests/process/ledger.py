"""Our journal of orders against the exchange itself, both read without the code that wrote them.

What must hold after any fault and any crash, once all is calm: our orders, fills, positions and money are the
exchange's; no intent stands there twice; and nothing ended in our books that lives on there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Ask = Callable[..., dict[str, Any]]
"""`ask(path, **query)`: a signed GET."""

OPENING = Decimal(10_000)
ENDS = {"canceled": "cancelled", "executed": "filled"}
"""How the exchange calls an end, and what our journal does."""


@dataclass
class Kept:
    """One order as the lines of our journal tell it. Only purchases of YES are known here."""

    ticker: str
    count: Decimal
    order_ids: set[str] = field(default_factory=set)
    fills: dict[str, tuple[Decimal, Decimal, Decimal]] = field(default_factory=dict)
    end: str = ""
    unresolved: bool = False

    @property
    def filled(self) -> Decimal:
        return sum((count for count, _, _ in self.fills.values()), Decimal(0))


def kept(lines: Iterable[dict[str, Any]]) -> tuple[dict[str, Kept], list[str]]:
    """The orders of a journal by client_order_id, and what is wrong with the journal itself."""
    orders: dict[str, Kept] = {}
    wrong: list[str] = []
    for line in lines:
        name, act = line.get("client_order_id", ""), line["act"]
        if act == "intent":
            wrong += [f"{name} was intended twice"] if name in orders else []
            assert line["side"] == "YES"
            orders[name] = Kept(line["ticker"], Decimal(line["count"]))
        elif act not in ("settled", "flat", "accepted", "carried"):
            if name not in orders:
                wrong.append(f"{act} of {name}, which was never intended")
                continue
            _take_in(orders[name], act, line)
    return orders, wrong


def _take_in(order: Kept, act: str, line: dict[str, Any]) -> None:
    if line.get("order_id"):
        order.order_ids.add(line["order_id"])
        order.unresolved = False
    if line.get("status") == "canceled":  # an engine may have died before the line that says it in one word
        order.end = "cancelled"
    match act:
        case "filled":
            order.fills[line["fill_id"]] = (Decimal(line["count"]), Decimal(line["price"]), Decimal(line["fee_usd"]))
            if order.filled >= order.count:
                order.end = "filled"
        case "cancelled" | "rejected" | "not_sent":
            order.end = act
        case "unresolved":
            order.unresolved = True
        case "resolved" if not line.get("order_id"):
            order.end, order.unresolved = "never accepted", False


def listed(ask: Ask, path: str, name: str) -> list[dict[str, Any]]:
    """Every page of a listing."""
    found: list[dict[str, Any]] = []
    query = {"limit": "1000"}
    while True:
        page = ask(path, **query)
        found += page[name]
        if not page.get("cursor"):
            return found
        query["cursor"] = page["cursor"]


def false_ends(lines: Iterable[dict[str, Any]], ask: Ask) -> list[str]:
    """Orders that have ended in our books and have not, or otherwise, at the exchange. To be asked at any moment."""
    orders, wrong = kept(lines)
    there = {order["client_order_id"]: order for order in listed(ask, "/portfolio/orders", "orders")}
    for name, order in orders.items():
        theirs = there.get(name)
        status = ENDS.get(theirs["status"], theirs["status"]) if theirs else "absent"
        if order.end in ("cancelled", "filled"):
            wrong += [] if status == order.end else [f"{name} is {order.end} here and {status} there"]
        elif order.end and theirs is not None:
            wrong.append(f"{name} is {order.end} here and {status} there")
    return wrong


def differences(lines: Iterable[dict[str, Any]], ask: Ask) -> list[str]:
    """All that does not agree when all is calm: every intent has its end or rests, at both, and money is equal."""
    lines = list(lines)
    orders, wrong = kept(lines)
    wrong += false_ends(lines, ask)
    there = listed(ask, "/portfolio/orders", "orders")
    twice = [name for name, times in Counter(order["client_order_id"] for order in there).items() if times > 1]
    wrong += [f"{name} stands at the exchange {twice}" for name in twice]
    wrong += [
        f"{order['client_order_id']} was never intended" for order in there if order["client_order_id"] not in orders
    ]
    fills: dict[str, dict[str, tuple[Decimal, Decimal, Decimal]]] = defaultdict(dict)
    for fill in listed(ask, "/portfolio/fills", "fills"):
        told = (Decimal(fill["count_fp"]), Decimal(fill["yes_price_dollars"]), Decimal(fill["fee_cost"]))
        fills[fill["order_id"]][fill["trade_id"]] = told
    by_name = {order["client_order_id"]: order for order in there}
    for name, order in orders.items():
        wrong += _of_one(name, order, by_name.get(name), fills)
    return wrong + _positions(orders, ask) + _money(orders, there, ask)


def _of_one(name: str, order: Kept, theirs: dict[str, Any] | None, fills: dict[str, Any]) -> list[str]:
    if order.unresolved:
        return [f"{name} is unresolved"]
    if theirs is None:
        known = order.end in ("rejected", "not_sent", "never accepted")
        return [] if known else [f"{name} is {order.end or 'alive'} here and absent there"]
    if order.order_ids != {theirs["order_id"]}:
        return [f"{name} is {order.order_ids} here and {theirs['order_id']} there"]
    status = ENDS.get(theirs["status"], "")
    wrong = [] if order.end == status else [f"{name} is {order.end or 'alive'} here and {theirs['status']} there"]
    if order.fills != fills[theirs["order_id"]]:
        wrong.append(f"fills of {name}: {order.fills} here and {fills[theirs['order_id']]} there")
    return wrong


def _positions(orders: dict[str, Kept], ask: Ask) -> list[str]:
    held: Counter[str] = Counter()
    for order in orders.values():
        held[order.ticker] += int(order.filled * 100)
    ours = {ticker: count for ticker, count in held.items() if count}
    told = listed(ask, "/portfolio/positions", "market_positions")
    theirs = {each["ticker"]: int(Decimal(each["position_fp"]) * 100) for each in told}
    theirs = {ticker: count for ticker, count in theirs.items() if count}
    return [] if ours == theirs else [f"positions: {ours} here and {theirs} there"]


def _money(orders: dict[str, Kept], there: list[dict[str, Any]], ask: Ask) -> list[str]:
    """What we spent by our fills leaves what they say we have; only where nothing rests, which holds money back."""
    if any(order["status"] == "resting" for order in there):
        return []
    spent = sum(
        (count * price + fee for order in orders.values() for count, price, fee in order.fills.values()), Decimal(0)
    )
    theirs = Decimal(ask("/portfolio/balance")["balance_dollars"])
    return [] if OPENING - spent == theirs else [f"money: {OPENING - spent} here and {theirs} there"]
