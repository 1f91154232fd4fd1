"""What an administrator changes about a market that lives: when it closes, what it asks, on which prices it trades.

Each change is announced on market_lifecycle_v2. What cannot be is refused: a market that has closed stays as it is, the
strikes of an event that only one market can win must not overlap, and no resting order may find itself off the grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from engine.market.grid import PriceGrid
from engine.market.strikes import UnsupportedStrike
from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.happenings import MarketChanged, MarketEvent
from engine.venues.simulated.instants import SECOND
from engine.venues.simulated.lifecycle import Lifecycle
from engine.venues.simulated.market import LINEAR_CENT, Market, MarketSpec, MarketStatus

STRUCTURES = {
    "linear_cent": LINEAR_CENT,
    "deci_cent": PriceGrid(((0, 10_000, 10),)),
    "tapered_deci_cent": PriceGrid(((0, 1_000, 10), (1_000, 9_000, 100), (9_000, 10_000, 10))),
}
_FIELDS = frozenset({"close_ts", "floor_strike", "cap_strike", "yes_sub_title", "price_level_structure"})
# of a strike, either way
FURTHEST = 10**12
_OPEN = (MarketStatus.INITIALIZED, MarketStatus.INACTIVE, MarketStatus.ACTIVE)


class RevisionError(ValueError):
    """A change that cannot be."""


@dataclass(frozen=True, slots=True)
class Revising:
    exchange: Exchange
    lifecycle: Lifecycle

    def revise(self, ticker: str, wanted: Mapping[str, Any]) -> Market:
        """Change what `wanted` names of a market, all of it or nothing. Raises RevisionError."""
        market = self.exchange.markets.get(ticker)
        if market is None:
            raise RevisionError(f"no market {ticker!r}")
        unknown = wanted.keys() - _FIELDS
        if unknown or not wanted:
            raise RevisionError(
                f"{min(unknown, default='nothing')!r} cannot be changed, but {', '.join(sorted(_FIELDS))}"
            )
        if market.status not in _OPEN:
            raise RevisionError(f"market {ticker} is {market.status}")
        spec = _spec(market, wanted)
        closes = _closes(market, wanted, self.exchange.now)
        structure = _structure(market, wanted)
        if spec is not market.spec:
            before = market.spec
            self.exchange.revise(market, spec)
            if spec.strike != before.strike:
                self._tell(market, MarketEvent.STRIKE_UPDATED)
            if spec.yes_sub_title != before.yes_sub_title:
                self._tell(market, MarketEvent.SUBTITLE_UPDATED)
        if structure is not None:
            market.price_level_structure, market.grid = structure, STRUCTURES[structure]
            market.updated = self.exchange.now
            self._tell(market, MarketEvent.PRICE_LEVEL_STRUCTURE_UPDATED)
        if closes is not None:
            self.lifecycle.move_close(market, closes)
        return market

    def _tell(self, market: Market, event: MarketEvent) -> None:
        self.exchange.tell(MarketChanged(market, event, market.status, self.exchange.now))


def _spec(market: Market, wanted: Mapping[str, Any]) -> MarketSpec:
    spec = market.spec
    if "yes_sub_title" in wanted:
        if not isinstance(wanted["yes_sub_title"], str):
            raise RevisionError("yes_sub_title is a text")
        spec = replace(spec, yes_sub_title=wanted["yes_sub_title"])
    given = [name for name in ("floor_strike", "cap_strike") if name in wanted]
    bounds: dict[str, Any] = {name: _number(name, wanted[name]) for name in given}
    if not bounds:
        return spec
    if spec.strike is None or any(getattr(spec.strike, name) is None for name in bounds):
        raise RevisionError(f"market {spec.ticker} is {spec.strike_type} and has no {' or '.join(bounds)}")
    if market.event.mutually_exclusive:
        raise RevisionError(f"only one market of {spec.event_ticker} can win: its strikes stay")
    try:
        strike = replace(spec.strike, **bounds)
    except UnsupportedStrike as error:
        raise RevisionError(str(error)) from None
    return replace(spec, strike=strike, floor_strike=strike.floor_strike, cap_strike=strike.cap_strike)


def _number(name: str, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RevisionError(f"{name} is a number")
    if not -FURTHEST <= value <= FURTHEST:
        raise RevisionError(f"{name} is out of range")
    return Decimal(str(value))


def _closes(market: Market, wanted: Mapping[str, Any], now: int) -> int | None:
    if "close_ts" not in wanted:
        return None
    seconds = wanted["close_ts"]
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise RevisionError("close_ts is a number of seconds since 1970, market time")
    closes = seconds * SECOND
    if not max(now, market.spec.opens) < closes <= market.spec.expected_expiration:
        raise RevisionError("close_ts must lie ahead, after the opening and not after the expected expiration")
    return closes


def _structure(market: Market, wanted: Mapping[str, Any]) -> str | None:
    name = wanted.get("price_level_structure")
    if name is None:
        return None
    if name not in tuple(STRUCTURES):
        raise RevisionError(f"price_level_structure is one of {', '.join(STRUCTURES)}")
    if not set(market.grid.ticks) <= set(STRUCTURES[name].ticks):
        raise RevisionError(f"{name} has not every price of {market.price_level_structure}: orders may rest there")
    return str(name)
