"""Write-ahead journal of real orders."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from state.models import JournalLine, Side, Source


class OrderEvent(JournalLine):
    """One line of `logs/intents.jsonl`: the intent, before it is sent, then each thing the exchange said."""

    act: Literal["intent", "acknowledged", "rejected", "not_sent", "unresolved", "cancelled", "filled", "resolved"]
    client_order_id: str
    order_id: str | None = None
    ticker: str = ""
    side: Side | None = None
    price: Decimal | None = None
    """Dollars on the scale of `side`."""
    count: Decimal | None = None
    order_group_id: str | None = None
    reason: str = ""
    source: Source | None = None
