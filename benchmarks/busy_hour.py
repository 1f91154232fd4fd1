"""An hour of a busy exchange in market time, as fast as it goes, in one process: what memory it takes."""

from __future__ import annotations

from pathlib import Path

from engine.venues.simulated.account import Account
from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.faults import Faults
from engine.venues.simulated.instants import MINUTE, SECOND, to_instant
from engine.venues.simulated.lifecycle import Lifecycle
from engine.venues.simulated.market import MarketStatus
from engine.venues.simulated.market_clock import START
from engine.venues.simulated.orders import OrderRequest, SelfTrade, Side, TimeInForce
from engine.venues.simulated.population import Population
from engine.venues.simulated.trading import Trading
from state.clock import SystemClock

ORDERS_A_SECOND = 2


class BusyHour:
    """The population trades, and one account places and cancels orders every second."""

    def __init__(self, minutes: int) -> None:
        self._minutes = minutes
        self._early = 0.0

    def at_the_end(self) -> float:
        """Resident megabytes after the last minute."""
        if not self._early:
            self._run()
        return _resident_mb()

    def early(self) -> float:
        """Resident megabytes after a sixth of the time."""
        return self._early

    def _run(self) -> None:
        exchange = Exchange(to_instant(START))
        trading = Trading(exchange, SystemClock().boottime_ns, 0.0)
        lifecycle = Lifecycle(exchange, trading, 7, lambda market: population.enter(market), Faults(7))
        population = Population(exchange, trading, lifecycle.paths, 7, 1.0)
        lifecycle.start()
        account = exchange.open_account(10**12)
        for minute in range(self._minutes):
            for second in range(60):
                exchange.advance(exchange.now + SECOND)
                exchange.tell_quotes()
                _trade(exchange, trading, account, minute * 60 + second)
            if minute + 1 == max(1, self._minutes // 6):
                self._early = _resident_mb()
        assert exchange.now >= to_instant(START) + self._minutes * MINUTE


def _trade(exchange: Exchange, trading: Trading, account: Account, second: int) -> None:
    trading.cancel_all(account)
    active = [market for market in exchange.markets.values() if market.status is MarketStatus.ACTIVE]
    for number in range(ORDERS_A_SECOND):
        market = active[(second + number) % len(active)]
        request = OrderRequest(
            market.ticker, Side.BID, 100, 100, TimeInForce.GOOD_TILL_CANCELED, SelfTrade.TAKER_AT_CROSS,
            f"busy-{second}-{number}", None, False, False, False, None,
        )  # fmt: skip
        trading.create(account, request)


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS in /proc/self/status")
