"""Which market time the engine lives in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine.market_time import market_clock_of
from state.clock import LiveMarketClock, MarketClock, SimulatedClock
from state.config import ConfigError
from state.document import DocumentWriter
from state.home import Home
from state.models.market_clock import MarketClockSetting
from state.settings import Exchange, Settings

OWN = Settings(exchange=Exchange(market_clock=True))


@pytest.fixture
def write(home: Home, clock: SimulatedClock, emit: Any) -> Any:
    def put(speed: float = 1.0) -> None:
        setting = MarketClockSetting(start=clock.now(), anchor_ns=clock.boottime_ns(), speed=speed)
        DocumentWriter(home, Home.market_clock, clock, emit, MarketClockSetting()).write(setting)

    return put


def test_a_live_market_lives_in_system_time(home: Home, clock: SimulatedClock) -> None:
    found = market_clock_of(home, Settings(), clock)
    assert isinstance(found, LiveMarketClock)
    assert found.now() == clock.now()


def test_a_simulated_market_has_its_own(home: Home, clock: SimulatedClock, write: Any) -> None:
    write(speed=60.0)
    start = clock.now()
    found = market_clock_of(home, OWN, clock)
    assert isinstance(found, MarketClock)
    clock.advance(2)
    assert found.now() == start + timedelta(minutes=2)


@pytest.mark.parametrize("raw", [None, b"", b"{", b"[]", b'{"speed": -1}'])
def test_one_that_should_be_there_and_is_not_is_a_wrong_configuration(
    home: Home, clock: SimulatedClock, raw: bytes | None
) -> None:
    if raw is not None:
        home.path(Home.market_clock).write_bytes(raw)
    with pytest.raises(ConfigError, match=r"market_clock\.json"):
        market_clock_of(home, OWN, clock)


def test_one_of_another_boot_tells_no_time(home: Home, clock: SimulatedClock, write: Any) -> None:
    write()
    clock.boot = "11111111-0000-4000-8000-000000000000"
    clock.advance(1)
    with pytest.raises(ConfigError, match="another boot"):
        market_clock_of(home, OWN, clock)
