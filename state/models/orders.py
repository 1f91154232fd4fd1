"""Write-ahead journal of real orders."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from state.models import Instant, JournalLine, Model, Side, Source


class Carried(Model):
    """What all lines of an account before this one amount to."""

    held: dict[str, Decimal]
    """Contracts by ticker; negative is NO."""
    orders: int
    """How many were ever intended."""
    fills: int


class OrderEvent(JournalLine):
    """One line of `logs/intents.jsonl`: the intent, before it is sent, then each thing that became known of it.

    The orders of an account and what it should hold are folded from the lines of that account alone.
    """

    act: Literal[
        "intent", "acknowledged", "rejected", "not_sent", "unresolved", "cancelled", "filled", "resolved", "settled",
        "flat", "accepted", "carried",
    ]  # fmt: skip
    """settled: a market paid out, its position is gone. flat: FLATTEN saw that nothing is held, it counts anew.
    accepted: a person took over a position that our fills do not explain. carried: nothing lives, all agrees; who reads
    the journal may begin here."""
    account: str = ""
    """Which account at which kind of venue: a venue and a print of the key id. A simulated exchange makes a new key at
    each start, so an account that is gone is never held against the next one; lines without one belong to nobody."""
    client_order_id: str = ""
    order_id: str | None = None
    ticker: str = ""
    side: Side | None = None
    price: Decimal | None = None
    """Dollars on the scale of `side`."""
    count: Decimal | None = None
    """Contracts of the intent; of a fill, those filled by it; accepted: what is held, negative is NO."""
    filled: Decimal | None = None
    """Contracts filled so far, as the exchange told them; accepted: what our fills explain, negative is NO."""
    status: Literal["resting", "canceled", "executed"] | None = None
    """The exchange's own word."""
    fill_id: str | None = None
    fee_usd: Decimal | None = None
    expires: Instant | None = None
    """Market time at which the exchange ends the order; None: it never rests."""
    market_at: Instant | None = None
    """Market time: the exchange's where it named one."""
    order_group_id: str | None = None
    reason: str = ""
    source: Source | None = None
    carried: Carried | None = None
