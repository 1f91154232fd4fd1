"""Orders: what a client asks for, and what rests in a book."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from engine.market.fees import FeeAccumulator
from engine.market.money import Count, Micros, Price
from engine.venues.simulated.instants import Instant


class Side(StrEnum):
    """A side of the YES-scaled book."""

    BID = "bid"
    ASK = "ask"

    @property
    def opposite(self) -> Side:
        return Side.ASK if self is Side.BID else Side.BID

    @property
    def outcome(self) -> str:
        """The outcome the order is for: a bid for YES, an ask for NO."""
        return "yes" if self is Side.BID else "no"

    @property
    def sign(self) -> int:
        """What one contract adds to a position: +1 bought, -1 sold."""
        return 1 if self is Side.BID else -1


class TimeInForce(StrEnum):
    GOOD_TILL_CANCELED = "good_till_canceled"
    IMMEDIATE_OR_CANCEL = "immediate_or_cancel"
    FILL_OR_KILL = "fill_or_kill"


class SelfTrade(StrEnum):
    """Who gives way when an account would trade with itself."""

    TAKER_AT_CROSS = "taker_at_cross"
    MAKER = "maker"


class OrderStatus(StrEnum):
    RESTING = "resting"
    CANCELED = "canceled"
    EXECUTED = "executed"


class UpdateReason(StrEnum):
    """`last_update_reason` of a user_order frame; a cancel by the client is a decrease to nothing."""

    CREATED = ""
    DECREASE = "Decrease"
    SELF_TRADE = "SelfTradeCancel"
    EXPIRY = "ExpiryCancel"
    CLOSE = "CloseCancel"
    HALT = "HaltCancel"
    TRADE = "Trade"
    REDUCE_ONLY = "ReduceOnlyCancel"
    AMEND = "Amend"
    POST_ONLY = "PostOnlyCrossCancel"


@dataclass(slots=True, eq=False)
class Order:
    """An order of anybody. `owner` is an account's id; None for the population, whose money nobody counts."""

    order_id: str
    ticker: str
    side: Side
    price: Price
    remaining: Count
    owner: str | None = None


@dataclass(slots=True, eq=False)
class ClientOrder(Order):
    """An order of an account, with what the wire tells about it. Instants are market time.

    `initial` is the size asked for, or last amended to; `reduced` what decreases have taken off it. `serial` tells in
    which order the member placed its orders.
    """

    client_order_id: str = ""
    subaccount: int = 0
    initial: Count = 0
    filled: Count = 0
    reduced: Count = 0
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELED
    self_trade: SelfTrade = SelfTrade.TAKER_AT_CROSS
    expires: Instant | None = None
    group_id: str | None = None
    cancel_on_pause: bool = False
    post_only: bool = False
    created: Instant = 0
    updated: Instant = 0
    serial: int = 0
    status: OrderStatus = OrderStatus.RESTING
    reason: UpdateReason = UpdateReason.CREATED
    taker_cost: Micros = 0
    maker_cost: Micros = 0
    taker_fees: Micros = 0
    maker_fees: Micros = 0
    fees: FeeAccumulator = field(default_factory=FeeAccumulator)

    @property
    def user_id(self) -> str:
        """The member whose order it is."""
        return (self.owner or "").partition("/")[0]


@dataclass(frozen=True, slots=True)
class ClientFill:
    """One fill of one order; `fee` is net, micro-dollars."""

    fill_id: str
    order: ClientOrder
    price: Price
    count: Count
    fee: Micros
    is_taker: bool
    created: Instant
    post_position: Count


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A V2 create request that has been read: units of engine.market.money, expiry in market time."""

    ticker: str
    side: Side
    price: Price
    count: Count
    time_in_force: TimeInForce
    self_trade: SelfTrade
    client_order_id: str = ""
    expires: Instant | None = None
    post_only: bool = False
    reduce_only: bool = False
    cancel_on_pause: bool = False
    group_id: str | None = None
