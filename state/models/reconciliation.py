"""Whether what we know of our orders, fills and positions is what the exchange says."""

from __future__ import annotations

from decimal import Decimal

from state.models import DocumentModel, Instant, Model, Source


class CheckedPosition(Model):
    """One market: contracts by our fills, and by the exchange; negative is NO."""

    ticker: str
    expected: Decimal
    exchange: Decimal


class Reconciliation(DocumentModel):
    """`state/reconciliation.json`. Not `ok` until the engine has agreed with the exchange once in this run."""

    source: Source | None = None
    account: str = ""
    """Kind of venue and a print of the key id, as in `logs/intents.jsonl`."""
    as_of: Instant | None = None
    """When the exchange was asked; None when it never answered."""
    ok: bool = False
    reasons: tuple[str, ...] = ("not reconciled yet",)
    """What does not fit; empty when all does."""
    error: str = ""
    """Why the last question was not answered; the rest is then of the answer before."""
    orders_known: int = 0
    """Orders the journal knows of this account."""
    orders_resting: int | None = None
    orders_unresolved: int = 0
    orders_foreign: int = 0
    """Resting orders that nobody of us intended."""
    positions: tuple[CheckedPosition, ...] = ()
    fills: int = 0
    last_fill_at: Instant | None = None
    """Market time."""
