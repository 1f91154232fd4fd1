"""Journals of paper fills and of closed trades."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from state.models import Instant, JournalLine, Side, Source


class ShadowTrade(JournalLine):
    """One line of `logs/shadow_trades.jsonl`: a paper fill or a settlement. `fill_id` is unique for ever."""

    event: Literal["fill", "settlement"]
    fill_id: str
    order_id: str | None
    ticker: str
    desk: str
    family: str
    side: Side
    price: Decimal
    """Dollars on the scale of `side`; at a settlement what one contract paid."""
    count: Decimal
    fee_usd: Decimal
    market_at: Instant
    fair: Decimal | None
    queue_ahead: Decimal | None
    """Contracts ahead when the order was placed."""
    basis: Literal["print", "book", "settlement"]
    """What filled it: a print at our price, or the book trading through it."""
    source: Source


class MasterTrade(JournalLine):
    """One line of `logs/master_trade_log.jsonl`: a trade that is closed, by an opposite fill or by settlement."""

    trade_id: str
    symbol: str
    side: Side
    is_live: bool
    is_shadow: bool
    entry_ts: Instant
    exit_ts: Instant
    entry_price: Decimal
    exit_price: Decimal
    size: Decimal
    realized_pnl_usd: Decimal
    """After fees of both legs."""
    signals: tuple[str, ...] = ()
    feature_snapshot: dict[str, str] = {}
    regime_snapshot: dict[str, str] = {}
    exit_reason: str
    source: Literal["live", "shadow"]
    data_source: Source
