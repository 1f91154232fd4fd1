"""Where market time starts and how fast it runs."""

from __future__ import annotations

from pydantic import Field

from state.models import EPOCH, DocumentModel, Instant


class MarketClockSetting(DocumentModel):
    """`state/market_clock.json`: market time is `start` at CLOCK_BOOTTIME `anchor_ns`, `speed` times as fast."""

    start: Instant = EPOCH
    anchor_ns: int = 0
    speed: float = Field(default=1.0, gt=0)
