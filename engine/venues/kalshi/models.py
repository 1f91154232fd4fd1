"""What the exchange says about itself and its markets, typed and in our integers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from engine.market.fees import FeeSchedule
from engine.market.grid import PriceGrid
from engine.market.money import ONE_DOLLAR, Count, Micros, Price, parse_count, parse_price
from engine.market.strikes import Strike
from engine.venues.kalshi.errors import MalformedAnswer
from engine.venues.kalshi.fields import Fields
from engine.venues.kalshi.wire import BookSide

Levels: TypeAlias = tuple[tuple[Price, Count], ...]

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class ExchangeStatus:
    """Whether the exchange answers at all, and whether it trades."""

    exchange_active: bool
    trading_active: bool
    resumes: datetime | None

    @classmethod
    def parse(cls, raw: object) -> ExchangeStatus:
        fields = Fields(raw, "exchange status")
        return cls(
            exchange_active=fields.flag("exchange_active"),
            trading_active=fields.flag("trading_active"),
            resumes=fields.optional("exchange_estimated_resume_time", fields.instant),
        )


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """Open and close as "HH:MM" ET for each weekday, Monday first; valid from `start` to `end`."""

    start: datetime
    end: datetime
    days: tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the exchange trades, and when it is being worked on."""

    standard_hours: tuple[WeeklyHours, ...]
    maintenance_windows: tuple[tuple[datetime, datetime], ...]

    @classmethod
    def parse(cls, raw: object) -> Schedule:
        fields = Fields(raw, "schedule").nested("schedule")
        hours = tuple(
            WeeklyHours(
                start=week.instant("start_time"),
                end=week.instant("end_time"),
                days=tuple(
                    tuple((each.text("open_time"), each.text("close_time")) for each in week.objects(day))
                    for day in _WEEKDAYS
                ),
            )
            for week in fields.objects("standard_hours")
        )
        windows = tuple(
            (each.instant("start_datetime"), each.instant("end_datetime"))
            for each in fields.objects("maintenance_windows")
        )
        return cls(hours, windows)


@dataclass(frozen=True, slots=True)
class Series:
    """A family of events with one fee rule."""

    ticker: str
    title: str
    category: str
    frequency: str
    fee_type: str
    fee_multiplier: Decimal
    settlement_sources: tuple[str, ...]

    @classmethod
    def parse(cls, fields: Fields) -> Series:
        return cls(
            ticker=fields.text("ticker"),
            title=fields.text("title"),
            category=fields.text("category"),
            frequency=fields.text("frequency"),
            fee_type=fields.text("fee_type"),
            fee_multiplier=fields.decimal("fee_multiplier"),
            settlement_sources=_source_names(fields),
        )

    def fees(self) -> FeeSchedule:
        """Raises UnsupportedFees when the fee type has no published formula."""
        return FeeSchedule(self.fee_type, self.fee_multiplier)


@dataclass(frozen=True, slots=True)
class Market:
    """One question and its quote. An empty side of the book is None, never 0 or 1 dollar."""

    ticker: str
    event_ticker: str
    status: str
    title: str
    yes_title: str
    open_time: datetime
    close_time: datetime
    expected_expiration_time: datetime | None
    strike_type: str | None
    floor_strike: Decimal | None
    cap_strike: Decimal | None
    grid: PriceGrid
    yes_bid: Price | None
    yes_ask: Price | None
    last_price: Price | None
    volume: Count
    open_interest: Count
    result: str
    expiration_value: str
    settlement_value: Micros | None
    settled_at: datetime | None
    rules: str

    @classmethod
    def parse(cls, fields: Fields) -> Market:
        ticker = fields.text("ticker")
        try:
            grid = PriceGrid.of(fields.elements("price_ranges"))
        except (ValueError, AttributeError) as exc:
            raise MalformedAnswer(f"market {ticker}: price_ranges: {exc}") from exc
        return cls(
            ticker=ticker,
            event_ticker=fields.text("event_ticker"),
            status=fields.text("status"),
            title=fields.optional("title", fields.text) or "",
            yes_title=fields.text("yes_sub_title"),
            open_time=fields.instant("open_time"),
            close_time=fields.instant("close_time"),
            expected_expiration_time=fields.optional("expected_expiration_time", fields.instant),
            strike_type=fields.optional("strike_type", fields.text),
            floor_strike=fields.optional("floor_strike", fields.decimal),
            cap_strike=fields.optional("cap_strike", fields.decimal),
            grid=grid,
            yes_bid=fields.price("yes_bid_dollars") or None,
            yes_ask=_offer(fields.price("yes_ask_dollars")),
            last_price=fields.price("last_price_dollars") or None,
            volume=fields.count("volume_fp"),
            open_interest=fields.count("open_interest_fp"),
            result=fields.text("result"),
            expiration_value=fields.text("expiration_value"),
            settlement_value=fields.optional("settlement_value_dollars", fields.money),
            settled_at=fields.optional("settlement_ts", fields.instant),
            rules=fields.text("rules_primary"),
        )

    def strike(self) -> Strike:
        """Raises UnsupportedStrike when two numbers do not describe the question."""
        return Strike(self.strike_type or "", self.floor_strike, self.cap_strike)


@dataclass(frozen=True, slots=True)
class Event:
    """What a ladder of markets is about. Its fee overrides replace the series' values."""

    event_ticker: str
    series_ticker: str
    title: str
    sub_title: str
    mutually_exclusive: bool
    strike_date: datetime | None
    settlement_sources: tuple[str, ...]
    fee_type_override: str | None
    fee_multiplier_override: Decimal | None
    markets: tuple[Market, ...]

    @classmethod
    def parse(cls, fields: Fields) -> Event:
        return cls(
            event_ticker=fields.text("event_ticker"),
            series_ticker=fields.text("series_ticker"),
            title=fields.text("title"),
            sub_title=fields.text("sub_title"),
            mutually_exclusive=fields.flag("mutually_exclusive"),
            strike_date=fields.optional("strike_date", fields.instant),
            settlement_sources=_source_names(fields),
            fee_type_override=fields.optional("fee_type_override", fields.text),
            fee_multiplier_override=fields.optional("fee_multiplier_override", fields.decimal),
            markets=fields.optional("markets", lambda name: tuple(map(Market.parse, fields.objects(name)))) or (),
        )


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """A print. `taker` is the book side of whoever crossed: a bid took offers."""

    trade_id: str
    ticker: str
    price: Price
    count: Count
    taker: BookSide
    at: datetime
    is_block: bool

    @classmethod
    def parse(cls, fields: Fields) -> PublicTrade:
        return cls(
            trade_id=fields.text("trade_id"),
            ticker=fields.text("ticker"),
            price=fields.price("yes_price_dollars"),
            count=fields.count("count_fp"),
            taker=fields.choice("taker_book_side", BookSide),
            at=fields.instant("created_time"),
            is_block=fields.flag("is_block_trade"),
        )


@dataclass(frozen=True, slots=True)
class BookLevels:
    """A whole book on the YES scale: bids and offers as (price, count), best first."""

    ticker: str
    bids: Levels
    asks: Levels

    @classmethod
    def parse(cls, ticker: str, fields: Fields) -> BookLevels:
        """From `orderbook_fp`: bids of both sides, each on its own scale, in any order."""
        try:
            yes = _levels(fields.optional("yes_dollars", fields.elements) or ())
            no = _levels(fields.optional("no_dollars", fields.elements) or ())
        except (ValueError, TypeError) as exc:
            raise MalformedAnswer(f"order book {ticker}: {exc}") from exc
        bids = tuple(sorted(yes, reverse=True))
        asks = tuple(sorted((ONE_DOLLAR - price, count) for price, count in no))
        return cls(ticker, bids, asks)


def _levels(raw: Iterable[Any]) -> list[tuple[Price, Count]]:
    return [(parse_price(price), parse_count(count)) for price, count in raw]


def _offer(price: Price) -> Price | None:
    return None if price == ONE_DOLLAR else price


def _source_names(fields: Fields) -> tuple[str, ...]:
    sources = fields.optional("settlement_sources", lambda name: [each.text("name") for each in fields.objects(name)])
    return tuple(sources or ())
