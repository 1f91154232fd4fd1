"""What the exchange says about us: orders, fills, positions, money, and its answers to what we asked it to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from engine.market.money import Count, Micros, Price
from engine.venues.kalshi.fields import Fields
from engine.venues.kalshi.wire import BookSide


class OrderStatus(StrEnum):
    """There is no "pending"; a partly filled order rests."""

    RESTING = "resting"
    CANCELED = "canceled"
    EXECUTED = "executed"


@dataclass(frozen=True, slots=True)
class Order:
    """An order as a listing tells it. `price` is on the YES scale; fees in micro-dollars."""

    order_id: str
    client_order_id: str
    ticker: str
    side: BookSide
    status: OrderStatus
    price: Price
    initial: Count
    filled: Count
    remaining: Count
    fees: Micros
    fill_cost: Micros
    created: datetime | None
    updated: datetime | None
    expires: datetime | None
    order_group_id: str | None

    @classmethod
    def parse(cls, fields: Fields) -> Order:
        return cls(
            order_id=fields.text("order_id"),
            client_order_id=fields.text("client_order_id"),
            ticker=fields.text("ticker"),
            side=fields.choice("book_side", BookSide),
            status=fields.choice("status", OrderStatus),
            price=fields.price("yes_price_dollars"),
            initial=fields.count("initial_count_fp"),
            filled=fields.count("fill_count_fp"),
            remaining=fields.count("remaining_count_fp"),
            fees=fields.money("taker_fees_dollars") + fields.money("maker_fees_dollars"),
            fill_cost=fields.money("taker_fill_cost_dollars") + fields.money("maker_fill_cost_dollars"),
            created=fields.optional("created_time", fields.instant),
            updated=fields.optional("last_update_time", fields.instant),
            expires=fields.optional("expiration_time", fields.instant),
            order_group_id=fields.optional("order_group_id", fields.text),
        )


@dataclass(frozen=True, slots=True)
class AccountFill:
    """A fill of ours as a listing tells it. It does not carry client_order_id; join by order_id."""

    fill_id: str
    trade_id: str
    order_id: str
    ticker: str
    side: BookSide
    price: Price
    count: Count
    is_taker: bool
    fee: Micros
    at: datetime | None

    @classmethod
    def parse(cls, fields: Fields) -> AccountFill:
        return cls(
            fill_id=fields.text("fill_id"),
            trade_id=fields.text("trade_id"),
            order_id=fields.text("order_id"),
            ticker=fields.text("market_ticker"),
            side=fields.choice("book_side", BookSide),
            price=fields.price("yes_price_dollars"),
            count=fields.count("count_fp"),
            is_taker=fields.flag("is_taker"),
            fee=fields.money("fee_cost"),
            at=fields.optional("created_time", fields.instant),
        )


@dataclass(frozen=True, slots=True)
class Position:
    """Our position in a market; `count` is negative for NO."""

    ticker: str
    count: Count
    exposure: Micros
    realised: Micros
    fees: Micros
    updated: datetime | None

    @classmethod
    def parse(cls, fields: Fields) -> Position:
        return cls(
            ticker=fields.text("ticker"),
            count=fields.count("position_fp"),
            exposure=fields.money("market_exposure_dollars"),
            realised=fields.money("realized_pnl_dollars"),
            fees=fields.money("fees_paid_dollars"),
            updated=fields.optional("last_updated_ts", fields.instant),
        )


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a market paid us when it resolved. `fees` repeats those of its fills; settling costs nothing."""

    ticker: str
    event_ticker: str
    result: str
    yes_count: Count
    no_count: Count
    yes_cost: Micros
    no_cost: Micros
    revenue: Micros
    fees: Micros
    at: datetime

    @classmethod
    def parse(cls, fields: Fields) -> Settlement:
        return cls(
            ticker=fields.text("ticker"),
            event_ticker=fields.text("event_ticker"),
            result=fields.text("market_result"),
            yes_count=fields.count("yes_count_fp"),
            no_count=fields.count("no_count_fp"),
            yes_cost=fields.money("yes_total_cost_dollars"),
            no_cost=fields.money("no_total_cost_dollars"),
            revenue=fields.cents("revenue"),
            fees=fields.money("fee_cost"),
            at=fields.instant("settled_time"),
        )


@dataclass(frozen=True, slots=True)
class Balance:
    """Cash, and what the positions are worth."""

    cash: Micros
    portfolio_value: Micros
    updated_s: int

    @classmethod
    def parse(cls, raw: object) -> Balance:
        fields = Fields(raw, "balance")
        return cls(
            cash=fields.money("balance_dollars"),
            portfolio_value=fields.cents("portfolio_value"),
            updated_s=fields.integer("updated_ts"),
        )


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """How many contracts stand before a resting order of ours."""

    order_id: str
    ticker: str
    ahead: Count

    @classmethod
    def parse(cls, fields: Fields) -> QueuePosition:
        return cls(fields.text("order_id"), fields.text("market_ticker"), fields.count("queue_position_fp"))


@dataclass(frozen=True, slots=True)
class OrderAck:
    """The answer to a create. Nothing filled and nothing remaining: an IOC without liquidity, or a self-cross."""

    order_id: str
    client_order_id: str | None
    filled: Count
    remaining: Count
    average_price: Micros | None
    average_fee: Micros | None
    at: datetime

    @classmethod
    def parse(cls, raw: object) -> OrderAck:
        fields = Fields(raw, "order ack")
        return cls(
            order_id=fields.text("order_id"),
            client_order_id=fields.optional("client_order_id", fields.text),
            filled=fields.count("fill_count"),
            remaining=fields.count("remaining_count"),
            average_price=fields.optional("average_fill_price", fields.money),
            average_fee=fields.optional("average_fee_paid", fields.money),
            at=fields.milliseconds("ts_ms"),
        )


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The exchange took `reduced_by` off the book. It may have been filled in part before."""

    order_id: str
    reduced_by: Count


@dataclass(frozen=True, slots=True)
class NotResting:
    """The exchange knows no such resting order: cancelled, executed or never there. It does not say which."""

    order_id: str


CancelOutcome: TypeAlias = Cancelled | NotResting


def parse_cancelled(raw: object) -> Cancelled:
    """The answer to a single cancel."""
    fields = Fields(raw, "cancel answer")
    return Cancelled(fields.text("order_id"), fields.count("reduced_by"))


def parse_batched_cancel(raw: object) -> list[CancelOutcome | str]:
    """The answer to a batched cancel: one outcome each, a text being the exchange's reason for not doing it."""
    return [_cancel_entry(each) for each in Fields(raw, "batched cancel answer").objects("orders")]


def _cancel_entry(fields: Fields) -> CancelOutcome | str:
    error = fields.optional("error", fields.nested)
    if error is None:
        return Cancelled(fields.text("order_id"), fields.count("reduced_by"))
    code = error.optional("code", error.text) or ""
    if code == "not_found":
        return NotResting(fields.text("order_id"))
    return code or error.optional("message", error.text) or "no reason given"


@dataclass(frozen=True, slots=True)
class OrderGroup:
    """A group of orders that is cancelled as one; `limit` is contracts filled in a rolling 15 s."""

    order_group_id: str
    auto_cancel: bool
    limit: Count | None
    order_ids: tuple[str, ...]

    @classmethod
    def parse(cls, order_group_id: str, raw: object) -> OrderGroup:
        fields = Fields(raw, "order group")
        return cls(
            order_group_id=order_group_id,
            auto_cancel=fields.flag("is_auto_cancel_enabled"),
            limit=fields.optional("contracts_limit_fp", fields.count),
            order_ids=tuple(map(str, fields.elements("orders"))),
        )


def parse_created_group(raw: object) -> str:
    """The id of a group just created."""
    return Fields(raw, "order group answer").text("order_group_id")


def parse_resting_value(raw: object) -> Micros:
    """The total value of what rests, which the exchange gives in whole cents."""
    return Fields(raw, "resting order value").cents("total_resting_order_value")
