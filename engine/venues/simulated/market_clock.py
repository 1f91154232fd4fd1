"""The exchange's market clock: its own, or the one a demo shares with it through a document.

Everything that stamps or drives market events (`ts`, `created_time`, closes, expiry, an order's `expiration_time`) is
market time. Signatures, the Date header and `sending_ts_ms` are real time.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from engine.venues.simulated.instants import MINUTE, Instant, to_instant
from state.clock import Clock, MarketClock

# a Tuesday, 14:00 ET: claims in two days, a 10-year close today, two days of weather, CPI in three weeks
START = datetime(2026, 11, 17, 19, tzinfo=UTC)
RECENT: Instant = 15 * MINUTE


class ClockFileError(Exception):
    """A market clock document that cannot be followed."""


def started_clock(clock: Clock, speed: float, start: datetime = START) -> MarketClock:
    """A market clock of our own that starts now."""
    return MarketClock(clock, start, clock.boottime_ns(), speed)


def read_clock(path: Path, clock: Clock) -> MarketClock:
    """The clock of a document {"start", "anchor_ns", "speed"}. Raises ClockFileError."""
    try:
        content = json.loads(path.read_bytes())
        start, anchor_ns, speed = datetime.fromisoformat(content["start"]), content["anchor_ns"], content["speed"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ClockFileError(f"market clock {path}: {type(error).__name__}: {error}") from None
    if start.tzinfo is None or not isinstance(anchor_ns, int) or not isinstance(speed, int | float) or speed <= 0:
        raise ClockFileError(f"market clock {path}: needs start with a zone, anchor_ns, and a speed above 0")
    return MarketClock(clock, start, anchor_ns, float(speed))


def recent_start(clock: MarketClock) -> Instant:
    """Where the exchange begins: at the clock's start when that is recent, as a seed promises; else now."""
    start, now = to_instant(clock.start), to_instant(clock.now())
    return start if 0 <= now - start <= RECENT else now
