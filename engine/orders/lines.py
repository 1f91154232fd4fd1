"""Orders and their journal: which lines a change makes, and which evidence a line is. The two are inverse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.market.money import ONE_DOLLAR, Count, Price
from engine.market.view import contracts, dollars
from engine.orders.life import Evidence, Fate, Filled, Order, Ours, OwnFill, Plan, State, Told
from engine.venues.kalshi.portfolio import OrderStatus
from engine.venues.kalshi.wire import BookSide
from state.models import EPOCH
from state.models.orders import OrderEvent

Fields = dict[str, Any]

MILLISECOND = timedelta(milliseconds=1)

_FATES = {"not_sent": Fate.NOT_SENT, "rejected": Fate.REJECTED, "unresolved": Fate.UNRESOLVED}
_ACTS = {fate: act for act, fate in _FATES.items()}


def intent(plan: Plan) -> Fields:
    """The line that is on disk before anything is sent."""
    return {"act": "intent", "expires": plan.expires, "market_at": plan.market_at, **_of(plan)}


def changes(old: Order, new: Order) -> Iterator[Fields]:
    """The lines that bring a reader of the journal from `old` to `new`."""
    known = {"order_id": new.order_id, **_of(new.plan)}
    if new.ours.fate is not old.ours.fate and not new.order_ids:
        if new.ours.fate is Fate.NEVER_ACCEPTED:
            yield {**known, "act": "resolved", "reason": new.ours.reason}
        elif new.ours.fate in _ACTS:
            yield {**known, "act": _ACTS[new.ours.fate], "reason": new.ours.reason}
    if new.order_ids != old.order_ids or (new.missing and new.told_filled != old.told_filled):
        act = "resolved" if old.ours.fate in (Fate.UNRESOLVED, Fate.NEVER_ACCEPTED) else "acknowledged"
        yield {**known, "act": act, **_word(new)}
    before = set(old.fills)
    for fill in new.fills:
        if fill not in before:
            yield {**known, "act": "filled", **_fill(new.plan, fill)}
    if new.state is State.CANCELLED and old.state is not State.CANCELLED:
        yield {**known, "act": "cancelled", **_word(new)}


def plan_of(line: OrderEvent) -> Plan:
    """The plan of an intent line. Raises ValueError for a line that lacks a part of it."""
    if line.side is None or line.price is None or line.count is None or not line.client_order_id:
        raise ValueError(f"intent {line.client_order_id!r} without side, price or count")
    side = BookSide.BID if line.side == "YES" else BookSide.ASK
    return Plan(
        client_order_id=line.client_order_id,
        ticker=line.ticker,
        side=side,
        price=_on_yes(side, _units(line.price, 4)),
        count=_units(line.count, 2),
        market_at=line.market_at or line.at,
        expires=line.expires,
        order_group_id=line.order_group_id,
    )


def evidence_of(line: OrderEvent, plan: Plan) -> Evidence:
    """What a later line of the order says. Raises ValueError for a line that lacks a part of it."""
    at_ms = 0 if line.market_at is None else milliseconds(line.market_at)
    if line.act in _FATES:
        return Ours(_FATES[line.act], line.reason)
    if line.order_id is None:
        if line.act == "resolved":
            return Ours(Fate.NEVER_ACCEPTED, line.reason)
        raise ValueError(f"{line.act} {line.client_order_id!r} without order_id")
    if line.act == "filled":
        if line.fill_id is None or line.count is None or line.price is None:
            raise ValueError(f"fill of {line.client_order_id!r} without id, count or price")
        price, fee = _on_yes(plan.side, _units(line.price, 4)), _units(line.fee_usd or Decimal(0), 6)
        return Filled(line.order_id, OwnFill(line.fill_id, _units(line.count, 2), price, fee, at_ms))
    filled = _units(line.filled or Decimal(0), 2)
    status = OrderStatus(line.status or "resting")
    remaining = plan.count - filled if status is OrderStatus.RESTING else 0
    return Told(line.order_id, status, filled, remaining, at_ms)


def accepted(ticker: str, held: Count, by_fills: Count, at_ms: int, reason: str) -> Fields:
    """The line by which a person takes over what is held beyond what our fills explain."""
    counts = {"count": contracts(held), "filled": contracts(by_fills)}
    return {"act": "accepted", "ticker": ticker, **counts, "market_at": from_milliseconds(at_ms), "reason": reason}


def accepted_of(line: OrderEvent) -> tuple[int, Count]:
    """Market time and what was taken over. Raises ValueError for a line that lacks a part of it."""
    if not line.ticker or line.count is None or line.filled is None or line.market_at is None:
        raise ValueError(f"accepted {line.ticker!r} without count, filled or market_at")
    return milliseconds(line.market_at), _units(line.count, 2) - _units(line.filled, 2)


def carried(held: Mapping[str, Count], orders: int, fills: int, market_at: datetime) -> Fields:
    """The line at which who reads the journal may begin."""
    amounts = {"held": {ticker: contracts(count) for ticker, count in held.items()}, "orders": orders, "fills": fills}
    return {"act": "carried", "carried": amounts, "market_at": market_at}


def carried_of(line: OrderEvent) -> tuple[dict[str, Count], int, int]:
    """What is held, orders and fills. Raises ValueError for a line that does not tell."""
    if line.carried is None:
        raise ValueError("carried without what")
    held = {ticker: _units(count, 2) for ticker, count in line.carried.held.items()}
    return held, line.carried.orders, line.carried.fills


def milliseconds(instant: datetime) -> int:
    """Unix milliseconds of an instant, cut off, as frames tell it."""
    return (instant - EPOCH) // MILLISECOND


def from_milliseconds(at_ms: int) -> datetime:
    """The instant of Unix milliseconds."""
    return EPOCH + at_ms * MILLISECOND


def _of(plan: Plan) -> Fields:
    return {
        "client_order_id": plan.client_order_id,
        "ticker": plan.ticker,
        "side": "YES" if plan.side is BookSide.BID else "NO",
        "price": dollars(_on_yes(plan.side, plan.price)),
        "count": contracts(plan.count),
        "order_group_id": plan.order_group_id,
    }


def _word(order: Order) -> Fields:
    word = order.word
    fields: Fields = {"filled": contracts(order.filled)}
    if word is not None:
        fields |= {"status": word.status.value, "reason": word.status.value}
        fields |= {"market_at": from_milliseconds(word.at_ms)} if word.at_ms else {}
    return fields


def _fill(plan: Plan, fill: OwnFill) -> Fields:
    return {
        "fill_id": fill.fill_id,
        "count": contracts(fill.count),
        "price": dollars(_on_yes(plan.side, fill.price)),
        "fee_usd": Decimal(fill.fee).scaleb(-6),
        "market_at": from_milliseconds(fill.at_ms),
    }


def _on_yes(side: BookSide, price: Price) -> Price:
    """From the scale of the side to the YES scale, and back."""
    return price if side is BookSide.BID else ONE_DOLLAR - price


def _units(value: Decimal, places: int) -> int:
    scaled = value.scaleb(places)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{value}: more than {places} places")
    return int(scaled)
