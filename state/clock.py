"""The only place that asks what time it is.

Two clocks. *System* time stamps files, ages, permits and signatures. *Market* time drives releases, windows,
expiry, prints and settlement; live it is system time, in a demo it starts at a fixed instant and may run faster.
Everything else takes a clock as an argument, so that whole weeks run in a test in seconds.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import cache

TYPE_CHECKING = False  # `kill on` stands on this module: typing and dataclasses would cost half of its start again
if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object

NANOS = 1_000_000_000


class Clock(Protocol):
    """System time: the wall for stamps, CLOCK_BOOTTIME for sequences and ages, the boot they belong to."""

    def now(self) -> datetime:
        """Wall time, aware, UTC."""

    def boottime_ns(self) -> int:
        """Nanoseconds since boot, suspend included; never steps back, not even when the wall does."""

    def boot_id(self) -> str:
        """The kernel's identity of this boot."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boottime_ns(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def boot_id(self) -> str:
        return read_boot_id()


class SimulatedClock:
    """A clock that moves only when told to."""

    __slots__ = ("boot", "boot_ns", "wall")

    def __init__(
        self, wall: datetime, boot_ns: int = 3_600 * NANOS, boot: str = "00000000-0000-4000-8000-000000000000"
    ) -> None:
        self.wall = wall
        self.boot_ns = boot_ns
        self.boot = boot

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


class MarketClock:
    """Market time: `start` at the system instant `anchor_ns` (CLOCK_BOOTTIME), running `speed` times as fast."""

    __slots__ = ("anchor_ns", "clock", "speed", "start")

    def __init__(self, clock: Clock, start: datetime, anchor_ns: int, speed: float = 1.0) -> None:
        self.clock = clock
        self.start = start
        self.anchor_ns = anchor_ns
        self.speed = speed

    def now(self) -> datetime:
        """Market time, aware, UTC."""
        elapsed = (self.clock.boottime_ns() - self.anchor_ns) / NANOS
        return self.start + timedelta(seconds=elapsed * self.speed)

    def seconds_until(self, instant: datetime) -> float:
        """System seconds until the market reaches `instant`; negative when it is past."""
        return (instant - self.now()).total_seconds() / self.speed


class LiveMarketClock:
    """Market time of a live market: system time."""

    __slots__ = ("clock",)
    speed = 1.0

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def now(self) -> datetime:
        return self.clock.now()

    def seconds_until(self, instant: datetime) -> float:
        return (instant - self.clock.now()).total_seconds()


@cache
def read_boot_id() -> str:
    """The kernel's boot id; it cannot change while this process lives."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def to_et(instant: datetime) -> datetime:
    """`instant` on the clock that people here read: US Eastern."""
    from zoneinfo import ZoneInfo  # 10 ms that `kill` never needs

    return instant.astimezone(ZoneInfo("America/New_York"))


_STAMP = "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ"


def stamp(instant: datetime) -> str:
    """`instant` as files hold it: UTC, RFC 3339, microseconds."""
    at = instant.astimezone(UTC)  # two thirds of the cost of isoformat, which is most of the cost of a journal's line
    return _STAMP % (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)
