"""Market time inside the exchange: whole microseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

Instant: TypeAlias = int

MILLISECOND: Instant = 1_000
SECOND: Instant = 1_000_000
MINUTE: Instant = 60 * SECOND
HOUR: Instant = 60 * MINUTE
DAY: Instant = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_instant(moment: datetime) -> Instant:
    """`moment` (aware) in microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def to_datetime(instant: Instant) -> datetime:
    """`instant` as an aware UTC datetime."""
    return _EPOCH + timedelta(microseconds=instant)


# what happens at one instant is told to many, and many things happen at once
@lru_cache(maxsize=4_096)
def rfc3339(instant: Instant) -> str:
    """`instant` as the wire writes it: "2026-06-11T06:29:20.86675Z", trailing zeros and an empty fraction left out."""
    text = to_datetime(instant).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return text[:-1].rstrip("0").rstrip(".") + "Z" if "." in text else text


def parse_rfc3339(text: str) -> Instant:
    """Read an RFC 3339 stamp; ValueError for anything else, a stamp without a zone included."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time {text!r}: no zone")
    return to_instant(moment)
