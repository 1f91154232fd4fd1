"""Which market time the engine lives in: its own for a simulated exchange, system time for a live one."""

from __future__ import annotations

from state.clock import Clock, LiveMarketClock, MarketClock
from state.config import ConfigError, Settings
from state.document import read
from state.home import Home
from state.models.market_clock import MarketClockSetting


def market_clock_of(home: Home, settings: Settings, clock: Clock) -> MarketClock | LiveMarketClock:
    """The clock that releases, windows and expiry go by. Raises ConfigError when it should be in a file and is not."""
    if not settings.exchange.market_clock:
        return LiveMarketClock(clock)
    found = read(home, Home.market_clock, MarketClockSetting, clock)
    if found.value is None:
        raise ConfigError(f"{home.path(Home.market_clock)}: {found.reason}; exchange.market_clock wants it")
    if found.value.boot_id != clock.boot_id():
        raise ConfigError(f"{home.path(Home.market_clock)}: of another boot, whose clock is gone; start the demo anew")
    return MarketClock(clock, found.value.start, found.value.anchor_ns, found.value.speed)
