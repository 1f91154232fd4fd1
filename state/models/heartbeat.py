"""The engine's sign of life, and one line for each of its cycles."""

from __future__ import annotations

from typing import Literal

from state.models import DocumentModel, Instant, JournalLine, Model, Source

EngineStatus = Literal["starting", "ok", "degraded"]


class Progress(Model):
    """Counters that only grow: what tells "alive" from "working"."""

    messages: int = 0
    """Frames received from the exchange."""
    decisions: int = 0
    """Strikes judged by a desk."""
    listings: int = 0
    """Listings of our resting orders that the exchange answered."""
    orders: int = 0
    """Real orders sent."""


class Feed(Model):
    """The market data connection."""

    connected: bool = False
    messages_per_s: float = 0.0
    gaps: int = 0
    reconnects: int = 0
    books: int = 0
    books_fresh: int = 0
    oldest_book_s: float | None = None
    """Age of the oldest book that is used, seconds."""


class Heartbeat(DocumentModel):
    """`state/bot_heartbeat.json`, replaced every cycle."""

    pid: int = 0
    start_id: str = ""
    """Identity of this run of the engine: pid and kernel start time."""
    started_at: Instant | None = None
    build: str = ""
    config_hash: str = ""
    source: Source | None = None
    engine_status: EngineStatus = "starting"
    errors: tuple[str, ...] = ()
    cycle: int = 0
    cycle_ms: float | None = None
    cycle_p99_ms: float | None = None
    progress: Progress = Progress()
    feed: Feed = Feed()
    clock_offset_ms: tuple[float, float] | None = None
    """Interval that holds (exchange clock − ours), milliseconds."""
    exchange_trading: bool | None = None
    market_open: int | None = None
    """Markets open for trading."""
    orders_resting: int | None = None
    orders_unknown: int = 0
    """Real orders whose fate the exchange has not told yet."""
    last_error_at: Instant | None = None


class Cycle(JournalLine):
    """One line of `logs/run.jsonl`."""

    cycle: int
    engine_status: Literal["ok", "degraded"]
    errors_this_cycle: tuple[str, ...] = ()
    orders: int
    market_open: int | None
    duration_ms: float
    progress: Progress
    messages_per_s: float = 0.0
    level: str
    paper_level: str
