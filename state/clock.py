"""The only place that asks what time it is.

Two clocks. *System* time stamps files, ages, permits and signatures. *Market* time drives releases, windows,
expiry, prints and settlement; live it is system time, in a demo it starts at a fixed instant and may run faster.
Everything else takes a clock as an argument, so that whole weeks run in a test in seconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Protocol

NANOS = 1_000_000_000


class Clock(Protocol):
    """System time: the wall for stamps, CLOCK_BOOTTIME for sequences and ages, the boot they belong to."""

    def now(self) -> datetime:
        """Wall time, aware, UTC."""
        ...

    def boottime_ns(self) -> int:
        """Nanoseconds since boot, suspend included; never steps back, not even when the wall does."""
        ...

    def boot_id(self) -> str:
        """The kernel's identity of this boot."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boottime_ns(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def boot_id(self) -> str:
        return read_boot_id()


@dataclass(slots=True)
class SimulatedClock:
    """A clock that moves only when told to."""

    wall: datetime
    boot_ns: int = 3_600 * NANOS
    boot: str = "00000000-0000-4000-8000-000000000000"

    def now(self) -> datetime:
        return self.wall

    def boottime_ns(self) -> int:
        return self.boot_ns

    def boot_id(self) -> str:
        return self.boot

    def advance(self, seconds: float) -> None:
        """Move both the wall and the boot clock on by `seconds`."""
        self.wall += timedelta(seconds=seconds)
        self.boot_ns += round(seconds * NANOS)


@dataclass(frozen=True, slots=True)
class MarketClock:
    """Market time: `start` at the system instant `anchor_ns` (CLOCK_BOOTTIME), running `speed` times as fast."""

    clock: Clock
    start: datetime
    anchor_ns: int
    speed: float = 1.0

    def now(self) -> datetime:
        """Market time, aware, UTC."""
        elapsed = (self.clock.boottime_ns() - self.anchor_ns) / NANOS
        return self.start + timedelta(seconds=elapsed * self.speed)

    def seconds_until(self, instant: datetime) -> float:
        """System seconds until the market reaches `instant`; negative when it is past."""
        return (instant - self.now()).total_seconds() / self.speed


@dataclass(frozen=True, slots=True)
class LiveMarketClock:
    """Market time of a live market: system time."""

    clock: Clock
    speed: float = field(default=1.0, init=False)

    def now(self) -> datetime:
        return self.clock.now()

    def seconds_until(self, instant: datetime) -> float:
        return (instant - self.clock.now()).total_seconds()


@cache
def read_boot_id() -> str:
    """The kernel's boot id; it cannot change while this process lives."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def to_et(instant: datetime) -> datetime:
    """`instant` on the clock that people here read: US Eastern."""
    from zoneinfo import ZoneInfo  # 10 ms that `kill` never needs

    return instant.astimezone(ZoneInfo("America/New_York"))


def stamp(instant: datetime) -> str:
    """`instant` as files hold it: UTC, RFC 3339, microseconds."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
