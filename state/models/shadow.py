"""The shadow book: what the desks hold on paper. One book for both desks."""

from __future__ import annotations

from decimal import Decimal

from state.models import DocumentModel, Instant, Model, Side, Source


class ShadowPosition(Model):
    """One open paper position; prices in dollars on the scale of its own side."""

    ticker: str
    desk: str
    family: str
    side: Side
    count: Decimal
    average_price: Decimal
    mark: Decimal | None
    """Best bid of this side; None when the book is stale or empty (see `note`)."""
    unrealised_usd: Decimal | None
    realised_usd: Decimal
    fees_usd: Decimal
    fair: Decimal | None
    """Model probability that this side pays."""
    edge_cents: Decimal | None
    """fair − mark, cents per contract."""
    opened_at: Instant
    """System time of the first fill."""
    note: str = ""


class ShadowOrder(Model):
    """One resting paper order and its place in the queue."""

    order_id: str
    ticker: str
    desk: str
    family: str
    side: Side
    price: Decimal
    count: Decimal
    remaining: Decimal
    queue_ahead: Decimal
    """Contracts that the tape must trade or cancel before this order fills."""
    placed_at: Instant
    expires_at: Instant | None = None
    """Market time."""


class ShadowBook(DocumentModel):
    """`state/shadow_v2_positions.json`."""

    source: Source | None = None
    positions: tuple[ShadowPosition, ...] = ()
    orders: tuple[ShadowOrder, ...] = ()
    fills: int = 0
    """Fills since the journal began."""
    unrealised_usd: Decimal | None = None
    """None when any position has no mark."""
    realised_usd: Decimal = Decimal(0)
    """Settled and closed P&L after fees, since the journal began."""
    fees_usd: Decimal = Decimal(0)
    journal_lines: int = 0
    """Lines of the fill journal that this book folds."""
