"""Ages, times and amounts in words of few characters, stepping rarely so that little is repainted."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from console.lines import Span, Tone
from state.clock import to_et


def age(seconds: float | None) -> str:
    """An age: steps of 1 s below 10 s, of 5 s below a minute, then minutes, then hours; unknown is "?"."""
    if seconds is None:
        return "?"
    if seconds < 0:
        return "future"
    if seconds < 1:
        return "<1s"
    if seconds < 10:
        return f"{int(seconds)}s"
    if seconds < 60:
        return f"{int(seconds) // 5 * 5}s"
    minutes = int(seconds) // 60
    if minutes < 60:
        return f"{minutes}m"
    if minutes < 24 * 60:
        return f"{minutes // 60}h{minutes % 60:02d}m"
    return f"{minutes // 1440}d{minutes // 60 % 24:02d}h"


def clock_time(instant: datetime | None) -> str:
    """Time of day on the one clock of the screens, ET."""
    return "?" if instant is None else f"{to_et(instant):%H:%M:%S}"


def clock_millis(instant: datetime) -> str:
    """Time of day in ET with milliseconds, for rungs."""
    local = to_et(instant)
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"


@lru_cache(maxsize=4_096)
def signed(amount: Decimal | None, places: int = 2) -> Span:
    """An amount with its sign; unknown is "?"."""
    if amount is None:
        return Span("?", Tone.CAUTION)
    shown = f"{amount:+,.{places}f}"
    if not any(digit in shown for digit in "123456789"):
        return Span(f"{Decimal(0):.{places}f}")
    return Span(shown, Tone.GAIN if amount > 0 else Tone.LOSS)


@lru_cache(maxsize=4_096)
def price(value: Decimal | None) -> Span:
    """A price in dollars to a tenth of a cent; unknown is "?"."""
    return Span("?", Tone.CAUTION) if value is None else Span(f"{value:.3f}")


@lru_cache(maxsize=4_096)
def count(value: Decimal) -> str:
    """A number of contracts without needless zeros."""
    return f"{value:,.0f}" if value == value.to_integral_value() else f"{value:,.2f}"
