"""What we know of our orders, fills and positions against what the exchange lists: at start and every few cycles.

Pure: `Listed` is one round of questions, `differences` what does not fit. Orders that end by other hands (a kill, the
supervisor, expiry) are no difference; an order nobody of us intended, a position our fills do not explain, or a fill
that is missing is one, and shuts the gate until it is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.gate import POSITIONS_DIFFER
from engine.market.money import Count, format_count
from engine.orders.life import Evidence, Filled, Order, OwnFill, State, Told
from engine.orders.lines import milliseconds
from engine.orders.orders import Orders
from engine.venues.kalshi.portfolio import AccountFill, Position
from engine.venues.kalshi.portfolio import Order as ListedOrder

OVERLAP = timedelta(seconds=60)
"""Listings reach back so far beyond what is known: reads at the exchange may lag, and clocks differ."""
LAG = timedelta(seconds=5)
"""A listing may be this old (a resting order was seen 360 ms after its cancel, demo 2026-06)."""
WAITS = "unresolved"
"""How the one reason begins that asking again at once does not help."""
NAMED = 3
"""Orders or fills that a reason names; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One complete round of answers. A listing that could not be read to its end is none."""

    asked_at: datetime
    """System time before the first question, like `asked_ns` (CLOCK_BOOTTIME) and `market_at` (market time)."""
    asked_ns: int
    market_at: datetime
    resting: tuple[ListedOrder, ...]
    recent: tuple[ListedOrder, ...]
    """Orders of any status made since `reach`."""
    fills: tuple[AccountFill, ...]
    positions: tuple[Position, ...]


def reach(orders: Orders, known_until: datetime) -> datetime:
    """How far back listings must go, market time: to the oldest order that lives, and a little before what is known."""
    return min([known_until, *(order.plan.market_at for order in orders.alive())]) - OVERLAP


def evidence(orders: Orders, listed: Listed) -> Iterable[tuple[Order, Evidence]]:
    """What the listings say of our orders; orders before fills, whose names come from them."""
    for each in (*listed.recent, *listed.resting):
        order = orders.find(each.client_order_id, each.order_id, each.ticker)
        if order is not None:
            at_ms = 0 if each.updated is None else milliseconds(each.updated)
            yield order, Told(each.order_id, each.status, each.filled, each.remaining, at_ms)
    for fill in listed.fills:
        order = orders.find(None, fill.order_id, fill.ticker)
        if order is not None:
            at_ms = 0 if fill.at is None else milliseconds(fill.at)
            yield order, Filled(fill.order_id, OwnFill(fill.trade_id, fill.count, fill.price, fill.fee, at_ms))


def foreign(orders: Orders, listed: Listed) -> list[ListedOrder]:
    """Orders that rest and that nobody of us intended."""
    return [each for each in listed.resting if orders.find(each.client_order_id, each.order_id, each.ticker) is None]


def out_of_place(orders: Orders, listed: Listed) -> dict[str, tuple[Count, Count]]:
    """Markets where the fills say something else than the exchange: what we should hold, what it says we hold."""
    should, does = orders.held(), {position.ticker: position.count for position in listed.positions}
    return {
        ticker: (should.get(ticker, 0), does.get(ticker, 0))
        for ticker in sorted(should.keys() | does.keys())
        if should.get(ticker, 0) != does.get(ticker, 0)
    }


def differences(orders: Orders, listed: Listed, before: Mapping[str, State]) -> tuple[str, ...]:
    """Why the gate must be shut, after all evidence was taken in. `before`: the orders alive before asking."""
    unknown = [f"{each.order_id} in {each.ticker}" for each in foreign(orders, listed)]
    shown = {each.order_id for each in (*listed.recent, *listed.resting)}
    now_alive = {order.plan.client_order_id: order for order in orders.alive()}
    lived = [now_alive[name] for name in before if name in now_alive]
    unseen = [
        order.plan.client_order_id
        for order in lived
        if order.state in (State.RESTING, State.PARTLY_FILLED) and not order.order_ids & shown
    ]
    untold = [order.plan.client_order_id for order in lived if order.state is State.GONE]
    risen = [order.plan.client_order_id for order in _risen(orders, listed)]
    short = [f"{format_count(order.missing)} of {order.plan.client_order_id}" for order in lived if order.missing]
    return tuple(
        reason
        for reason in (
            _some("at the exchange rests what we do not know", unknown),
            _some("the exchange does not list orders that should rest", unseen),
            _some("cancelled, and no listing shows the end", untold),
            _some("ended, and listed as resting", risen),
            _some("fills are missing", short),
            _some("one intent stands at the exchange more than once", sorted(orders.doubled)),
            _some("fills of orders that we do not know", _strange_fills(orders, listed)),
            _some(POSITIONS_DIFFER, _positions(orders, listed)),
            _some(WAITS, [order.plan.client_order_id for order in orders.unresolved()]),
        )
        if reason
    )


def expired_chance(order: Order, listed: Listed, doubted_ns: int, request_life_s: float) -> bool:
    """Whether the exchange could no longer accept a lost order when it was asked.

    It refuses what has expired, and a request whose signature is older than `request_life_s` (facts §1.2).
    """
    expires = order.plan.expires
    if expires is not None and listed.market_at >= expires + LAG:
        return True
    return listed.asked_ns - doubted_ns >= (request_life_s + LAG.total_seconds()) * 1e9


def _strange_fills(orders: Orders, listed: Listed) -> list[str]:
    return [
        f"{fill.trade_id} in {fill.ticker}"
        for fill in listed.fills
        if orders.find(None, fill.order_id, fill.ticker) is None
        and fill.ticker not in orders.settled
        and (fill.at is None or milliseconds(fill.at) > orders.accounted_ms(fill.ticker))
    ]


def _risen(orders: Orders, listed: Listed) -> Iterator[Order]:
    """Orders that have ended, and that the exchange still lists when no lag explains it any more."""
    for each in listed.resting:
        order = orders.find(each.client_order_id, each.order_id, each.ticker)
        if order is not None and order.state in (State.CANCELLED, State.FILLED, State.ENDING):
            ended_ms = 0 if order.word is None else order.word.at_ms
            if milliseconds(listed.market_at - LAG) > ended_ms:
                yield order


def _positions(orders: Orders, listed: Listed) -> list[str]:
    return [
        f"{ticker} should be {format_count(should)} and is {format_count(does)}"
        for ticker, (should, does) in out_of_place(orders, listed).items()
    ]


def _some(what: str, found: list[str]) -> str:
    if not found:
        return ""
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"{what}: {', '.join(found[:NAMED])}{more}"
