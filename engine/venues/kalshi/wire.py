"""What we intend, and what goes over the wire: one table, both ways.

The exchange keeps one book on the YES scale: a bid is for YES, an ask is for NO, and a price is always the YES price.
So a NO purchase at q is an ask at 1 − q.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from engine.market.money import ONE_DOLLAR, Count, Price, format_count, format_price


class Intent(StrEnum):
    """What a person would say; the price that goes with it is that of the side named."""

    BUY_YES = "buy_yes"
    SELL_YES = "sell_yes"
    BUY_NO = "buy_no"
    SELL_NO = "sell_no"


class BookSide(StrEnum):
    """The side of the YES-scaled book an order stands on."""

    BID = "bid"
    ASK = "ask"


class TimeInForce(StrEnum):
    """How long an order may rest; good_till_canceled may carry an expiry."""

    GOOD_TILL_CANCELED = "good_till_canceled"
    IMMEDIATE_OR_CANCEL = "immediate_or_cancel"
    FILL_OR_KILL = "fill_or_kill"


class SelfTrade(StrEnum):
    """Which of our own two orders gives way when they meet."""

    TAKER_AT_CROSS = "taker_at_cross"
    MAKER = "maker"


# intent → (side of the book, whether its price is a NO price)
_TABLE: dict[Intent, tuple[BookSide, bool]] = {
    Intent.BUY_YES: (BookSide.BID, False),
    Intent.SELL_YES: (BookSide.ASK, False),
    Intent.BUY_NO: (BookSide.ASK, True),
    Intent.SELL_NO: (BookSide.BID, True),
}


def to_wire(intent: Intent, price: Price) -> tuple[BookSide, Price]:
    """The book side and YES price of an intent at `price`, which is a NO price for a NO intent."""
    _tradable(price)
    side, is_no = _TABLE[intent]
    return side, ONE_DOLLAR - price if is_no else price


def from_wire(intent: Intent, yes_price: Price) -> Price:
    """The price a person would name for `intent`, given the YES price on the wire."""
    _tradable(yes_price)
    return ONE_DOLLAR - yes_price if _TABLE[intent][1] else yes_price


@dataclass(frozen=True, slots=True)
class NewOrder:
    """A limit order as it is sent. `price` is on the YES scale, `expires` an instant the wire carries in seconds.

    Raises ValueError for what the exchange would refuse on sight.
    """

    client_order_id: str
    ticker: str
    side: BookSide
    price: Price
    count: Count
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELED
    expires: datetime | None = None
    post_only: bool = False
    reduce_only: bool = False
    order_group_id: str | None = None
    self_trade: SelfTrade = SelfTrade.TAKER_AT_CROSS
    cancel_on_pause: bool = True

    def __post_init__(self) -> None:
        _tradable(self.price)
        gtc = self.time_in_force is TimeInForce.GOOD_TILL_CANCELED
        for wrong, why in (
            (not self.client_order_id, "no client_order_id"),
            (not self.ticker, "no ticker"),
            (self.count <= 0, f"count {self.count}: expected more than 0"),
            (self.expires is not None and not gtc, "only a good_till_canceled order can expire"),
            (self.post_only and not gtc, "only a good_till_canceled order can be post-only"),
            (
                self.reduce_only and self.time_in_force is not TimeInForce.IMMEDIATE_OR_CANCEL,
                "only an immediate_or_cancel order can be reduce-only",
            ),
        ):
            if wrong:
                raise ValueError(f"order {self.client_order_id!r}: {why}")

    def body(self) -> dict[str, Any]:
        """The JSON body of the create request."""
        body: dict[str, Any] = {
            "client_order_id": self.client_order_id,
            "ticker": self.ticker,
            "side": self.side.value,
            "price": format_price(self.price),
            "count": format_count(self.count),
            "time_in_force": self.time_in_force.value,
            "self_trade_prevention_type": self.self_trade.value,
            "post_only": self.post_only,
            "cancel_order_on_pause": self.cancel_on_pause,
        }
        if self.reduce_only:
            body["reduce_only"] = True
        if self.expires is not None:
            body["expiration_time"] = int(self.expires.timestamp())
        if self.order_group_id is not None:
            body["order_group_id"] = self.order_group_id
        return body


def _tradable(price: Price) -> None:
    if not 0 < price < ONE_DOLLAR:
        raise ValueError(f"price {price}: expected more than 0 and less than {ONE_DOLLAR}")
