"""What the exchange says of our account: resting orders, positions, balance."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from state.models import DocumentModel, Instant, Model, Side, Source


class RestingOrder(Model):
    """One real order that rests at the exchange."""

    order_id: str
    client_order_id: str
    ticker: str
    side: Side
    price: Decimal
    """Dollars on the scale of `side`."""
    remaining: Decimal
    order_group_id: str | None = None


class HeldPosition(Model):
    """One real position; negative count is NO."""

    ticker: str
    count: Decimal
    exposure_usd: Decimal


class ExchangeView(DocumentModel):
    """`state/exchange.json`. The last answer stays when a later listing fails; `error` then says why."""

    source: Source | None = None
    by: Literal["engine", "supervisor", "cancel"] | None = None
    as_of: Instant | None = None
    """When the exchange was asked; None when it never answered."""
    resting: tuple[RestingOrder, ...] | None = None
    positions: tuple[HeldPosition, ...] | None = None
    balance_usd: Decimal | None = None
    error: str = ""
