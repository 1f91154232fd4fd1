"""How far the exchange's clock is from ours, as an interval, from the Date header of its answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_DATE_RESOLUTION = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Offset:
    """Exchange time − our time lies in [low, high], seconds."""

    low: float
    high: float

    def within(self, limit: float) -> bool:
        """Whether the whole interval lies inside ±limit seconds."""
        return -limit <= self.low and self.high <= limit


class ClockOffset:
    """The intersection of what every answer says. An empty one means that a clock moved: then it starts anew."""

    def __init__(self) -> None:
        self.offset: Offset | None = None
        self.resets = 0

    def observe(self, date: str | None, sent: datetime, received: datetime, age: str | None = None) -> None:
        """An answer to a request of ours, made between `sent` and `received` on our clock.

        The Date header was cut off to whole seconds, so exchange time was in [Date, Date + 1 s) at some moment
        between the two: the offset is in [Date − received, Date + 1 s − sent]. An answer out of a cache (Age above
        0) or without a readable Date says nothing.
        """
        served = None if date is None else _parse(date)
        if served is None or (age is not None and age.strip() not in ("", "0")):
            return
        low = (served - received).total_seconds()
        high = (served - sent + _DATE_RESOLUTION).total_seconds()
        if self.offset is not None:
            narrowed = Offset(max(low, self.offset.low), min(high, self.offset.high))
            if narrowed.low <= narrowed.high:
                self.offset = narrowed
                return
            self.resets += 1
        self.offset = Offset(low, high)


def _parse(date: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(date)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, IndexError, OverflowError):
        return None
