"""Which markets the desks may trade: the open events of every configured series, with their terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from engine.desks.ladders.families import FamilySettings
from engine.market.fees import FeeSchedule, UnsupportedFees
from engine.market.strikes import Strike, UnsupportedStrike
from engine.market.view import MarketInfo, MarketStatus
from engine.venues.kalshi.errors import MalformedAnswer, Rejected
from engine.venues.kalshi.models import Event, Market, Series
from engine.venues.kalshi.rest import KalshiRest


@dataclass(slots=True)
class Catalogue:
    """Markets by ticker, as the exchange last listed them."""

    families: Mapping[str, FamilySettings]
    markets: dict[str, MarketInfo] = field(default_factory=dict)
    _series: dict[str, Series] = field(default_factory=dict)

    async def refresh(self, rest: KalshiRest) -> tuple[str, ...]:
        """Ask for the open events of every enabled family; what is wrong with single series, which keep what they had.

        Raises Unavailable when the exchange does not answer.
        """
        problems: list[str] = []
        for family in self.families.values():
            for series in family.series if family.enabled else ():
                try:
                    await self._refresh_series(rest, family.name, series)
                except (Rejected, MalformedAnswer) as error:
                    problems.append(f"{series}: {error}")
        return tuple(problems)

    async def _refresh_series(self, rest: KalshiRest, family: str, series: str) -> None:
        if series not in self._series:
            self._series[series] = await rest.series(series)
        self._adopt(family, series, await rest.events(series_ticker=series, status="open"))

    def known(self) -> tuple[MarketInfo, ...]:
        """Every market there is to judge."""
        return tuple(self.markets.values())

    def open_tickers(self) -> frozenset[str]:
        """Markets that trade now, as far as the last listing tells."""
        return frozenset(info.ticker for info in self.markets.values() if info.status is MarketStatus.ACTIVE)

    async def settled(self, rest: KalshiRest, held: frozenset[str]) -> list[Market]:
        """Markets of `held` that are final. A result may still be disputed before that, and one pays only once."""
        ended = sorted(held - self.open_tickers())
        if not ended:
            return []
        listed = await rest.markets(tickers=ended)
        return [market for market in listed if _status(market.status) is MarketStatus.FINALIZED]

    def _adopt(self, family: str, series: str, events: Iterable[Event]) -> None:
        listed = {
            market.ticker: self._info(family, series, event, market) for event in events for market in event.markets
        }
        others = {ticker: info for ticker, info in self.markets.items() if info.series != series}
        self.markets = others | listed

    def _info(self, family: str, series: str, event: Event, market: Market) -> MarketInfo:
        return MarketInfo(
            ticker=market.ticker,
            event=event.event_ticker,
            series=series,
            family=family,
            strike=_strike(market),
            grid=market.grid,
            fees=_fees(self._series[series], event),
            opens_at=market.open_time,
            closes_at=market.close_time,
            status=_status(market.status),
        )


def _strike(market: Market) -> Strike | None:
    try:
        return market.strike()
    except UnsupportedStrike:
        return None  # the desk names it as its reason not to quote


def _fees(series: Series, event: Event) -> FeeSchedule | None:
    fee_type = event.fee_type_override or series.fee_type
    override = event.fee_multiplier_override
    try:
        return FeeSchedule(fee_type, series.fee_multiplier if override is None else override)
    except UnsupportedFees:
        return None  # the desk names it as its reason not to quote


def _status(text: str) -> MarketStatus:
    return MarketStatus(text) if text in set(MarketStatus) else MarketStatus.UNKNOWN
